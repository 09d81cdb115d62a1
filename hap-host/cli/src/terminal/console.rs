use std::{
    fmt,
    io::{self, IsTerminal as _, Write as _},
};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{harmless::harmless, progress::Progress};
use crate::failure::Failure;

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise; `CLICOLOR_FORCE` is obeyed too.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How a command tells what it does, as its command line says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OutputOptions {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) colour: Colour,
}

/// The two outputs of the process.
///
/// A reader that is gone, as behind `| head`, is no failure: the rest is not written, and
/// [`closed`](Self::closed) tells a command that goes on by itself.
#[derive(Debug)]
pub(crate) struct Console {
    json: bool,
    quiet: bool,
    choice: ColorChoice,
    closed: CancellationToken,
}

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default();
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();

impl Console {
    pub(crate) fn new(options: OutputOptions) -> Self {
        Self {
            json: options.json,
            quiet: options.quiet,
            choice: match options.colour {
                Colour::Auto => ColorChoice::Auto,
                Colour::Always => ColorChoice::Always,
                Colour::Never => ColorChoice::Never,
            },
            closed: CancellationToken::new(),
        }
    }

    /// Whether programs read what it tells.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Is cancelled when nobody reads the results any more.
    pub(crate) const fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    /// Tells the result of a command: an object for programs, a text for people. The text ends without a line break.
    pub(crate) fn result(&self, command: &str, result: &Value, text: impl fmt::Display) {
        if self.json {
            self.out(json!({"success": true, "command": command, "result": result}));
        } else {
            self.out(text);
        }
    }

    /// Tells something that happens while a command goes on: a line of JSON for programs, a line of text for people.
    pub(crate) fn event(&self, event: &Value, text: impl fmt::Display) {
        if self.json {
            self.out(event);
        } else {
            self.out(text);
        }
    }

    /// Tells people what goes on, on standard error. Left out for programs and with `--quiet`.
    pub(crate) fn note(&self, text: impl fmt::Display) {
        if !self.json && !self.quiet {
            self.err(text);
        }
    }

    /// Warns people of something that does not keep the command from going on, also with `--quiet`.
    pub(crate) fn warning(&self, text: impl fmt::Display) {
        if !self.json {
            let text = harmless(&text.to_string());
            self.err(format_args!("{WARNING}warning{WARNING:#}: {text}"));
        }
    }

    /// Shows that something takes its time, on a terminal alone.
    pub(crate) fn progress(&self, text: impl Into<String>) -> Progress {
        let is_shown = !self.json && !self.quiet && io::stderr().is_terminal();
        Progress::new(is_shown, text.into())
    }

    /// Tells why a command failed and what to do.
    pub(crate) fn failure(&self, command: &str, failure: &Failure) {
        if self.json {
            self.out(failure.to_json(command));
            return;
        }
        let help = failure.help_text().map(|help| {
            harmless(help)
                .lines()
                .map(|line| format!("\n  {HINT}{line}{HINT:#}"))
                .collect::<String>()
        });
        self.err(format_args!(
            "{BAD}error{BAD:#}: {}{}",
            // It names files and answers of others.
            harmless(&failure.to_string()),
            help.unwrap_or_default()
        ));
    }

    fn out(&self, text: impl fmt::Display) {
        if self.closed.is_cancelled() {
            return;
        }
        let mut out = AutoStream::new(io::stdout().lock(), self.choice(&io::stdout()));
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            self.closed.cancel();
        }
    }

    fn err(&self, text: impl fmt::Display) {
        let mut err = AutoStream::new(io::stderr().lock(), self.choice(&io::stderr()));
        // Who does not read errors has no use for one about that.
        let _ = writeln!(err, "{text}");
    }

    fn choice(&self, stream: &impl anstream::stream::RawStream) -> ColorChoice {
        match self.choice {
            ColorChoice::Auto => AutoStream::choice(stream),
            chosen => chosen,
        }
    }
}

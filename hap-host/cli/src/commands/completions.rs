use std::io;

use clap::Args;
use clap_complete::{Shell, generate};

use crate::failure::{Exit, Failure};

/// Writes what a shell needs to complete `hap`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap completions bash > ~/.local/share/bash-completion/completions/hap
    hap completions fish > ~/.config/fish/completions/hap.fish")]
pub(crate) struct Completions {
    /// Whose completions
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, mut command: clap::Command) -> Result<Exit, Failure> {
        let mut text = Vec::new();
        generate(self.shell, &mut command, "hap", &mut text);
        match io::Write::write_all(&mut io::stdout().lock(), &text) {
            Ok(()) => Ok(Exit::Done),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
            Err(error) => Err(Failure::new(
                Exit::Failed,
                "not_written",
                format!("the completions cannot be written: {error}"),
            )),
        }
    }
}

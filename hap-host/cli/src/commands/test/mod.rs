//! `hap test`: the conformance suite against a plugin, wherever it is.

mod aim;
mod output;
mod package;
mod ready;

use std::{collections::BTreeSet, ffi::OsString, path::PathBuf};

use clap::Args;
use hap_conformance::{Case, CaseReport, ExpectedFailures, Level, Outcome, Report, cases, suite};
use hap_manifest::permission::Permission;

use self::{
    aim::Aim,
    output::{Checked, Output},
    ready::Ready,
};
use crate::{
    engine::Own,
    failure::{Exit, Failure},
    terminal::{Console, Interrupt, harmless},
};

/// Tries whether a plugin keeps to the protocol
///
/// TARGET is the folder of a plugin, a package, an image of this machine, or the address of a plugin that runs. A program is
/// named behind `--`. A plugin that the command starts itself is started several times, each time with an environment, a token
/// and a data folder of its own. A folder with a Dockerfile is built and tested in containers, behind the walls that a host
/// gives it; without an engine it is tested as a program. Nothing of it is left at the end.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap test
    hap test ./bell --level guide
    hap test --no-docker
    hap test bell-0.1.0.zip
    hap test bell:0.1.0 --manifest ./bell/manifest.json
    hap test http://127.0.0.1:8000 --token \"$HAP_API_TOKEN\"
    hap test -- python3 plugin.py
    hap test --junit report.xml --report report.json --sign ~/.config/hap/key
    hap test --only command,hostile.empty")]
pub(crate) struct Test {
    /// What is tested [default: the plugin in this folder]
    target: Option<String>,

    /// A program and its arguments, in place of TARGET
    #[arg(last = true, value_name = "PROGRAM", conflicts_with = "target")]
    program: Vec<OsString>,

    /// What the plugin is held to
    #[arg(long, value_name = "LEVEL", default_value = "full")]
    level: Asked,

    /// Tries these cases alone: ids as a report names them, or what they begin with
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    only: Vec<String>,

    /// The manifest of a program, an address or an image [default: manifest.json in this folder, where there is one]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,

    /// Tests the plugin of a folder as a program of this machine, without a container
    #[arg(long)]
    no_docker: bool,

    /// Lets a build do more than copy files: `build`
    #[arg(long, value_name = "PERMISSION")]
    grant: Vec<Permission>,

    /// Failures that are known: case ids, each with the reason
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,

    /// The token that a plugin at an address was given
    #[arg(long, env = "HAP_API_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,

    #[command(flatten)]
    output: Output,
}

/// Said to who interrupts twice.
const REMOVING: &str = "still removing what the test made on the engine";

/// The levels, as people ask for them.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Asked {
    /// What the plugin guide demands; a few lines of a web framework pass
    Guide,
    /// All that the protocol says
    Full,
}

impl Test {
    pub(crate) async fn run(self, console: &Console, interrupt: &Interrupt) -> Result<Exit, Failure> {
        let expected = self.expected()?;
        let output = self.output.check()?;
        for id in &self.only {
            refuse_unknown(id)?;
        }
        let aim = Aim::of(self.target.as_deref(), &self.program, self.manifest.as_deref())?;
        let own = interrupt.or(aim.own(self.no_docker, console)).await??;
        let ended = self
            .try_it(&aim, own.as_ref(), (expected, &output), (console, interrupt))
            .await;
        let Some(own) = own else { return ended };
        let progress = console.progress(REMOVING);
        let removed = interrupt.outlast(REMOVING, console, own.remove_all()).await;
        drop(progress);
        // What is left behind is worth more than what the run came to.
        removed.and(ended)
    }

    async fn try_it(
        &self,
        aim: &Aim,
        own: Option<&Own>,
        (expected, output): (ExpectedFailures, &Checked),
        (console, interrupt): (&Console, &Interrupt),
    ) -> Result<Exit, Failure> {
        let given = (self.token.as_deref(), self.grant.as_slice());
        let ready = interrupt.or(Ready::of(aim, own, given, console)).await??;
        let mut run = suite(ready.target)
            .level(match self.level {
                Asked::Guide => Level::Guide,
                Asked::Full => Level::Full,
            })
            .expected_failures(expected);
        if let Some(declaration) = ready.declaration {
            run = run.declaration(declaration);
        }
        if !self.only.is_empty() {
            run = run.only(self.only.iter().cloned());
        }
        let progress = console.progress(format!("testing {}", ready.name));
        // Dropping the run ends all that it started.
        let report = interrupt.or(run.run()).await?;
        drop(progress);
        output.write(&report)?;
        tell(&report, console)
    }

    fn expected(&self) -> Result<ExpectedFailures, Failure> {
        let Some(file) = &self.expected else {
            return Ok(ExpectedFailures::default());
        };
        let named = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| {
            Failure::new(
                Exit::NotFound,
                "unreadable",
                format!("{named} cannot be read: {error}"),
            )
            .help("name a file such as {\"stop.exit-0\": \"the reason why it is expected to fail\"}")
        })?;
        text.parse()
            .map_err(|error| Failure::new(Exit::Usage, "bad_expected_failures", format!("{named}: {error}")))
    }
}

/// A report's own words say what failed and what mends it, so nothing is said beside them. What could not be started at
/// all is told once, not in each case.
fn tell(report: &Report, console: &Console) -> Result<Exit, Failure> {
    if let Some(why) = never_started(report) {
        let message = format!("{}: {}", harmless(&report.target), harmless(why));
        return Err(Failure::new(Exit::Failed, "not_started", message)
            .help("name a program that can be started here, or the folder of a plugin"));
    }
    let result = serde_json::to_value(report).unwrap_or_default();
    console.result("test", &result, harmless(report.to_string().trim_end()));
    Ok(if report.is_success() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Why there was nothing to try a case on: the same in every case.
fn never_started(report: &Report) -> Option<&str> {
    let first = report.cases.first()?.note.as_deref()?;
    let is_alike = |case: &CaseReport| case.outcome == Outcome::Error && case.note.as_deref() == Some(first);
    report.cases.iter().all(is_alike).then_some(first)
}

/// Refuses an id that no case has or begins with.
fn refuse_unknown(id: &str) -> Result<(), Failure> {
    let is_meant = |known: &str| {
        let rest = known.strip_prefix(id);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if cases().any(|case| is_meant(case.id())) {
        return Ok(());
    }
    let part = id.split('.').next().unwrap_or(id);
    let near: Vec<_> = cases()
        .map(Case::id)
        .filter(|known| known.starts_with(&format!("{part}.")))
        .collect();
    let near = if near.is_empty() {
        let parts: BTreeSet<_> = cases().filter_map(|case| case.id().split('.').next()).collect();
        parts.into_iter().collect()
    } else {
        near
    };
    let message = format!("there is no case {id:?}");
    Err(Failure::new(Exit::Usage, "unknown_case", message).help(format!("there are: {}", near.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_does_not_exist_is_refused_with_those_that_do() {
        for good in ["command", "command.known", "stop.exit-0"] {
            assert!(refuse_unknown(good).is_ok(), "{good}");
        }
        let near = refuse_unknown("stop.exit").unwrap_err();
        assert!(near.help_text().unwrap().contains("stop.exit-0"), "{near:?}");
        let far = refuse_unknown("comand").unwrap_err();
        assert!(far.help_text().unwrap().contains("command"), "{far:?}");
        assert!(!far.help_text().unwrap().contains("command.known"), "{far:?}");
    }
}

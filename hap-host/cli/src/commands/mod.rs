//! The sub-commands: what each takes, does and says.

mod build;
mod check;
mod completions;
mod describe;
mod dev;
mod doctor;
mod key;
mod new;
mod operate;
mod package;
mod run;
mod test;
mod up;
mod user;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::{
    failure::{Exit, Failure},
    terminal::{Colour, Console, Interrupt, OutputOptions},
};

const EXIT_CODES: &str = "\
Exit codes:
    0    done
    1    what was asked failed
    2    the command line is wrong
    3    no such plugin, version, file
    4    refused: a permission is not granted
    5    the engine or the host cannot be reached
    6    it is there already, or somebody else has it
    7    a signature or a digest does not fit
    8    out of time
    130  interrupted; nothing is left behind

hap is not Apple's HomeKit Accessory Protocol, and does not speak it.";

/// The sub-commands as people look for them.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "For authors of plugins",
        &[
            "new", "check", "dev", "build", "run", "test", "describe", "package", "key",
        ],
    ),
    ("The host on this machine", &["up", "user", "doctor"]),
    (
        "Plugins of a host",
        &[
            "install",
            "start",
            "stop",
            "restart",
            "update",
            "rollback",
            "uninstall",
            "ps",
            "status",
            "logs",
            "events",
            "stats",
            "command",
            "config",
            "grants",
            "limits",
            "orphans",
        ],
    ),
    ("More", &["completions", "help"]),
];

/// Returns all that `hap` takes, with its sub-commands in groups.
pub(crate) fn command() -> clap::Command {
    let mut command = Arguments::command();
    command.build();
    let mut template = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (title, names) in GROUPS {
        template.push_str(&format!("\n{title}:\n"));
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            template.push_str(&format!(
                "  {name:<12} {}\n",
                about.map(ToString::to_string).unwrap_or_default()
            ));
        }
    }
    template.push_str("\nOptions:\n{options}\n\n{after-help}\n");
    Arguments::command().help_template(template)
}

/// Makes plugins of a home platform, and runs them.
#[derive(Debug, Parser)]
#[command(name = "hap", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    output: Output,

    #[command(subcommand)]
    command: Command,
}

/// How a command tells what it does.
#[derive(Debug, Args)]
struct Output {
    /// Writes results as JSON: one object, or a line for each event
    #[arg(long, global = true)]
    json: bool,

    /// Writes results and failures alone
    #[arg(long, short, global = true)]
    quiet: bool,

    /// When to use colours; `NO_COLOR` and `CLICOLOR_FORCE` are obeyed too
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Colour,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::New),
    Check(check::Check),
    Dev(Box<dev::Dev>),
    Describe(describe::Describe),
    Doctor(doctor::Doctor),
    Key(key::Key),
    Build(build::Build),
    Run(Box<run::Run>),
    Test(Box<test::Test>),
    Package(package::Package),
    Up(up::Up),
    User(user::User),
    Ps(operate::Ps),
    Install(operate::Install),
    Start(operate::Start),
    Stop(operate::Stop),
    Restart(operate::Restart),
    Update(operate::Update),
    Rollback(operate::Rollback),
    Uninstall(operate::Uninstall),
    Status(operate::Status),
    Logs(operate::Logs),
    Events(operate::Events),
    Stats(operate::Stats),
    Command(operate::Command),
    Config(operate::Config),
    Grants(operate::Grants),
    Limits(operate::Limits),
    Orphans(operate::Orphans),
    Completions(completions::Completions),
}

impl Arguments {
    pub(crate) const fn output(&self) -> OutputOptions {
        OutputOptions {
            json: self.output.json,
            quiet: self.output.quiet,
            colour: self.output.color,
        }
    }

    /// The name of the sub-command.
    pub(crate) const fn name(&self) -> &'static str {
        match self.command {
            Command::New(_) => "new",
            Command::Check(_) => "check",
            Command::Dev(_) => "dev",
            Command::Describe(_) => "describe",
            Command::Doctor(_) => "doctor",
            Command::Key(_) => "key",
            Command::Build(_) => "build",
            Command::Run(_) => "run",
            Command::Test(_) => "test",
            Command::Package(_) => "package",
            Command::Up(_) => "up",
            Command::User(_) => "user",
            Command::Ps(_) => "ps",
            Command::Install(_) => "install",
            Command::Start(_) => "start",
            Command::Stop(_) => "stop",
            Command::Restart(_) => "restart",
            Command::Update(_) => "update",
            Command::Rollback(_) => "rollback",
            Command::Uninstall(_) => "uninstall",
            Command::Status(_) => "status",
            Command::Logs(_) => "logs",
            Command::Events(_) => "events",
            Command::Stats(_) => "stats",
            Command::Command(_) => "command",
            Command::Config(_) => "config",
            Command::Grants(_) => "grants",
            Command::Limits(_) => "limits",
            Command::Orphans(_) => "orphans",
            Command::Completions(_) => "completions",
        }
    }

    /// Carries the command out. What is left to clean up after an interrupt each command cleans up itself; one that has
    /// nothing to clean up is dropped.
    pub(crate) async fn run(self, console: &Console, interrupt: &Interrupt) -> Result<Exit, Failure> {
        match self.command {
            Command::New(command) => interrupt.or(async { command.run(console) }).await?,
            Command::Check(command) => interrupt.or(command.run(console)).await?,
            Command::Dev(command) => command.run(console, interrupt).await,
            Command::Describe(command) => interrupt.or(command.run(console)).await?,
            Command::Doctor(command) => command.run(console, interrupt).await,
            Command::Key(command) => interrupt.or(command.run(console)).await?,
            Command::Build(command) => command.run(console, interrupt).await,
            Command::Run(command) => command.run(console, interrupt).await,
            Command::Test(command) => command.run(console, interrupt).await,
            Command::Package(command) => command.run(console, interrupt).await,
            // It hears signals by itself: one of them means another thing to it.
            Command::Up(command) => command.run(console).await,
            Command::User(command) => interrupt.or(async { command.run(console) }).await?,
            Command::Ps(command) => interrupt.or(command.run(console)).await?,
            Command::Install(command) => Box::pin(interrupt.or(command.run(console))).await?,
            Command::Start(command) => interrupt.or(command.run(console)).await?,
            Command::Stop(command) => interrupt.or(command.run(console)).await?,
            Command::Restart(command) => interrupt.or(command.run(console)).await?,
            Command::Update(command) => Box::pin(interrupt.or(command.run(console))).await?,
            Command::Rollback(command) => interrupt.or(command.run(console)).await?,
            Command::Uninstall(command) => interrupt.or(command.run(console)).await?,
            Command::Status(command) => interrupt.or(command.run(console)).await?,
            Command::Logs(command) => command.run(console, interrupt).await,
            Command::Events(command) => command.run(console, interrupt).await,
            Command::Stats(command) => interrupt.or(command.run(console)).await?,
            Command::Command(command) => interrupt.or(command.run(console)).await?,
            Command::Config(command) => interrupt.or(command.run(console)).await?,
            Command::Grants(command) => interrupt.or(command.run(console)).await?,
            Command::Limits(command) => interrupt.or(command.run(console)).await?,
            Command::Orphans(command) => interrupt.or(command.run(console)).await?,
            Command::Completions(command) => interrupt.or(async { command.run(Self::command()) }).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sub_command_is_in_one_group_of_the_help() {
        let mut grouped: Vec<_> = GROUPS
            .iter()
            .flat_map(|(_, names)| names.iter().copied())
            .collect();
        let mut command = Arguments::command();
        command.build();
        let mut all: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        grouped.sort_unstable();
        all.sort_unstable();
        assert_eq!(grouped, all);
    }
}

//! The sub-commands: what each takes, does and says.

mod build;
mod check;
mod completions;
mod describe;
mod dev;
mod doctor;
mod key;
mod new;
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
    0  done                                   6  it is there already, or somebody else has it
    1  what was asked failed                  7  a signature or a digest does not fit
    2  the command line is wrong              8  out of time
    3  no such plugin, version, file        130  interrupted; nothing is left behind
    4  refused: a permission is not granted
    5  the engine cannot be reached

hap is not Apple's HomeKit Accessory Protocol, and does not speak it.";

/// Makes, checks, tries, runs and packs plugins of a home platform.
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
            Command::Completions(command) => interrupt.or(async { command.run(Self::command()) }).await?,
        }
    }
}

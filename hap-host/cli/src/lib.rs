#![doc = include_str!("../README.md")]
//!
//! # The crate
//!
//! `hap` is a program; [`main`] is all of it, and [`command`] is what it takes. Whoever wants to run plugins from a program
//! of their own uses `hap-host`, whoever wants to try one from a test uses `hap-conformance`.

mod build;
mod cargo;
mod commands;
mod disk;
mod doctor;
mod elf;
mod engine;
mod failure;
mod host;
mod lint;
mod project;
mod signing;
mod site;
mod template;
mod terminal;

use std::{ffi::OsString, process::ExitCode};

use clap::FromArgMatches as _;

use self::{
    commands::Arguments,
    failure::{Exit, Failure},
    terminal::{Console, Interrupt},
};

/// Returns all that `hap` takes: its sub-commands, their arguments and their help.
#[must_use]
pub fn command() -> clap::Command {
    commands::command()
}

/// Runs the command line of this process and returns its exit code.
///
/// The codes stand in `hap help` and in the README.
#[must_use]
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(line: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match command()
        .try_get_matches_from(line)
        .and_then(|found| Arguments::from_arg_matches(&found))
    {
        Ok(arguments) => arguments,
        Err(error) => {
            // To nobody who listens, there is nothing to say.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let console = Console::new(arguments.output());
    let name = arguments.name();
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                Exit::Failed,
                "no_runtime",
                format!("no threads can be made: {error}"),
            )
        })
        .and_then(|runtime| {
            let ended = runtime.block_on(async {
                let interrupt = Interrupt::listen()?;
                Box::pin(arguments.run(&console, &interrupt)).await
            });
            // A blocked read of the terminal must not keep the process.
            runtime.shutdown_background();
            ended
        });
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            console.failure(name, &failure);
            failure.exit().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        command().debug_assert();
    }
}

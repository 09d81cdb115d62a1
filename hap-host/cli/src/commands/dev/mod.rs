//! `hap dev`: a plugin at work without a container, at the side of the platform that the conformance suite emulates.

mod caller;
mod input;
mod lines;
mod place;
mod program;
mod session;
mod show;
mod watch;
mod wishes;

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

use self::{place::Place, session::Session};
use crate::{
    failure::{Exit, Failure},
    project::Project,
    terminal::{Console, Interrupt},
};

/// Runs a plugin here, without a container, and starts it again when its files change
///
/// An emulated platform gives it its environment and a token, shows its events with their data, sends it settings, and the
/// commands that you type. A plugin in Rust is built first, and again at each change; until that is done the one of before
/// runs on. Its data lie in a folder that is removed at the end.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap dev
    hap dev ./bell --port 9000 --config settings.json
    hap dev ./bell --commands commands.txt
    hap dev ./bell --env LOG_LEVEL=debug -- python3 -X dev plugin.py

Lines on standard input, and in the file of --commands:
    ring times=3             sends the command `ring`; a value is JSON, or else a text
    ring {\"times\": 3}        the same
    :status   :health        asks for it
    :config {\"volume\": 30}   sends these settings, now and after each start
    :restart                 stops the plugin and starts it again
    :answer 503              answers events so; or ok, nothing, half
    :help   :quit")]
pub(crate) struct Dev {
    /// The plugin's folder
    #[arg(default_value = ".")]
    path: PathBuf,

    /// The port that it is told to listen on [default: that of the manifest, or one that is free]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,

    /// Settings, as a JSON object; they are sent after each start, and again when the file changes
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Carries the lines of this file out, one after the other, and ends: with 1 where one of them failed
    #[arg(long, value_name = "FILE")]
    commands: Option<PathBuf>,

    /// One more variable for the plugin
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// A program and its arguments, in place of what the plugin's files tell
    #[arg(last = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

impl Dev {
    pub(crate) async fn run(self, console: &Console, interrupt: &Interrupt) -> Result<Exit, Failure> {
        let project = Project::open(&self.path)?;
        for warning in project.warnings() {
            console.warning(warning.message());
        }
        let variables = place::variables(&self.env)?;
        let lines = lines::Lines::open(self.commands.as_deref())?;
        let place = Place::new(&project, self.port, console).await?;
        let config = self.config.as_deref().map(place::settings).transpose()?;
        let session = Session::new(console, project, place, variables, self.program, config)?;
        session.run(lines, interrupt).await
    }
}

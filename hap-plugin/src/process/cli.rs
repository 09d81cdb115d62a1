//! What a plugin's program does besides serving.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde::Serialize;

use crate::api::Plugin;
use crate::error::StartError;
use crate::http_client::HttpClient;
use crate::server::{Schemas, help as takes, openapi};
use crate::settings::Settings;
use crate::telemetry::chain;

/// Longest time for a health check from within the container.
const HEALTH_DEADLINE: Duration = Duration::from_secs(2);

const USAGE: &str = "\
A home automation plugin.

Without an argument it serves its API until SIGTERM or SIGINT. Otherwise:
  healthcheck   ask the running plugin for its health; exit 0 if it is well, else 1
  describe      print the JSON Schemas of commands, configuration and status
  openapi       print the OpenAPI document of the API
  help          print this, and what the plugin takes

Environment: PLUGIN_ID, PLUGIN_NAME, PLUGIN_VERSION, PORT, PLATFORM_API_URL, HAP_API_TOKEN, HAP_WEBHOOK_SECRET,
HAP_DATA_DIR (all optional, set by the host); HAP_BIND (address to serve on); HAP_CONFIG and HAP_CONFIG_<KEY> (settings); RUST_LOG.
";

/// The sub-commands of every plugin's program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    Serve,
    HealthCheck,
    Describe,
    OpenApi,
    Help,
    /// With the argument that is not known here.
    Unknown(OsString),
}

impl Task {
    /// Reads the arguments after the program's name.
    pub(crate) fn of(mut arguments: impl Iterator<Item = OsString>) -> Self {
        let Some(first) = arguments.next() else {
            return Self::Serve;
        };
        let task = match first.to_str() {
            Some("healthcheck") => Self::HealthCheck,
            Some("describe") => Self::Describe,
            Some("openapi") => Self::OpenApi,
            Some("help" | "--help" | "-h") => Self::Help,
            _ => return Self::Unknown(first),
        };
        arguments.next().map_or(task, Self::Unknown)
    }
}

/// Prints the schemas as the endpoint would answer them.
pub(crate) fn describe<P: Plugin>() -> ExitCode {
    print::<P, _>(Schemas::describe)
}

/// Prints the OpenAPI document as the endpoint would answer it.
pub(crate) fn openapi<P: Plugin>() -> ExitCode {
    print::<P, _>(openapi::document)
}

fn print<P: Plugin, T: Serialize>(make: impl FnOnce(&Schemas, &Settings) -> T) -> ExitCode {
    let made = Settings::from_env()
        .map(|settings| settings.with_program_version(P::VERSION))
        .and_then(|settings| Ok(make(&Schemas::of::<P>()?, &settings)));
    let text = made.and_then(|made| {
        serde_json::to_string_pretty(&made).map_err(|error| StartError::passing(error.to_string()))
    });
    match text {
        Ok(text) => out(&format!("{text}\n")),
        Err(error) => {
            err(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

/// Asks the plugin that serves in this container.
pub(crate) async fn healthcheck() -> ExitCode {
    match ask_health().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            err(&problem);
            ExitCode::FAILURE
        }
    }
}

async fn ask_health() -> Result<(), String> {
    let settings = Settings::from_env().map_err(|error| error.to_string())?;
    let address = settings.address();
    let address = if address.is_unspecified() {
        Ipv4Addr::LOCALHOST.into()
    } else {
        address
    };
    let url = format!("http://{}/health", SocketAddr::new(address, settings.port()));
    let request = Request::get(&url)
        .body(Bytes::new())
        .map_err(|error| error.to_string())?;
    let response = HttpClient::new(HEALTH_DEADLINE)
        .send(request)
        .await
        .map_err(|error| format!("{url}: {}", chain(&error)))?;
    if response.status().is_success() {
        Ok(())
    } else {
        Err(format!("{url} answered {}", response.status()))
    }
}

/// Prints how the program is called, and the plugin's own settings and commands.
pub(crate) fn help<P: Plugin>() -> ExitCode {
    match Schemas::of::<P>() {
        Ok(schemas) => out(&format!("{USAGE}\n{}", takes(&schemas))),
        Err(error) => {
            out(USAGE);
            err(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

pub(crate) fn unknown(argument: &OsStr) -> ExitCode {
    err(&format!("unknown argument {argument:?}\n\n{USAGE}"));
    // EX_USAGE.
    ExitCode::from(64)
}

fn out(text: &str) -> ExitCode {
    // A reader that has gone away does not want the rest.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

pub(crate) fn err(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_chooses_the_task() {
        let rows: [(&[&str], Task); 7] = [
            (&[], Task::Serve),
            (&["healthcheck"], Task::HealthCheck),
            (&["describe"], Task::Describe),
            (&["openapi"], Task::OpenApi),
            (&["--help"], Task::Help),
            (&["serve", "now"], Task::Unknown("serve".into())),
            (&["describe", "now"], Task::Unknown("now".into())),
        ];
        for (arguments, task) in rows {
            assert_eq!(
                Task::of(arguments.iter().map(OsString::from)),
                task,
                "{arguments:?}"
            );
        }
    }
}

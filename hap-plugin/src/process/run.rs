//! [`run`], a plugin's whole `main`.

use std::process::ExitCode;

use crate::api::Plugin;
use crate::error::StartError;
use crate::process::cli::Task;
use crate::process::exit::{EPILOGUE, end_after};
use crate::process::signals::Stop;
use crate::process::{cli, signals};
use crate::server::{Serve, serve};
use crate::settings::{Limits, Settings};
use crate::telemetry::Telemetry;

/// Runs a plugin as the program it is in: `main` needs nothing else.
///
/// * Logs to standard output, unless a [`tracing`] subscriber is already set: JSON, or text on a terminal; levels
///   by `RUST_LOG`.
/// * Reads [`Settings`](crate::Settings) from the environment and serves on all addresses.
/// * On SIGTERM or SIGINT stops within 8 s: `/health` answers `stopping`, running commands finish, the plugin's
///   `stop` runs, the last events are delivered. A second signal ends the process at once.
/// * With the argument `healthcheck` it asks the running plugin instead, for the `HEALTHCHECK` of an image without a
///   shell; with `describe` it prints the schemas, with `openapi` the document of its API.
///
/// The exit code is 0 after a stop; 78 (`EX_CONFIG`) when the configuration or the program is
/// wrong, which a host does not retry; 1 when another attempt may help; 64 for an unknown argument.
///
/// ```no_run
/// # use hap_plugin::{Context, NoCommand, NoConfig, NoStatus, Plugin, Reply, Result};
/// # struct Silent;
/// # impl Plugin for Silent {
/// #     type Config = NoConfig;
/// #     type Command = NoCommand;
/// #     type Status = NoStatus;
/// #     async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> { match command {} }
/// # }
/// #[tokio::main]
/// async fn main() -> std::process::ExitCode {
///     hap_plugin::run(Silent).await
/// }
/// ```
///
/// # Cancel safety
/// As [`Serve`](crate::Serve).
pub async fn run<P: Plugin>(plugin: P) -> ExitCode {
    serve(plugin).run().await
}

impl<P: Plugin> Serve<P> {
    /// Runs the plugin as the program it is in, as [`run`] does, with routes, layers or settings of
    /// one's own.
    ///
    /// A shutdown given by [`with_graceful_shutdown`](Self::with_graceful_shutdown) stops it as a
    /// signal does.
    ///
    /// ```no_run
    /// # async fn example<P: hap_plugin::Plugin>(plugin: P, routes: axum::Router) -> std::process::ExitCode {
    /// hap_plugin::serve(plugin).routes(routes).run().await
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// As awaiting it.
    pub async fn run(self) -> ExitCode {
        match Task::of(std::env::args_os().skip(1)) {
            Task::Serve => self.serve_until_signal().await,
            Task::HealthCheck => cli::healthcheck().await,
            Task::Describe => cli::describe::<P>(),
            Task::OpenApi => cli::openapi::<P>(),
            Task::Help => cli::help::<P>(),
            Task::Unknown(argument) => cli::unknown(&argument),
        }
    }

    async fn serve_until_signal(mut self) -> ExitCode {
        let settings = self.take_settings();
        let identity = settings.as_ref().ok().map(Settings::identity);
        let telemetry = Telemetry::install(identity.as_ref());
        let budget = match &settings {
            Ok(settings) => settings.limits.shutdown,
            Err(_) => Limits::default().shutdown,
        };
        let stop = Stop::default();
        if let Err(error) = signals::watch(stop.clone(), budget) {
            tracing::warn!(%error, "signals cannot be received: the plugin ends without a drain");
        }
        let code = match self.stopping_also_on(stop.wait()).serve(settings).await {
            Ok(()) => 0,
            Err(error) => {
                report(&error);
                error.exit_code()
            }
        };
        telemetry.end().await;
        // What blocks a thread, such as a write to a dead disk, would keep the runtime from ending.
        end_after(EPILOGUE, code);
        ExitCode::from(code)
    }
}

fn report(error: &StartError) {
    for problem in error.problems() {
        if tracing::event_enabled!(tracing::Level::ERROR) {
            tracing::error!("cannot start: {problem}");
        } else {
            // Whoever turned the log off still wants to know this.
            cli::err(&format!("cannot start: {problem}"));
        }
    }
}

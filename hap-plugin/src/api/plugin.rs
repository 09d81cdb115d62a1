//! [`Plugin`], the trait an author implements.

use std::any::{Any, TypeId, type_name, type_name_of_val};
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use crate::api::bounds::{CommandType, StatusType};
use crate::api::context::Context;
use crate::api::health::Health;
use crate::api::none::NoStatus;
use crate::api::reply::Reply;
use crate::config::{ConfigType, NoConfig};
use crate::error::{Fault, Result};
use crate::settings::UNKNOWN_VERSION;

/// Says what a plugin does; everything around it is done by [`run`](crate::run).
///
/// One value of the type lives for the whole process and is shared by concurrent calls, hence
/// `&self`: keep what changes behind a lock of your choice, and do not hold that lock across an
/// `.await`.
///
/// Write the methods as `async fn`. Their futures must be `Send`, since they run on a runtime of
/// several threads.
///
/// ```
/// use hap_plugin::{Context, NoConfig, NoStatus, Plugin, Reply, Result};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(tag = "command", content = "params", rename_all = "snake_case")]
/// enum Command {
///     Ring { times: u8 },
/// }
///
/// struct Bell;
///
/// impl Plugin for Bell {
///     type Config = NoConfig;
///     type Command = Command;
///     type Status = NoStatus;
///
///     async fn command(&self, cx: &Context, command: Command) -> Result<Reply> {
///         let Command::Ring { times } = command;
///         cx.emit("bell.rung", &serde_json::json!({"times": times})).await?;
///         Ok(Reply::text(format!("rang {times} times")))
///     }
/// }
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a plugin",
    label = "`Plugin` is not implemented for this type",
    note = "write `impl hap_plugin::Plugin for {Self}` with the types `Config`, `Command` and `Status`; `NoConfig`, `NoCommand` and `NoStatus` stand for what the plugin does not have",
    note = "in `cx.config::<...>()` and `cx.config_changes::<...>()` stands the plugin, within its own methods as `Self`, and not the type of its configuration"
)]
pub trait Plugin: Send + Sync + 'static {
    /// The settings that `POST /config` takes; [`NoConfig`] when there are none.
    ///
    /// The one in force is at hand as [`Context::config`]. Give fields defaults
    /// (`#[serde(default)]`) where there are sensible ones, so that the plugin works before anybody
    /// has configured it, and hide what is secret in a [`Secret`](crate::Secret). A plugin whose
    /// settings are not known in advance takes a [`serde_json::Value`].
    type Config: ConfigType + Send + Sync + 'static;

    /// The commands that `POST /command` takes; [`NoCommand`](crate::NoCommand) when there are
    /// none.
    ///
    /// An enum with `#[serde(tag = "command", content = "params", rename_all = "snake_case")]`. A
    /// plugin whose commands are not known in advance takes
    /// [`CommandRequest`](crate::wire::CommandRequest).
    type Command: CommandType + Send + 'static;

    /// What `GET /status` shows as `data`; [`NoStatus`] when there is nothing to show.
    type Status: StatusType + Send + 'static;

    /// The version of the program, for when the host does not tell it as `PLUGIN_VERSION`, as on an
    /// author's own machine. Usually `env!("CARGO_PKG_VERSION")`; `0.0.0` without it.
    const VERSION: &'static str = UNKNOWN_VERSION;

    /// Whether settings and the parameters of commands are held against the bounds that their schemas
    /// publish, as `#[schemars(range(min = 1, max = 100))]` and `#[schemars(length(max = 20))]` set them:
    /// numbers, lengths of strings, lists and maps. Yes by default, so a bound is written once; what
    /// breaks one is refused as what does not fit the type. Patterns and formats are for the types to
    /// check.
    ///
    /// `false` leaves all of that to the plugin, for bounds that are advice only.
    const CHECK_BOUNDS: bool = true;

    /// Prepares the plugin: opens connections, spawns background work with [`Context::spawn`].
    ///
    /// Until it is done `/health` answers `starting` and commands are refused. Does nothing by
    /// default.
    ///
    /// # Errors
    /// The process ends: with exit code 78, which a host does not retry, for a [`Fault::rejected`],
    /// and with 1, which it retries, for any other.
    fn start(&self, cx: &Context) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        ready(Ok(()))
    }

    /// Tells whether the plugin works, from what it already knows. Healthy by default.
    ///
    /// It is not `async` on purpose: hosts ask every few seconds and restart what does not answer,
    /// so it must not wait for a device or a lock that a command may hold for long.
    fn health(&self) -> Health {
        Health::healthy()
    }

    /// Carries out a command.
    ///
    /// It runs detached: a caller that hangs up does not cancel it. It is dropped at its next
    /// `.await` when its [`deadline`](Context::deadline) passes or when the process has no time
    /// left to stop. A panic fails this command only.
    ///
    /// # Errors
    /// [`Fault::rejected`] tells the caller why; an error brought in by `?` is logged and told as
    /// `internal`.
    fn command(&self, cx: &Context, command: Self::Command) -> impl Future<Output = Result<Reply>> + Send;

    /// Tells the plugin's state. A plugin whose status is [`NoStatus`] need not write this.
    ///
    /// Unlike a command it is dropped when the caller hangs up.
    ///
    /// # Errors
    /// As for commands. A plugin that has a type of status and leaves this out is not started: `run`
    /// and the test kit say so.
    fn status(&self, cx: &Context) -> impl Future<Output = Result<Self::Status>> + Send {
        let _ = cx;
        let nothing: Box<dyn Any> = Box::new(NoStatus);
        let answer = nothing
            .downcast::<Self::Status>()
            .map(|status| *status)
            .map_err(|_| {
                Fault::rejected("status_not_implemented", "this plugin does not tell its status")
                    .with_status(501)
            });
        Unwritten(ready(answer))
    }

    /// Judges new settings, and acts on them where something has to be done at once, such as
    /// connecting again.
    ///
    /// When it returns `Ok` they are saved and take effect: [`Context::config`] shows them to every
    /// request that begins then. The default accepts whatever fits the type.
    ///
    /// Calls never overlap. What was accepted last is kept in the data directory and handed in
    /// again at the next start, after [`start`](Self::start) and before `/health` turns healthy; so
    /// are settings of the environment. Defaults alone are not handed in.
    ///
    /// # Errors
    /// The settings in force must then stay in force.
    fn configure(&self, cx: &Context, config: Self::Config) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        let config: Box<dyn Any> = Box::new(config);
        ready(if config.is::<NoConfig>() {
            let message = "this plugin has no configuration";
            Err(Fault::rejected("config_not_supported", message).with_status(404))
        } else {
            Ok(())
        })
    }

    /// Says goodbye to devices before the process ends; events may still be emitted.
    ///
    /// Called once, when no command runs any more, and dropped when the time to stop is used up.
    /// Does nothing by default.
    fn stop(&self, cx: &Context) -> impl Future<Output = ()> + Send {
        let _ = cx;
        ready(())
    }
}

/// The answer of [`Plugin::status`] where the author wrote none: a type of its own tells it apart.
struct Unwritten<T>(Ready<T>);

impl<T> Future for Unwritten<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// Whether the plugin has a type of status and no method that tells it.
pub(crate) fn lacks_status<P: Plugin>() -> bool {
    // Nothing is called: only the type of what would come of it is of interest.
    let nobody: Option<(&P, &Context)> = None;
    let never = nobody.map(|(plugin, cx)| plugin.status(cx));
    type_name_of_val(&never) == type_name::<Option<Unwritten<Result<P::Status>>>>()
        && TypeId::of::<P::Status>() != TypeId::of::<NoStatus>()
}

/// A plugin that is shared, with routes of its own for example, is the plugin it is without that.
impl<P: Plugin> Plugin for Arc<P> {
    type Config = P::Config;
    type Command = P::Command;
    type Status = P::Status;

    const VERSION: &'static str = P::VERSION;
    const CHECK_BOUNDS: bool = P::CHECK_BOUNDS;

    fn start(&self, cx: &Context) -> impl Future<Output = Result<()>> + Send {
        P::start(self, cx)
    }

    fn health(&self) -> Health {
        P::health(self)
    }

    fn command(&self, cx: &Context, command: Self::Command) -> impl Future<Output = Result<Reply>> + Send {
        P::command(self, cx, command)
    }

    fn status(&self, cx: &Context) -> impl Future<Output = Result<Self::Status>> + Send {
        P::status(self, cx)
    }

    fn configure(&self, cx: &Context, config: Self::Config) -> impl Future<Output = Result<()>> + Send {
        P::configure(self, cx, config)
    }

    fn stop(&self, cx: &Context) -> impl Future<Output = ()> + Send {
        P::stop(self, cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::none::NoCommand;
    use hap_manifest::wire::CommandSet;

    struct Silent;

    impl Plugin for Silent {
        type Config = NoConfig;
        type Command = NoCommand;
        type Status = NoStatus;

        async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> {
            match command {}
        }
    }

    struct Forgetful;

    impl Plugin for Forgetful {
        type Config = NoConfig;
        type Command = NoCommand;
        type Status = u8;

        async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> {
            match command {}
        }
    }

    #[tokio::test]
    async fn a_plugin_without_status_need_not_write_the_method() {
        let cx = Context::for_tests();
        assert!(Silent.status(&cx).await.is_ok());
        assert_eq!(
            Forgetful.status(&cx).await.unwrap_err().code(),
            "status_not_implemented"
        );
    }

    struct Telling;

    impl Plugin for Telling {
        type Config = NoConfig;
        type Command = NoCommand;
        type Status = u8;

        async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> {
            match command {}
        }

        fn status(&self, _: &Context) -> impl Future<Output = Result<u8>> + Send {
            ready(Ok(1))
        }
    }

    #[test]
    fn a_status_that_nobody_tells_is_seen_without_a_call() {
        assert!(lacks_status::<Forgetful>());
        assert!(lacks_status::<Arc<Arc<Forgetful>>>());
        assert!(!lacks_status::<Silent>());
        assert!(!lacks_status::<Telling>());
        assert!(!lacks_status::<Arc<Telling>>());
    }

    #[test]
    fn no_command_means_that_no_command_is_known() {
        let commands = CommandSet::of::<NoCommand>().unwrap();
        assert_eq!(commands.names(), Some(&[][..]));
    }
}

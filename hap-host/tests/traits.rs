//! What the types can be used for, whatever changes inside them.

use std::fmt::Debug;

use hap_host::{
    EnvOverrides, Error, Event, EventStream, InstallRequest, LogStream, PluginCall, PluginEvent,
    PluginEvents, PluginHandle, PluginSource, PluginState, Policy, RollBackRequest, StateWatch, Supervisor,
    SupervisorBuilder, UninstallRequest, UpdateRequest,
    engine::{Engine, ProcessEngine},
};

fn shared<T: Send + Sync + Clone + Debug + Unpin + 'static>() {}
fn sent<T: Send + Debug + 'static>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}
fn future<T: Future + Send>(_: &dyn Fn(PluginHandle) -> T) {}

#[test]
fn everything_can_be_shared_or_sent() {
    shared::<Supervisor>();
    shared::<PluginHandle>();
    shared::<PluginState>();
    shared::<PluginEvent>();
    shared::<Event>();
    shared::<Policy>();
    shared::<EnvOverrides>();
    sent::<InstallRequest>();
    sent::<UpdateRequest>();
    shared::<RollBackRequest>();
    shared::<UninstallRequest>();
    sent::<PluginCall<()>>();
    shared::<ProcessEngine>();
    sent::<SupervisorBuilder>();
    sent::<EventStream>();
    sent::<PluginEvents>();
    sent::<LogStream>();
    sent::<StateWatch>();
    sent::<Box<dyn Engine>>();
    error::<Error>();
}

#[test]
fn calls_can_be_made_from_any_task() {
    future(&|plugin| async move { plugin.start().await });
    future(&|plugin| async move { plugin.command("turn_on", ()).await });
    future(&|plugin| async move { plugin.set_env(EnvOverrides::new()).await });
    future(&|plugin| async move { plugin.uninstall().await });
    future(&|plugin| plugin.update(PluginSource::folder("light")).into_future());
    future(&|plugin| async move { plugin.watch().changed().await.cloned() });
}

use std::{net::SocketAddr, time::Duration};

use hap_host::{Desired, Failure, Phase, PluginHandle, PluginState, engine::Engine};
use hap_tests::docker::ask;
use serde_json::json;

use crate::DEADLINE;

/// Events that each victim sends before something happens to it.
const EVENTS: u64 = 3;

/// A plugin that something happens to, with things to lose: a file in its volume, its config, events.
pub(crate) struct Victim {
    pub(crate) plugin: PluginHandle,
    pub(crate) before: PluginState,
    /// How many events of it have to be in the log.
    pub(crate) events: u64,
    /// The engine without anything between it and the test.
    engine: std::sync::Arc<dyn Engine>,
}

impl Victim {
    /// Gives a plugin that runs what it may lose.
    pub(crate) async fn of(plugin: PluginHandle, engine: std::sync::Arc<dyn Engine>) -> Self {
        let victim = Self {
            before: plugin.state(),
            events: EVENTS,
            plugin,
            engine,
        };
        let id = victim.plugin.id().clone();
        assert_eq!(victim.act(&format!("write:/data/mark:{id}")).await, "done");
        victim
            .plugin
            .configure(json!({ "mark": id.as_str() }))
            .await
            .unwrap();
        assert_eq!(victim.act(&format!("emit:{EVENTS}")).await, EVENTS.to_string());
        victim
    }

    /// Where it answers now, asked of the engine itself.
    pub(crate) async fn address(&self) -> SocketAddr {
        let container = self.plugin.state().container.unwrap();
        self.engine.inspect(&container).await.unwrap().address.unwrap()
    }

    /// Lets it do something, and says what it answered.
    pub(crate) async fn act(&self, what: &str) -> String {
        ask(self.address().await, &format!("/do?{what}")).await.unwrap()
    }

    /// Lets it do something that it cannot answer any more, or that takes longer than anybody waits.
    pub(crate) async fn end_by(&self, what: &str) {
        let address = self.address().await;
        let path = format!("/do?{what}");
        let asked = ask(address, &path);
        // Whether the answer breaks off or never comes is not the point.
        let _ = tokio::time::timeout(Duration::from_secs(2), asked).await;
    }

    /// The same when the engine cannot tell where it is.
    pub(crate) async fn end_without_engine(&self, what: &str, address: SocketAddr) {
        // The answer breaks off.
        let _ = ask(address, &format!("/do?{what}")).await;
    }

    /// Changes how it answers everything from now on.
    pub(crate) async fn become_(&self, mode: &str) {
        ask(self.address().await, &format!("/become?{mode}"))
            .await
            .unwrap();
    }

    pub(crate) async fn until(&self, wanted: impl FnMut(&PluginState) -> bool) -> PluginState {
        until(&self.plugin, wanted).await
    }

    /// Checks that what it had to lose is all there, now that it is healthy again.
    pub(crate) async fn lost_nothing(&self) {
        let id = self.plugin.id().as_str();
        let state = self.until(|state| state.phase == Phase::Healthy).await;
        assert_eq!(state.desired, Desired::Running);
        assert_eq!(self.act("read:/data/mark").await, id);
        // It is sent after the first healthy answer.
        let config = json!({ "mark": id }).to_string();
        let delivered = async {
            while self.act("config").await != config {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(DEADLINE, delivered)
            .await
            .unwrap_or_else(|_| panic!("{id}: its config never came back"));
    }

    /// How the supervisor explains its last failure, once the explanation is there.
    pub(crate) async fn explained(&self) -> String {
        explained(&self.plugin).await
    }
}

pub(crate) async fn until(plugin: &PluginHandle, wanted: impl FnMut(&PluginState) -> bool) -> PluginState {
    match tokio::time::timeout(DEADLINE, plugin.wait_for(wanted)).await {
        Ok(state) => state.unwrap(),
        Err(_) => panic!("never came to be: {:?}", plugin.state()),
    }
}

/// The explanation comes a moment after the failure: the engine has to hand out the last lines first.
pub(crate) async fn explained(plugin: &PluginHandle) -> String {
    let settled = until(plugin, |state| {
        let failure = state.last_failure.as_ref();
        failure.is_some_and(|failure| failure.hint.is_some() || !failure.last_lines.is_empty())
    });
    // Some failures have neither.
    let _ = tokio::time::timeout(Duration::from_secs(3), settled).await;
    told(&plugin.state().last_failure.unwrap())
}

/// A failure in one line, without what differs from run to run.
pub(crate) fn told(failure: &Failure) -> String {
    let cause = serde_json::to_value(failure.cause).unwrap();
    // Whether a check of health fell between a fault and its discovery is chance.
    let phase = if failure.phase.is_reachable() {
        "up".to_owned()
    } else {
        format!("`{}`", failure.phase)
    };
    let mut told = format!("`{}` while {phase}: {}", cause.as_str().unwrap(), failure.message);
    if let Some(hint) = &failure.hint {
        told = format!("{told}. Hint: {hint}");
    }
    // Which of the two it is depends on how much of the request was read.
    let told = told.replace(
        "Connection reset by peer (os error 104)",
        "connection closed before message completed",
    );
    without_names(&told)
}

/// Takes out the addresses and names that differ from run to run.
fn without_names(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let bare = word.trim_end_matches([':', ',', '.', ';']);
        let its = match bare.parse::<SocketAddr>() {
            Ok(address) if !address.ip().is_loopback() && !address.ip().is_unspecified() => "(its address)",
            _ if bare.starts_with("sha256:") => "(its image)",
            _ if bare.starts_with("hap.t-") => "(its container)",
            _ => return word.to_owned(),
        };
        word.replace(bare, its)
    });
    words.collect::<Vec<_>>().join(" ")
}

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hap_host::{Phase, PluginHandle};
use tokio::{sync::Notify, task::JoinHandle};

const PAUSE: Duration = Duration::from_millis(100);

/// A plugin that does what it should and is asked something ten times a second, whatever happens beside it.
pub(crate) struct Neighbour {
    plugin: PluginHandle,
    enough: Arc<Notify>,
    asking: JoinHandle<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    answers: u32,
    errors: Vec<String>,
    slowest: Duration,
}

impl Neighbour {
    pub(crate) fn of(plugin: PluginHandle) -> Self {
        let enough = Arc::new(Notify::new());
        let asking = tokio::spawn(ask(plugin.clone(), Arc::clone(&enough)));
        Self {
            plugin,
            enough,
            asking,
        }
    }

    /// Stops asking.
    ///
    /// # Panics
    /// When one question was not answered, or the plugin was ever started again.
    pub(crate) async fn was_undisturbed(self) {
        self.enough.notify_one();
        let asked = self.asking.await.unwrap();
        let state = self.plugin.state();
        println!(
            "neighbour: {} answers, the slowest after {:?}",
            asked.answers, asked.slowest
        );
        assert!(asked.errors.is_empty(), "{:?}", asked.errors);
        assert!(asked.answers > 0);
        assert_eq!((state.restarts, state.phase), (0, Phase::Healthy));
    }
}

async fn ask(plugin: PluginHandle, enough: Arc<Notify>) -> Asked {
    let mut asked = Asked::default();
    loop {
        let began = Instant::now();
        match plugin.command("look", ()).await {
            Ok(_) => asked.answers += 1,
            Err(error) => asked.errors.push(error.to_string()),
        }
        asked.slowest = asked.slowest.max(began.elapsed());
        tokio::select! {
            () = enough.notified() => return asked,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

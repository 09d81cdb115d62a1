//! A host that does one thing and is killed on the way, for tests: `mortal_host STATE INSTANCE DEED MANIFEST [DEATH]`.
//!
//! The deed is `install`, `start`, `restart`, `stop`, `update`, `uninstall` or `uninstall-with-data`. Death comes with SIGKILL at
//! `before:N`, `during:N` or `after:N`, N counting the calls to the engine from 1, or at `time:MILLISECONDS` from the
//! start. A host that outlives its deed ends with 0 and leaves its plugins running.
#![expect(clippy::expect_used, reason = "a test that meets the unexpected fails")]

use std::{
    env, fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use hap_host::{
    PluginHandle, ProbationPolicy, ShutdownMode, Supervisor,
    engine::{DockerEngine, EngineError, InstanceName},
};
use hap_manifest::Manifest;
use hap_tests::between::{Between, Watched};
use rustix::process::{Signal, getpid, kill_process};

/// Into a call: by then the engine has the request, and most calls have not ended.
const INTO_A_CALL: Duration = Duration::from_millis(4);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    Never,
    Before(u64),
    During(u64),
    After(u64),
    At(Duration),
}

impl Death {
    fn read(text: &str) -> Self {
        let (kind, number) = text.split_once(':').expect("a death is written as KIND:NUMBER");
        let number = number.parse().expect("the number of a death is a number");
        match kind {
            "before" => Self::Before(number),
            "during" => Self::During(number),
            "after" => Self::After(number),
            "time" => Self::At(Duration::from_millis(number)),
            _ => Self::Never,
        }
    }
}

/// Ends this process as the kernel would: nothing is flushed, nothing dropped.
fn die() {
    kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
}

fn die_in(time: Duration) {
    let began = Instant::now();
    thread::spawn(move || {
        // Waits by looking at the clock: the process ends in a moment anyway.
        while began.elapsed() < time {
            thread::yield_now();
        }
        die();
    });
}

#[derive(Debug)]
struct Fate {
    death: Death,
    calls: AtomicU64,
}

#[async_trait]
impl Between for Fate {
    async fn come(&self, _operation: &'static str) -> Result<(), EngineError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        match self.death {
            Death::Before(at) if at == call => die(),
            Death::During(at) if at == call => die_in(INTO_A_CALL),
            _ => {}
        }
        Ok(())
    }

    async fn go(&self, _operation: &'static str) -> Result<(), EngineError> {
        // The calls overlap, so the one that ends may not be the one that came last; each end is met all the same.
        if self.death == Death::After(self.calls.load(Ordering::SeqCst)) {
            die();
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next();
    let (state, instance, deed, manifest) = (next(), next(), next(), next());
    let death = next().map_or(Death::Never, |death| Death::read(&death));
    if let Death::At(time) = death {
        die_in(time);
    }
    let state = state.expect("the first argument is the state folder");
    let instance =
        InstanceName::new(&instance.expect("the second is the instance")).expect("it is a valid name");
    let text = fs::read_to_string(manifest.expect("the fourth is the manifest")).expect("it can be read");
    let manifest = Manifest::from_json(&text).expect("it is valid").manifest;
    let engine = DockerEngine::connect().await.expect("an engine answers");
    let fate = Arc::new(Fate {
        death,
        calls: AtomicU64::new(0),
    });
    let builder = Supervisor::builder(Watched::new(Arc::new(engine), fate), state)
        .instance(instance)
        .probation_policy(ProbationPolicy::default().healthy_for(Duration::from_millis(300)));
    let supervisor = builder.start().await.expect("the supervisor starts");
    let plugin = supervisor.plugin(manifest.id());
    let deed = deed.expect("the third is the deed");
    if deed == "install" {
        supervisor.install(manifest).await.expect("it can be installed");
    } else {
        act(&deed, &plugin.expect("it is installed"), manifest).await;
    }
    supervisor
        .shutdown(ShutdownMode::LeaveRunning)
        .await
        .expect("the supervisor ends");
}

async fn act(deed: &str, plugin: &PluginHandle, manifest: Manifest) {
    let done = match deed {
        "start" => plugin.start().await,
        "restart" => plugin.restart().await,
        "stop" => plugin.stop().await,
        "update" => plugin.update(manifest).allow_downgrade(true).await.map(drop),
        "uninstall" => plugin.uninstall().await,
        _ => plugin.uninstall().remove_data(true).await,
    };
    done.expect("the deed is done");
}

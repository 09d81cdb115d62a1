use std::time::Duration;

use hap_host::engine::{DockerEngine, Engine as _, EngineError, HostEndpoints, InstanceName, ResourceKind};
use hap_manifest::PluginId;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::connect::failure;
use crate::failure::{Exit, Failure};

/// How long work on the engine may take to end by itself. Each call of it has a shorter bound of its own, but for a build.
const FINISH: Duration = Duration::from_secs(120);
/// How long removing may take in all.
const REMOVE: Duration = Duration::from_secs(60);
/// Pause before removing is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// What one run of a command has on the engine: all under a name of its own, so that all of it can be found and removed.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    engine: DockerEngine,
    instance: InstanceName,
    plugin: PluginId,
    work: TaskTracker,
    give_up: CancellationToken,
}

impl Own {
    /// Takes a name that no other run has.
    pub(crate) fn new(engine: DockerEngine, plugin: &PluginId) -> Result<Self, Failure> {
        let name = format!("test-{:012x}", fastrand::u64(..1 << 48));
        let instance = InstanceName::new(&name)
            .map_err(|error| Failure::new(Exit::Failed, "no_name", error.to_string()))?;
        Ok(Self::named(engine, instance, plugin))
    }

    /// Takes a name that is known.
    pub(crate) fn named(engine: DockerEngine, instance: InstanceName, plugin: &PluginId) -> Self {
        Self {
            engine,
            instance,
            plugin: plugin.clone(),
            work: TaskTracker::new(),
            give_up: CancellationToken::new(),
        }
    }

    pub(crate) const fn engine(&self) -> &DockerEngine {
        &self.engine
    }

    pub(crate) const fn instance(&self) -> &InstanceName {
        &self.instance
    }

    /// Does something on the engine that goes on when nobody waits for it any more. What the engine makes for a caller
    /// that is gone would otherwise appear after everything was removed. `None`: it broke off.
    pub(crate) async fn whole<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.work.spawn(work).await.ok()
    }

    /// Does something that may take too long to wait for its end, and is given up when everything is removed.
    pub(crate) async fn until_removed<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let give_up = self.give_up.clone();
        self.whole(async move { give_up.run_until_cancelled_owned(work).await })
            .await
            .flatten()
    }

    /// Makes its networks, or finds them, and says where this machine is found from inside.
    pub(crate) async fn prepare(&self) -> Result<HostEndpoints, Failure> {
        let (engine, instance) = (self.engine.clone(), self.instance.clone());
        let prepared = self.whole(async move { engine.prepare(&instance).await }).await;
        match prepared {
            Some(Ok(endpoints)) => Ok(endpoints),
            Some(Err(error)) => Err(failure("the networks of the test cannot be made", &error)),
            None => Err(Failure::new(
                Exit::Failed,
                "engine_failed",
                "making the networks of the test broke off",
            )),
        }
    }

    /// Gives up what may be given up, and waits for the end of what goes on.
    pub(crate) async fn settle(&self) {
        self.work.close();
        self.give_up.cancel();
        // What is later still is looked for when everything is removed.
        let _ = timeout(FINISH, self.work.wait()).await;
    }

    /// Removes all of it, and says what could not be removed.
    pub(crate) async fn remove_all(&self) -> Result<(), Failure> {
        self.settle().await;
        let deadline = Instant::now() + REMOVE;
        loop {
            let tried = timeout(REMOVE, self.remove_once()).await;
            let why = match tried {
                Ok(Ok(true)) => return Ok(()),
                Ok(Ok(false)) => "some of it is still in use".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the engine does not answer".to_owned(),
            };
            if Instant::now() >= deadline {
                let message = format!("what this run made on the engine is not all removed: {why}");
                let help = format!(
                    "look for what is left with\ndocker ps -a --filter label=hap.instance={0}\n\
                     docker volume ls --filter label=hap.instance={0}\ndocker network ls --filter label=hap.instance={0}",
                    self.instance
                );
                return Err(Failure::new(Exit::Failed, "not_removed", message).help(help));
            }
            sleep(PAUSE).await;
        }
    }

    /// Removes what is there, and returns whether nothing was left at the end.
    async fn remove_once(&self) -> Result<bool, EngineError> {
        let (engine, instance) = (&self.engine, &self.instance);
        for kind in [
            ResourceKind::Container,
            ResourceKind::Image,
            ResourceKind::Network,
        ] {
            for resource in engine.list_resources(instance, kind).await? {
                engine.remove_resource(instance, &resource).await?;
            }
            if kind == ResourceKind::Container {
                engine.remove_volumes(instance, &self.plugin).await?;
            }
        }
        // Its networks, which are not among the resources, and what is left of a measurement on them.
        engine.teardown(instance).await?;
        let containers = engine.list_resources(instance, ResourceKind::Container).await?;
        let volumes = engine.list_resources(instance, ResourceKind::Volume).await?;
        Ok(containers.is_empty() && volumes.is_empty())
    }
}

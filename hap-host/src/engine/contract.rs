//! The law that every [`Engine`] keeps, as a check that can be run.

use std::{fmt, future::Future, time::Duration};

use futures_util::StreamExt as _;

use super::{
    Engine,
    endpoints::{HostEndpoints, is_within},
    error::{EngineError, EngineErrorKind},
    labels,
    observed::{ContainerId, ContainerStatus, Observed},
    resource::{Resource, ResourceKind},
    spec::ContainerSpec,
    stream::{EngineEvent, EngineEventKind, EngineStream, LogOptions},
};

/// Longest wait for what an engine does on its own, such as noticing that a process ended.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between looks at what is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Grace of the stops.
const GRACE: Duration = Duration::from_secs(5);

/// Checks that an [`Engine`] does what the supervisor relies on: each step of a life, that
/// each may be repeated, what is told of the end of a run, what is kept for whom, and that
/// instances do not meet.
///
/// For whoever writes an engine. The engines of this crate are held to it. It takes a program that
/// goes on until it is stopped, and one that ends by itself with exit code 3.
///
/// ```
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use hap_host::engine::{ContainerSpec, EngineContract, Exit, FakeEngine, InstanceName, ResourceLimits};
/// use hap_manifest::PluginId;
///
/// let engine = FakeEngine::new();
/// let spec = |plugin: &str| {
///     let limits = ResourceLimits::new(64 << 20, 1_000_000_000, 64);
///     let (id, instance) = (PluginId::new(plugin).unwrap(), InstanceName::default());
///     ContainerSpec::new(format!("contract-{plugin}"), id, instance, "image:1".to_owned(), limits, 8000)
/// };
/// engine.crash_at_start(&PluginId::new("ends")?, Some(Exit::code(3)));
/// EngineContract::new(&engine, spec("stays"), spec("ends")).check().await?;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
/// ```
#[derive(Debug)]
pub struct EngineContract<'a> {
    engine: &'a dyn Engine,
    stays: ContainerSpec,
    ends: ContainerSpec,
}

/// What an engine did that the contract forbids.
#[derive(Debug)]
pub struct ContractViolation {
    rule: &'static str,
    found: String,
    // Boxed, because the error is large and the check passes it through many hands.
    source: Option<Box<EngineError>>,
}

impl ContractViolation {
    /// The rule that was broken.
    #[must_use]
    pub const fn rule(&self) -> &str {
        self.rule
    }
}

impl fmt::Display for ContractViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; found {}", self.rule, self.found)
    }
}

impl std::error::Error for ContractViolation {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}

type Checked<T = ()> = Result<T, ContractViolation>;

impl<'a> EngineContract<'a> {
    /// Takes two specs of one instance whose containers do not exist: `stays` runs until it is
    /// stopped, `ends` ends at once with exit code 3.
    #[must_use]
    pub const fn new(engine: &'a dyn Engine, stays: ContainerSpec, ends: ContainerSpec) -> Self {
        Self { engine, stays, ends }
    }

    /// Goes through the whole contract. It leaves neither containers nor volumes; networks stay.
    ///
    /// # Errors
    /// The first rule that was broken. What the check has made is left as it is then,
    /// to be looked at.
    ///
    /// # Cancel safety
    /// Dropped half way, it leaves containers behind.
    pub async fn check(&self) -> Result<(), ContractViolation> {
        let prepare = || self.engine.prepare(&self.stays.instance);
        ok("preparing may be repeated", prepare()).await?;
        let endpoints = ok("preparing may be repeated", prepare()).await?;
        let gateways = [endpoints.isolated_gateway, endpoints.outbound_gateway];
        rule(
            "each gateway is within a subnet that preparing names by `with_subnet`, or is loopback: whoever is outside \
             of it is not heard there",
            gateways.into_iter().all(|gateway| endpoints.covers(gateway)),
            &endpoints,
        )?;
        let mut events = self.engine.events(&self.stays.instance);
        let id = self.create().await?;
        self.start(&id, &endpoints).await?;
        self.hears(&mut events, &id, EngineEventKind::Started).await?;
        self.limit(&id).await?;
        self.stop(&id).await?;
        self.hears(&mut events, &id, EngineEventKind::Died).await?;
        self.run_again(&id).await?;
        self.remove(&id).await?;
        self.hears(&mut events, &id, EngineEventKind::Removed).await?;
        self.end_by_itself().await?;
        self.copy_volumes().await?;
        self.remove_resource().await?;
        for _ in 0..2 {
            let removal = self
                .engine
                .remove_volumes(&self.stays.instance, &self.stays.plugin);
            ok("removing volumes may be repeated", removal).await?;
        }
        Ok(())
    }

    async fn create(&self) -> Checked<ContainerId> {
        let (engine, spec) = (self.engine, &self.stays);
        let id = ok("a container is made from its spec", engine.create(spec)).await?;
        let seen = self.look(&id).await?;
        let fresh = (seen.status, seen.started_at, &seen.exit, seen.address)
            == (ContainerStatus::Created, None, &None, None);
        rule(
            "a container that never ran shows as created and no more",
            fresh,
            &seen,
        )?;
        let digest = spec.labels.get(labels::SPEC_DIGEST).map_or("", String::as_str);
        let labelled = seen.plugin == spec.plugin && seen.spec_digest == digest;
        rule(
            "what is seen names the plugin and the digest of the labels",
            labelled,
            &seen,
        )?;
        let marked = seen.name == spec.name && seen.seal.as_ref() == spec.labels.get(labels::SEAL);
        rule(
            "what is seen has the name and the seal that it was made with, on its instance's network",
            marked && seen.on_network,
            &seen,
        )?;
        let kind = EngineErrorKind::Conflict;
        fails("a name is given once", kind, engine.create(spec)).await?;
        let listed = ok("all containers are listed", engine.list(&spec.instance)).await?;
        let ours = listed.iter().filter(|seen| seen.id == id).count();
        rule(
            "a list has each container of its instance once",
            ours == 1,
            &listed,
        )?;
        let elsewhere =
            super::instance::InstanceName::new(&format!("{}-x", self.stays.instance)).unwrap_or_default();
        let listed = ok("all containers are listed", engine.list(&elsewhere)).await?;
        rule(
            "a list has no container of another instance",
            listed.iter().all(|seen| seen.id != id),
            &listed,
        )?;
        self.account(&id, &elsewhere).await?;
        Ok(id)
    }

    /// What the engine says that it keeps, and that it gives none of it away.
    async fn account(&self, id: &ContainerId, elsewhere: &super::instance::InstanceName) -> Checked {
        let (engine, spec) = (self.engine, &self.stays);
        let kind = ResourceKind::Container;
        let kept = ok(
            "all that is kept is told",
            engine.list_resources(&spec.instance, kind),
        )
        .await?;
        let mine: Vec<_> = kept.iter().filter(|kept| kept.id == id.as_str()).collect();
        let told = matches!(&mine[..], [one] if one.plugin.as_ref() == Some(&spec.plugin));
        rule("what is kept names its plugin", told, &kept)?;
        let others = ok("all that is kept is told", engine.list_resources(elsewhere, kind)).await?;
        rule(
            "nothing is kept for an instance that is another's",
            others.iter().all(|kept| kept.id != id.as_str()),
            &others,
        )?;
        let Some(mine) = mine.first() else { return Ok(()) };
        let discard = engine.remove_resource(elsewhere, mine);
        fails(
            "nothing goes for an instance that it is not of",
            EngineErrorKind::Rejected,
            discard,
        )
        .await?;
        self.look(id).await.map(drop)
    }

    /// A container goes in whatever state it is, once for all.
    async fn remove_resource(&self) -> Checked {
        let (engine, spec) = (self.engine, &self.ends);
        let id = ok("a container is made from its spec", engine.create(spec)).await?;
        let resource = Resource::new(ResourceKind::Container, id.as_str(), spec.name.as_str());
        for _ in 0..2 {
            ok(
                "discarding may be repeated",
                engine.remove_resource(&spec.instance, &resource),
            )
            .await?;
        }
        let kind = EngineErrorKind::NotFound;
        fails("what was discarded is gone", kind, engine.inspect(&id)).await?;
        let volume = Resource::new(ResourceKind::Volume, "data", "data");
        let kind = EngineErrorKind::Unsupported;
        let discard = engine.remove_resource(&spec.instance, &volume);
        fails("data is not discarded", kind, discard).await
    }

    async fn start(&self, id: &ContainerId, endpoints: &HostEndpoints) -> Checked {
        ok("a container starts", self.engine.start(id)).await?;
        let first = self.look(id).await?;
        ok("starting what runs changes nothing", self.engine.start(id)).await?;
        let seen = self.look(id).await?;
        let runs = seen.status == ContainerStatus::Running && seen.exit.is_none();
        rule("a started container runs", runs, &seen)?;
        let reachable = seen.started_at.is_some() && seen.address.is_some();
        rule("a run has a start and an address", reachable, &seen)?;
        let covered = seen.address.is_some_and(|address| endpoints.covers(address.ip()));
        let gateway = endpoints.gateway(self.stays.network);
        let heard = seen.address.is_some_and(|address| {
            let prefix = endpoints.prefix(gateway);
            gateway.is_loopback() || is_within(address.ip(), gateway, prefix)
        });
        rule(
            "an address is one that preparing proved to be on this machine",
            covered,
            &(&seen, endpoints),
        )?;
        rule(
            "a container is in the subnet around the gateway of its network, as preparing names it by `with_subnet`: \
             what it posts is not heard otherwise",
            heard,
            &(&seen, endpoints),
        )?;
        rule(
            "starting what runs changes nothing",
            first.started_at == seen.started_at,
            &seen,
        )?;
        ok("a running container has statistics", self.engine.stats(id))
            .await
            .map(drop)
    }

    async fn limit(&self, id: &ContainerId) -> Checked {
        let mut limits = self.stays.limits;
        limits.pids += 1;
        for _ in 0..2 {
            let rule = "limits may be set again, or never";
            if !supported(
                rule,
                self.engine.set_limits(id, &limits, self.stays.outlives_host),
            )
            .await?
            {
                return Ok(());
            }
        }
        let seen = self.look(id).await?;
        let in_place = seen.status == ContainerStatus::Running && !seen.limits.differ_from(&limits);
        rule("limits change in place, while a container runs", in_place, &seen)
    }

    async fn copy_volumes(&self) -> Checked {
        let (engine, spec) = (self.engine, &self.stays);
        let name = |which: &str| format!("{}.contract-{which}", spec.name);
        let pairs = vec![(name("from"), name("to"))];
        let (instance, plugin) = (spec.instance.clone(), spec.plugin.clone());
        let copy = super::volume_copy::VolumeCopy::new(instance, plugin, spec.image.clone(), pairs);
        for _ in 0..2 {
            let rule = "a volume that does not exist is copied as an empty one, and again over the copy";
            if !supported(rule, engine.copy_volumes(&copy)).await? {
                return Ok(());
            }
        }
        for _ in 0..2 {
            let names = [name("from"), name("to")];
            let removal = engine.remove_some_volumes(&spec.instance, &spec.plugin, &names);
            ok("removing some volumes may be repeated", removal).await?;
        }
        Ok(())
    }

    async fn stop(&self, id: &ContainerId) -> Checked {
        for _ in 0..2 {
            ok("a stop may be repeated", self.engine.stop(id, GRACE)).await?;
        }
        ok("killing what is down changes nothing", self.engine.kill(id)).await?;
        let seen = self.look(id).await?;
        let down = seen.status == ContainerStatus::Exited && seen.exit.is_some();
        rule("a stopped container shows as exited, with its exit", down, &seen)?;
        rule("what is down has no address", seen.address.is_none(), &seen)
    }

    async fn run_again(&self, id: &ContainerId) -> Checked {
        let before = self.look(id).await?;
        ok("a container may run again", self.engine.start(id)).await?;
        let seen = self.look(id).await?;
        rule(
            "each run has a start of its own",
            seen.started_at != before.started_at,
            &seen,
        )?;
        rule("the exit is that of the last run", seen.exit.is_none(), &seen)?;
        ok("a container is killed", self.engine.kill(id)).await?;
        let seen = self.look(id).await?;
        rule(
            "a killed container is down",
            seen.status == ContainerStatus::Exited,
            &seen,
        )
    }

    async fn remove(&self, id: &ContainerId) -> Checked {
        let engine = self.engine;
        ok("a container starts", engine.start(id)).await?;
        for _ in 0..2 {
            ok("removing, also what runs, may be repeated", engine.remove(id)).await?;
        }
        ok("stopping what is gone is fine", engine.stop(id, GRACE)).await?;
        ok("killing what is gone is fine", engine.kill(id)).await?;
        let kind = EngineErrorKind::NotFound;
        fails("what is gone is not found", kind, engine.inspect(id)).await?;
        fails("what is gone cannot be started", kind, engine.start(id)).await?;
        fails("what is gone has no statistics", kind, engine.stats(id)).await?;
        let options = LogOptions::default();
        let lines = tokio::time::timeout(PATIENCE, engine.logs(id, &options).collect::<Vec<_>>());
        rule(
            "the output of what is gone comes to an end",
            lines.await.is_ok(),
            &id,
        )
    }

    async fn end_by_itself(&self) -> Checked {
        let engine = self.engine;
        let made = ok(
            "a container that is made with all its walls is told as it was made",
            engine.create_checked(&self.ends),
        )
        .await?;
        let fresh = made.status == ContainerStatus::Created && made == self.look(&made.id).await?;
        rule(
            "a container that is made with all its walls is told as it was made",
            fresh,
            &made,
        )?;
        let id = made.id;
        ok("a start does not wait for the run", engine.start(&id)).await?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let seen = loop {
            let seen = self.look(&id).await?;
            if seen.status == ContainerStatus::Exited || tokio::time::Instant::now() > deadline {
                break seen;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        let told = seen
            .exit
            .as_ref()
            .is_some_and(|exit| exit.code == 3 && !exit.oom_killed);
        rule("a run that ended by itself tells its exit code", told, &seen)?;
        ok("a container is removed", engine.remove(&id)).await
    }

    async fn look(&self, id: &ContainerId) -> Checked<Observed> {
        ok("what exists can be looked at", self.engine.inspect(id)).await
    }

    /// Waits for an event; others may come in between.
    async fn hears(
        &self,
        events: &mut EngineStream<EngineEvent>,
        id: &ContainerId,
        kind: EngineEventKind,
    ) -> Checked {
        let heard = async {
            while let Some(event) = events.next().await {
                if event.is_ok_and(|event| event.container == *id && event.kind == kind) {
                    return true;
                }
            }
            false
        };
        let heard = tokio::time::timeout(PATIENCE, heard).await.unwrap_or(false);
        rule(
            "starts, deaths and removals are told to who listened before",
            heard,
            &(kind, "missing"),
        )
    }
}

async fn ok<T>(rule: &'static str, call: impl Future<Output = Result<T, EngineError>>) -> Checked<T> {
    let found = match tokio::time::timeout(PATIENCE, call).await {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => {
            return Err(ContractViolation {
                rule,
                found: error.to_string(),
                source: Some(Box::new(error)),
            });
        }
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    let source = None;
    Err(ContractViolation { rule, found, source })
}

/// Whether the engine can do it at all; if it can, it has to succeed.
async fn supported(rule: &'static str, call: impl Future<Output = Result<(), EngineError>>) -> Checked<bool> {
    match ok(rule, call).await {
        Ok(()) => Ok(true),
        Err(ContractViolation {
            source: Some(error), ..
        }) if error.kind() == EngineErrorKind::Unsupported => Ok(false),
        Err(violation) => Err(violation),
    }
}

async fn fails<T: fmt::Debug>(
    rule: &'static str,
    kind: EngineErrorKind,
    call: impl Future<Output = Result<T, EngineError>>,
) -> Checked {
    let (found, source) = match tokio::time::timeout(PATIENCE, call).await {
        Ok(Err(error)) if error.kind() == kind => return Ok(()),
        Ok(Err(error)) => (format!("{error} instead of {kind:?}"), Some(Box::new(error))),
        Ok(Ok(value)) => (format!("{value:?} instead of {kind:?}"), None),
        Err(_) => (format!("no answer within {PATIENCE:?} instead of {kind:?}"), None),
    };
    Err(ContractViolation { rule, found, source })
}

fn rule(rule: &'static str, kept: bool, found: &dyn fmt::Debug) -> Checked {
    if kept {
        return Ok(());
    }
    let (found, source) = (format!("{found:?}"), None);
    Err(ContractViolation { rule, found, source })
}

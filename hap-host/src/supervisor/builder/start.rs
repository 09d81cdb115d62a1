//! What the start of a supervisor does, step by step.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, Semaphore, broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    super::{
        Inner, Supervisor,
        dispatch::{Hints, ask, dispatch},
        event_stream::{EventStream, event_channel},
        host_watch::watch_host,
        isolation::watch_isolation,
        orphans::sweep::sweep_in_time,
        registry::Registry,
        snapshots::look_after_snapshots,
        usage_sampling::sample,
    },
    SupervisorBuilder,
};
use crate::{
    engine::{
        HostEndpoints,
        deadline::{self, within},
        info::EngineInfo,
        listing::Listing,
        observed::Observed,
    },
    error::{Error, ErrorKind},
    metrics::Metrics,
    model::{event::Event, isolation::IsolationState, keys::KeyPair, record::PluginRecord, runs_as::RunsAs},
    plugin::{
        context::Shared,
        host_problems::HostProblems,
        ownership::Ownership,
        source::{pulls::Pulls, staging::Staging},
        volume_marks::VolumeMarks,
    },
    protocol::{
        client::probe::probe_client,
        events::{
            Inbox,
            credentials::Credentials,
            listener::{
                Listener,
                shared::{ListenOptions, Place},
            },
        },
    },
    store::Store,
};

/// Where the instance's name and port are kept.
const META_INSTANCE: &str = "instance";
const META_PORT: &str = "events_port";
/// Where it is kept, until all keys are other ones, that another program had that port.
const META_PORT_LOST: &str = "events_port_lost";

/// The state folder, opened.
struct OpenState {
    store: Store,
    staging: Staging,
    plugins: Vec<PluginRecord>,
    ownership: Ownership,
    volumes: VolumeMarks,
    events: broadcast::Sender<Event>,
}

/// What the engine said when the supervisor started.
struct FoundEngine {
    info: EngineInfo,
    platform: HostEndpoints,
    /// The containers that there are.
    listing: Listing,
}

/// Where plugins reach the host, and how they are known there.
struct Endpoint {
    credentials: Credentials,
    metrics: Arc<Metrics>,
    platform: watch::Sender<HostEndpoints>,
    port: u16,
}

impl SupervisorBuilder {
    /// Opens the state, adopts the plugins that run, and starts those whose desired state is
    /// running.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a policy that breaks its rule or names a runtime that the
    /// engine lacks, or a state folder of another instance, [`ErrorKind::Store`] when the state
    /// cannot be opened (another supervisor may have it open), [`ErrorKind::Engine`] and
    /// [`ErrorKind::Timeout`] when the engine does not answer or no address can be listened on.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    pub async fn start(self) -> Result<Supervisor, Error> {
        let checked = self.restart.check().and_then(|()| self.health.check());
        let checked = checked.and_then(|()| self.probation.check());
        checked.map_err(|message| Error::new(ErrorKind::InvalidInput, message))?;
        for warning in self.policy.warnings() {
            tracing::warn!("of the policy: {warning}");
        }
        let mut state = self.open_state().await?;
        let found = self.prepare_engine(&state).await?;
        apply_boot(&state.store, &mut state.plugins, &found.listing).await?;
        let (inbox, listener, endpoint) = self.listen(&mut state, found.platform).await?;
        let OpenState {
            store,
            staging,
            plugins,
            ownership,
            volumes,
            events,
        } = state;
        let usage_interval = self.usage_interval;
        let isolation_interval = self.isolation_interval;
        let (listed, listed_reader) = watch::channel(Some(Arc::new(found.listing)));
        let inner = Inner {
            shared: Arc::new(self.into_shared(
                (store, staging, ownership, volumes, events),
                found.info,
                endpoint,
                listed_reader,
            )),
            registry: Registry::default(),
            inbox,
            listener,
            hints: Hints::default(),
        };
        spawn_dispatch(&inner, listed);
        for record in plugins {
            inner.adopt(record);
        }
        spawn_upkeep(&inner, usage_interval);
        spawn_watch_of_isolation(&inner, isolation_interval);
        Ok(Supervisor::from_inner(inner))
    }

    /// Opens the store, refuses that of another instance, and puts the rest of the folder in order.
    async fn open_state(&self) -> Result<OpenState, Error> {
        let (store, loaded) =
            Store::open_with(self.state_folder.clone(), self.event_retention.clone()).await?;
        for entry in &loaded.corrupt {
            tracing::error!(plugin = %entry.id_text, reason = %entry.reason, "the stored record of a plugin cannot be read; it is left as it is and the plugin is not run");
        }
        for record in &loaded.plugins {
            if self.engine.capabilities().isolation && record.runs_as() == RunsAs::AsBefore {
                let runs_as = record.runs_as();
                tracing::warn!(plugin = %record.manifest.id(), "it runs as {runs_as}, as the version before installed it; uninstalled with its data kept and installed again it gets a number of its own");
            }
        }
        self.claim(&store).await?;
        let events = event_channel();
        let ownership = Ownership::open(&store, &self.instance, events.clone()).await?;
        let volumes = VolumeMarks::open(&store, events.clone()).await?;
        let folder = self.state_folder.clone();
        let staging = tokio::task::spawn_blocking(move || Staging::open(&folder))
            .await
            .map_err(|error| {
                Error::new(ErrorKind::Store, "the state folder was not put in order").with_source(error)
            })??;
        Ok(OpenState {
            store,
            staging,
            plugins: loaded.plugins,
            ownership,
            volumes,
            events,
        })
    }

    /// Refuses the state of another instance: its containers would be taken for lost.
    async fn claim(&self, store: &Store) -> Result<(), Error> {
        match store.meta(META_INSTANCE).await? {
            Some(owner) if owner != self.instance.as_str() => Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{} holds the state of instance {owner:?}, not of {:?}: use a folder for each instance",
                    self.state_folder.display(),
                    self.instance.as_str()
                ),
            )),
            Some(_) => Ok(()),
            None => store.set_meta(META_INSTANCE, self.instance.as_str()).await,
        }
    }

    /// Asks the engine what it is, makes the networks, and lists the containers that there are.
    async fn prepare_engine(&self, state: &OpenState) -> Result<FoundEngine, Error> {
        let info = ask(&self.engine).await.map_err(Error::engine)?;
        tracing::info!(engine = %info, instance = %self.instance, "the supervisor starts");
        self.check_runtimes(&info)?;
        let prepare = self.engine.prepare(&self.instance);
        let platform = within(deadline::CONTROL, "prepare", &self.instance, prepare)
            .await
            .map_err(Error::engine)?;
        let list = self.engine.list(&self.instance);
        let running = within(deadline::CONTROL, "list", &self.instance, list)
            .await
            .map_err(Error::engine)?;
        let listing = state.ownership.sort(running);
        for record in &state.plugins {
            let id = record.manifest.id();
            if listing.ours.get(id).is_none_or(|observed| !observed.is_unsealed) {
                state.ownership.settle(id).await;
            }
        }
        Ok(FoundEngine {
            info,
            platform,
            listing,
        })
    }

    /// Refuses runtimes that the engine lacks, or of which it does not tell.
    fn check_runtimes(&self, info: &EngineInfo) -> Result<(), Error> {
        let has = info.runtimes.as_deref().unwrap_or_default();
        let named = self.policy.named_runtimes();
        let Some(missing) = named
            .into_iter()
            .find(|name| !has.iter().any(|known| known == name))
        else {
            return Ok(());
        };
        let known = match &info.runtimes {
            Some(_) => format!("it has {}", has.join(", ")),
            None => "it does not tell which it has".to_owned(),
        };
        let message = format!(
            "the policy runs plugins in the runtime {missing:?}, which the engine {} {} lacks: {known}. Set the \
             runtime up in the engine, or name another in the policy",
            info.name, info.version
        );
        Err(Error::new(ErrorKind::InvalidInput, message))
    }

    /// Listens for what plugins post, on the port of the last start where none is set.
    async fn listen(
        &self,
        state: &mut OpenState,
        platform: HostEndpoints,
    ) -> Result<(Inbox, Listener, Endpoint), Error> {
        let store = state.store.clone();
        let preferred = match self.port {
            Some(port) => Some(port),
            None => store.meta(META_PORT).await?.and_then(|port| port.parse().ok()),
        };
        let options = ListenOptions::new(listener_places(&platform)).port(preferred);
        let listener = Listener::bind(options).await?;
        let port = listener.port();
        if let Some(wanted) = preferred.filter(|wanted| *wanted != port) {
            // On disk first: a host that ends here goes on with it at its next start.
            store.set_meta(META_PORT_LOST, &wanted.to_string()).await?;
        }
        if self.port.is_some_and(|wanted| wanted != port) {
            let message = format!(
                "events_port {} is taken on one of the addresses that plugins use: free it or name another",
                self.port.unwrap_or_default()
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        if let Some(lost) = store.meta(META_PORT_LOST).await?.filter(|lost| !lost.is_empty()) {
            replace_keys(&store, &mut state.plugins, &lost).await?;
            store.set_meta(META_PORT_LOST, "").await?;
        }
        store.set_meta(META_PORT, &port.to_string()).await?;
        let credentials = Credentials::default();
        // Plugins that already run may post as soon as the listener serves.
        for record in &state.plugins {
            credentials.set(record.manifest.id(), &record.keys);
        }
        let metrics = Arc::new(Metrics::new());
        let inbox = Inbox::new(store, credentials.clone(), self.event_rate, Arc::clone(&metrics));
        let listener = listener.serve(inbox.router());
        let platform = watch::Sender::new(platform);
        listener.follow(platform.subscribe(), listener_places);
        let endpoint = Endpoint {
            credentials,
            metrics,
            platform,
            port,
        };
        Ok((inbox, listener, endpoint))
    }

    /// Puts together what all tasks of the supervisor share.
    fn into_shared(
        self,
        (store, staging, ownership, volumes, events): (
            Store,
            Staging,
            Ownership,
            VolumeMarks,
            broadcast::Sender<Event>,
        ),
        engine_info: EngineInfo,
        endpoint: Endpoint,
        listed: watch::Receiver<Option<Arc<Listing>>>,
    ) -> Shared {
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let starts = self.parallel_starts.unwrap_or(2 * cores).max(1);
        let isolation = if self.engine.capabilities().isolation {
            IsolationState::unknown(match self.isolation_interval {
                Some(_) => "it is not measured yet",
                None => "this host is set up not to measure it",
            })
        } else {
            IsolationState::Absent
        };
        let host_events = broadcast::Sender::new(EventStream::CAPACITY);
        Shared {
            problems: HostProblems::new(host_events.clone()),
            pulls: Pulls::new(Arc::clone(&self.engine), tasks.clone(), cancel.clone()),
            engine: self.engine,
            engine_info: watch::Sender::new(engine_info),
            instance: self.instance,
            store,
            ownership,
            volumes,
            credentials: endpoint.credentials,
            platform: endpoint.platform,
            port: endpoint.port,
            restart: self.restart,
            outlive: self.outlive,
            health: self.health,
            probation: self.probation,
            events,
            host_events,
            isolation: watch::Sender::new(isolation),
            isolation_due: Notify::new(),
            parallel_starts: starts,
            starts: Arc::new(Semaphore::new(starts)),
            parallel_calls: self.parallel_calls,
            staging,
            limits: self.limits,
            policy: self.policy,
            board: watch::Sender::default(),
            dependency_wait: self.dependency_wait,
            shutdown_timeout: self.shutdown_timeout,
            metrics: endpoint.metrics,
            forwarding: self.forwarding,
            probes: probe_client(),
            orphan_age: self.orphan_age,
            listed,
            tasks,
            cancel,
        }
    }
}

/// Records for each plugin whether it is to run now, by what the operator chose for a start of the
/// host.
async fn apply_boot(store: &Store, plugins: &mut [PluginRecord], listing: &Listing) -> Result<(), Error> {
    for record in plugins {
        let id = record.manifest.id();
        let runs = listing.ours.get(id).is_some_and(Observed::is_running);
        let desired = record.choices.autostart.desired(record.desired, runs);
        if desired != record.desired {
            match store.set_desired(id, desired).await {
                // It is made so again at the next start.
                Err(error) if error.trouble().is_some() => {
                    tracing::warn!(plugin = %id, error = %error.report(), "what becomes of it at this start cannot be recorded");
                }
                recorded => recorded?,
            }
            record.desired = desired;
        }
    }
    Ok(())
}

/// Spawns what every plugin's task hears from, and the upkeep of received events.
fn spawn_dispatch(inner: &Inner, listed: watch::Sender<Option<Arc<Listing>>>) {
    let shared = &inner.shared;
    let watching = dispatch(Arc::clone(shared), inner.hints.clone(), listed);
    shared.tasks.spawn(watching);
    let (inbox, cancel) = (inner.inbox.clone(), shared.cancel.clone());
    shared.tasks.spawn(async move { inbox.maintain(cancel).await });
}

/// Spawns what looks at all plugins from time to time: the sweep of orphans and the samples of
/// usage.
fn spawn_upkeep(inner: &Inner, usage_interval: Option<Duration>) {
    let shared = &inner.shared;
    if let Some(age) = shared.orphan_age {
        let sweeping = sweep_in_time(Arc::clone(shared), inner.registry.clone(), age);
        let cancel = shared.cancel.clone();
        let task = async move { cancel.run_until_cancelled(sweeping).await };
        shared.tasks.spawn(task);
    }
    let watching = watch_host(Arc::clone(shared));
    let cancel = shared.cancel.clone();
    let task = async move { cancel.run_until_cancelled(watching).await };
    shared.tasks.spawn(task);
    let looking = look_after_snapshots(Arc::clone(shared), inner.registry.clone());
    let cancel = shared.cancel.clone();
    let task = async move { cancel.run_until_cancelled(looking).await };
    shared.tasks.spawn(task);
    if let Some(every) = usage_interval {
        let sampling = sample(inner.registry.clone(), every, shared.cancel.clone());
        shared.tasks.spawn(sampling);
    }
}

/// Spawns what measures whether plugins are kept apart.
fn spawn_watch_of_isolation(inner: &Inner, interval: Option<Duration>) {
    let shared = &inner.shared;
    if let Some(interval) = interval.filter(|_| shared.engine.capabilities().isolation) {
        let watching = watch_isolation(Arc::clone(shared), interval);
        let cancel = shared.cancel.clone();
        let task = async move { cancel.run_until_cancelled(watching).await };
        shared.tasks.spawn(task);
    }
}

/// Gives every plugin new keys, after another program had the port that plugins send to.
///
/// A plugin that does not sign shows its token to whoever has the port. The old keys are worthless
/// at once, also those of plugins that run: each is replaced as soon as its actor looks, because
/// the port in its environment is another one too.
async fn replace_keys(store: &Store, plugins: &mut [PluginRecord], lost: &str) -> Result<(), Error> {
    if plugins.is_empty() {
        return Ok(());
    }
    tracing::error!(
        port = lost,
        plugins = plugins.len(),
        "another program has had the port for events, and may have been told the tokens of plugins: \
         all of them get new keys and are started again; find out which program it is"
    );
    for record in plugins {
        let keys = KeyPair::generate().map_err(|message| Error::new(ErrorKind::Store, message))?;
        let keys = record.keys.rotated(keys, false);
        store.set_keys(record.manifest.id(), &keys).await?;
        record.keys = keys;
    }
    Ok(())
}

/// Returns loopback first, then each gateway once, each with the network that comes to it. Never
/// all interfaces.
fn listener_places(platform: &HostEndpoints) -> Vec<Place> {
    let mut places = vec![Place {
        address: std::net::IpAddr::from([127, 0, 0, 1]),
        prefix: 8,
    }];
    for address in [platform.isolated_gateway, platform.outbound_gateway] {
        if places.iter().all(|place| place.address != address) {
            let prefix = platform.prefix(address);
            places.push(Place { address, prefix });
        }
    }
    places
}

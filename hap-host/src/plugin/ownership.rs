//! Whose the containers are that carry the labels of this supervisor.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hap_manifest::PluginId;
use tokio::sync::broadcast;

use crate::{
    engine::{
        instance::InstanceName,
        listing::Listing,
        observed::{ContainerId, Observed},
        seal::{Owner, SealKey, owner_of},
        spec::ContainerSpec,
    },
    error::{Error, ErrorKind},
    model::{
        event::{Event, EventKind},
        keys::random,
        second_container::SecondContainer,
    },
    store::Store,
};

/// Where the key of the seals is kept.
const META_SEAL_KEY: &str = "seal_key";

/// Tells this supervisor's containers from those that only carry its labels. Clones share what they
/// know.
#[derive(Debug, Clone)]
pub(crate) struct Ownership(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: SealKey,
    instance: InstanceName,
    store: Store,
    events: broadcast::Sender<Event>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Plugins whose container may be from before there were seals.
    unsealed: BTreeSet<PluginId>,
    /// What there is besides the containers of plugins, as it was seen last.
    second: BTreeMap<PluginId, Vec<SecondContainer>>,
}

impl Ownership {
    /// Reads the key from the store, or makes one at the first start.
    pub(crate) async fn open(
        store: &Store,
        instance: &InstanceName,
        events: broadcast::Sender<Event>,
    ) -> Result<Self, Error> {
        let key = match store.meta(META_SEAL_KEY).await? {
            Some(text) => SealKey::from_digits(&text).ok_or_else(|| {
                let message = "the key that marks this supervisor's containers is damaged in its state \
                               folder: restore the folder from a backup";
                Error::new(ErrorKind::Store, message)
            })?,
            None => {
                let bytes = random().map_err(|message| Error::new(ErrorKind::Store, message))?;
                let key = SealKey::from_bytes(bytes);
                store.set_meta(META_SEAL_KEY, &key.to_digits()).await?;
                key
            }
        };
        let known = Known {
            unsealed: store.unsealed().await?,
            second: BTreeMap::new(),
        };
        Ok(Self(Arc::new(Inner {
            key,
            instance: instance.clone(),
            store: store.clone(),
            events,
            known: Mutex::new(known),
        })))
    }

    /// Puts the seal on a spec, which is otherwise complete.
    pub(crate) fn seal(&self, spec: &mut ContainerSpec) {
        self.0.key.put(spec);
    }

    /// Sorts all containers that carry the labels of the instance.
    pub(crate) fn sort(&self, all: Vec<Observed>) -> Listing {
        let mut listing = Listing::default();
        let mut second: BTreeMap<PluginId, Vec<SecondContainer>> = BTreeMap::new();
        for observed in all {
            match self.owner(&observed) {
                Owner::Ours => {
                    listing.ours.insert(observed.plugin.clone(), observed);
                }
                Owner::Unsealed => {
                    let observed = taken_over(observed);
                    listing.ours.entry(observed.plugin.clone()).or_insert(observed);
                }
                Owner::Copy => {
                    note(&mut second, &observed, true);
                    let copies = listing.copies.entry(observed.plugin.clone());
                    copies.or_default().push(observed);
                }
                Owner::Stranger => note(&mut second, &observed, false),
            }
        }
        let before = std::mem::replace(&mut self.known().second, second.clone());
        self.tell(&before, &second);
        listing
    }

    /// Finds the container of one plugin among all that carry its labels. The rest are copies of it.
    pub(crate) fn pick(&self, plugin: &PluginId, all: Vec<Observed>) -> Picked {
        let mut picked = Picked::default();
        let mut second = BTreeMap::new();
        for observed in all.into_iter().filter(|observed| observed.plugin == *plugin) {
            match self.owner(&observed) {
                Owner::Ours => picked.ours = Some(observed),
                Owner::Unsealed => picked.ours = picked.ours.or_else(|| Some(taken_over(observed))),
                Owner::Copy => {
                    note(&mut second, &observed, true);
                    picked.copies.push(observed);
                }
                Owner::Stranger => note(&mut second, &observed, false),
            }
        }
        let mut known = self.known();
        let before = BTreeMap::from_iter(known.second.remove_entry(plugin));
        known.second.extend(second.clone());
        drop(known);
        self.tell(&before, &second);
        picked
    }

    /// Takes one container that was looked at by its id; `None` unless it is the plugin's own.
    pub(crate) fn own(&self, observed: Observed) -> Option<Observed> {
        match self.owner(&observed) {
            Owner::Ours => Some(observed),
            Owner::Unsealed => Some(taken_over(observed)),
            Owner::Copy | Owner::Stranger => None,
        }
    }

    /// Whether this supervisor made a container, under whatever name it is now.
    pub(crate) fn made(&self, observed: &Observed) -> bool {
        matches!(self.owner(observed), Owner::Ours | Owner::Copy)
    }

    /// Records that no container of a plugin is from before there were seals: from now on none that
    /// lacks one is taken for it.
    pub(crate) async fn settle(&self, plugin: &PluginId) {
        if !self.known().unsealed.contains(plugin) {
            return;
        }
        match self.0.store.set_sealed(plugin).await {
            Ok(()) => {
                self.known().unsealed.remove(plugin);
            }
            Err(error) => {
                tracing::warn!(%plugin, error = %error.report(), "it could not be recorded that its container is sealed");
            }
        }
    }

    /// Forgets a plugin that is gone.
    pub(crate) fn forget(&self, plugin: &PluginId) {
        let mut known = self.known();
        known.unsealed.remove(plugin);
        known.second.remove(plugin);
    }

    /// Whether a copy of a plugin's container was there when it was last looked at.
    pub(crate) fn knows_copies(&self, plugin: &PluginId) -> bool {
        let known = self.known();
        let second = known.second.get(plugin);
        second.is_some_and(|all| all.iter().any(|one| one.sealed))
    }

    /// What there is besides the containers of plugins, as it was seen last.
    pub(crate) fn second_containers(&self) -> Vec<SecondContainer> {
        self.known().second.values().flatten().cloned().collect()
    }

    fn owner(&self, observed: &Observed) -> Owner {
        let takes_unsealed = self.known().unsealed.contains(&observed.plugin);
        owner_of(&self.0.key, &self.0.instance, observed, takes_unsealed)
    }

    /// Tells of each once: when it is seen first, or has changed.
    fn tell(
        &self,
        before: &BTreeMap<PluginId, Vec<SecondContainer>>,
        now: &BTreeMap<PluginId, Vec<SecondContainer>>,
    ) {
        for second in now.values().flatten() {
            let known = before.get(&second.plugin);
            if known.is_some_and(|known| known.contains(second)) {
                continue;
            }
            tracing::warn!(
                plugin = %second.plugin, container = second.name, copy = second.sealed,
                "a second container carries the plugin's labels; it is not the plugin's own"
            );
            let kind = EventKind::SecondContainer(second.clone());
            // Nobody listening is fine.
            let _ = self.0.events.send(Event::now(second.plugin.clone(), kind));
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Each change is made whole before anything can panic.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What carries the labels of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Picked {
    /// Its container.
    pub ours: Option<Observed>,
    /// Copies of it.
    pub copies: Vec<Observed>,
}

/// Ids of those of the copies that have a process, or are about to have one.
pub(crate) fn alive(copies: &[Observed]) -> Vec<ContainerId> {
    let alive = copies.iter().filter(|copy| copy.may_run());
    alive.map(|copy| copy.id.clone()).collect()
}

/// A container without a seal stays as it is while it runs, and is made anew with one when it is
/// down.
fn taken_over(observed: Observed) -> Observed {
    Observed {
        is_unsealed: true,
        ..observed
    }
}

fn note(second: &mut BTreeMap<PluginId, Vec<SecondContainer>>, observed: &Observed, sealed: bool) {
    let all = second.entry(observed.plugin.clone()).or_default();
    all.push(SecondContainer {
        plugin: observed.plugin.clone(),
        container: observed.id.clone(),
        name: observed.name.clone(),
        sealed,
        running: observed.is_running(),
    });
}

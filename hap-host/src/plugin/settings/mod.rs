//! A plugin's settings: kept on disk, checked, given to each run of the plugin, shown
//! without their secrets.

pub(crate) mod delivery;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use hap_manifest::{Manifest, PluginId, wire::ConfigAck};
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard, watch};

use crate::{
    engine::deadline,
    error::{Error, ErrorKind},
    model::{
        config_state::ConfigState,
        redact::{REDACTED, Redactor},
        secret_paths::SecretPlaces,
        settings_schema::SettingsCheck,
    },
    protocol::client::{PluginClient, options::CallOptions, request_body},
    store::Store,
};

/// Longest wait for another call that configures the same plugin.
const TURN_DEADLINE: Duration = deadline::PLUGIN_CALL;

/// The settings of one plugin, shared by its handle and its actor.
pub(crate) struct ConfigDesk {
    plugin: PluginId,
    terms: RwLock<Arc<Terms>>,
    /// Why no settings are taken now.
    closed: RwLock<Option<&'static str>>,
    /// What the plugin shall have. Locked while it is being sent, so that two never cross.
    kept: Mutex<Option<Value>>,
    state: watch::Sender<ConfigState>,
    /// The keys that the plugin was given and its secret settings, for texts that come from it.
    redactor: RwLock<Secrets>,
}

/// What a version of the plugin says of its settings.
struct Terms {
    path: String,
    places: SecretPlaces,
    check: SettingsCheck,
}

impl Terms {
    fn of(manifest: &Manifest) -> Self {
        Self {
            path: manifest.config_endpoint().as_str().to_owned(),
            places: SecretPlaces::of(manifest),
            check: SettingsCheck::of(manifest),
        }
    }
}

#[derive(Default)]
struct Secrets {
    keys: Vec<String>,
    settings: Vec<String>,
    all: Arc<Redactor>,
}

impl ConfigDesk {
    pub(crate) fn new(manifest: &Manifest, kept: Option<Value>) -> Self {
        let state = match &kept {
            Some(_) => ConfigState::Pending { reason: None },
            None => ConfigState::None,
        };
        let desk = Self {
            plugin: manifest.id().clone(),
            terms: RwLock::new(Arc::new(Terms::of(manifest))),
            closed: RwLock::default(),
            kept: Mutex::default(),
            state: watch::Sender::new(state),
            redactor: RwLock::default(),
        };
        desk.note_settings(kept.as_ref(), None);
        Self {
            kept: Mutex::new(kept),
            ..desk
        }
    }

    fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes no settings any more, for this reason; or takes them again.
    pub(crate) fn close(&self, why: Option<&'static str>) {
        *self.closed.write().unwrap_or_else(PoisonError::into_inner) = why;
    }

    fn refuse_if_closed(&self) -> Result<(), Error> {
        let closed = *self.closed.read().unwrap_or_else(PoisonError::into_inner);
        closed.map_or(Ok(()), |why| {
            Err(Error::new(ErrorKind::Busy, why).with_plugin(&self.plugin))
        })
    }

    /// The plugin has another version, which may say something else of its settings.
    pub(crate) fn follow(&self, manifest: &Manifest) {
        *self.terms.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Terms::of(manifest));
    }

    /// The settings that came with another version, which are on the disk already. A call
    /// that still configures the version before ends first, and what it leaves on the disk
    /// is written over.
    pub(crate) async fn replace(&self, store: &Store, settings: Option<Value>) {
        let terms = self.terms();
        let mut kept = self.kept.lock().await;
        // Also where they are the same: this version may call others of them secret.
        let stored = store
            .set_config(&self.plugin, settings.as_ref(), &terms.places)
            .await;
        if let Err(error) = stored {
            tracing::warn!(plugin = %self.plugin, error = %error.report(), "the settings of this version could not be written again");
        }
        *kept = settings;
        self.note_settings(kept.as_ref(), None);
        self.settle(match *kept {
            Some(_) => ConfigState::Pending { reason: None },
            None => ConfigState::None,
        });
    }

    /// The settings that are kept, secrets included.
    pub(crate) async fn kept(&self) -> Result<Option<Value>, Error> {
        Ok(self.turn().await?.clone())
    }

    pub(crate) fn state(&self) -> ConfigState {
        self.state.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<ConfigState> {
        self.state.subscribe()
    }

    /// What takes the plugin's secrets out of a text.
    pub(crate) fn redactor(&self) -> Arc<Redactor> {
        self.secrets(|secrets| Arc::clone(&secrets.all))
    }

    /// Says which keys the plugin knows.
    pub(crate) fn note_keys(&self, keys: Vec<String>) {
        self.secrets(|secrets| {
            secrets.keys = keys;
            secrets.join();
        });
    }

    /// Earlier settings count too until the plugin has answered: it may speak of either.
    fn note_settings(&self, one: Option<&Value>, other: Option<&Value>) {
        let (texts, terms) = ([one, other].into_iter().flatten(), self.terms());
        let texts = texts.flat_map(|settings| terms.places.texts(settings)).collect();
        self.secrets(|secrets| {
            secrets.settings = texts;
            secrets.join();
        });
    }

    fn secrets<T>(&self, change: impl FnOnce(&mut Secrets) -> T) -> T {
        change(&mut self.redactor.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// A run of the plugin begins, and it starts without settings.
    pub(crate) fn run_began(&self) {
        self.make_pending(|state| *state != ConfigState::None);
    }

    /// What the run was given is gone with it.
    pub(crate) fn run_ended(&self) {
        self.make_pending(|state| *state == ConfigState::Delivered);
    }

    fn make_pending(&self, which: impl FnOnce(&ConfigState) -> bool) {
        self.state.send_if_modified(|state| {
            let again = which(state);
            if again {
                *state = ConfigState::Pending { reason: None };
            }
            again
        });
    }

    /// The settings without their secrets.
    pub(crate) async fn shown(&self) -> Result<Option<Value>, Error> {
        let kept = self.turn().await?;
        let terms = self.terms();
        Ok(kept.as_ref().map(|settings| terms.places.redacted(settings)))
    }

    /// Keeps new settings and gives them to the plugin, if there is a way to it.
    pub(crate) async fn configure(
        &self,
        store: &Store,
        mut settings: Value,
        client: Result<PluginClient, Error>,
        options: &CallOptions,
    ) -> Result<ConfigAck, Error> {
        let refuse = |message: String| Error::new(ErrorKind::InvalidInput, message).with_plugin(&self.plugin);
        if !settings.is_object() {
            return Err(refuse("settings must be a JSON object".to_owned()));
        }
        let (mut kept, terms) = (self.turn().await?, self.terms());
        self.refuse_if_closed()?;
        terms
            .places
            .keep_earlier(&mut settings, kept.as_ref())
            .map_err(|place| refuse(no_earlier_secret(&place)))?;
        terms
            .check
            .check(&settings)
            .map_err(|problems| refuse(misfit(&problems)))?;
        // Checked before it is kept: what can never be sent would be pending for ever.
        request_body(&settings).map_err(|error| error.with_plugin(&self.plugin))?;

        store
            .set_config(&self.plugin, Some(&settings), &terms.places)
            .await?;
        let earlier = kept.replace(settings);
        self.note_settings(kept.as_ref(), earlier.as_ref());
        let before = self.state.send_replace(ConfigState::Pending { reason: None });
        let sent = match (client, kept.as_ref()) {
            (Ok(client), Some(settings)) => self.send(&client, settings, options).await,
            (Err(error), _) => Err(error),
            // Just put there.
            (Ok(_), None) => return Ok(ConfigAck::default()),
        };
        match &sent {
            Ok(_) => self.settle(ConfigState::Delivered),
            Err(error) if error.kind() == ErrorKind::Rejected && is_no(error) => {
                store
                    .set_config(&self.plugin, earlier.as_ref(), &terms.places)
                    .await?;
                *kept = earlier;
                self.settle(before);
            }
            Err(error) => self.settle(ConfigState::Pending {
                reason: Some(error.to_string()),
            }),
        }
        self.note_settings(kept.as_ref(), None);
        sent
    }

    /// Gives the plugin what is pending. Whether it is settled now, for better or worse.
    async fn deliver(&self, client: &PluginClient) -> bool {
        let kept = self.kept.lock().await;
        let Some(settings) = kept.as_ref() else {
            self.settle(ConfigState::None);
            return true;
        };
        // Somebody may have given them meanwhile.
        if !matches!(*self.state.borrow(), ConfigState::Pending { .. }) {
            return true;
        }
        match self.send(client, settings, &CallOptions::default()).await {
            Ok(_) => self.settle(ConfigState::Delivered),
            Err(error) if is_no(&error) => {
                tracing::warn!(plugin = %self.plugin, error = %error.report(), "the plugin refuses the settings that are kept for it");
                self.settle(ConfigState::Refused(error.to_string()));
            }
            Err(error) => {
                tracing::debug!(plugin = %self.plugin, error = %error.report(), "the kept settings were not delivered yet");
                self.settle(ConfigState::Pending {
                    reason: Some(error.to_string()),
                });
                return false;
            }
        }
        true
    }

    async fn send(
        &self,
        client: &PluginClient,
        settings: &Value,
        options: &CallOptions,
    ) -> Result<ConfigAck, Error> {
        let sent = client.configure(&self.terms().path, settings, options).await;
        // A refusal may well quote what it refuses.
        sent.map_err(|error| error.redacted(&self.redactor()))
    }

    fn settle(&self, next: ConfigState) {
        self.state.send_if_modified(|state| {
            let news = *state != next;
            *state = next;
            news
        });
    }

    async fn turn(&self) -> Result<MutexGuard<'_, Option<Value>>, Error> {
        tokio::time::timeout(TURN_DEADLINE, self.kept.lock())
            .await
            .map_err(|_| {
                let message = "another call is still configuring it: try again in a moment";
                Error::new(ErrorKind::Busy, message).with_plugin(&self.plugin)
            })
    }
}

/// Checks settings that are to come with another version of a plugin.
pub(crate) fn check_settings(manifest: &Manifest, settings: &Value) -> Result<(), String> {
    if !settings.is_object() {
        return Err("settings must be a JSON object".to_owned());
    }
    SettingsCheck::of(manifest).check(settings)?;
    request_body(settings)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Puts the secrets that are kept where new settings say `[REDACTED]`, by what either
/// version calls secret.
pub(crate) fn keep_earlier_secrets(
    old: &Manifest,
    new: &Manifest,
    settings: &mut Value,
    kept: Option<&Value>,
) -> Result<(), String> {
    for manifest in [old, new] {
        SecretPlaces::of(manifest)
            .keep_earlier(settings, kept)
            .map_err(|place| no_earlier_secret(&place))?;
    }
    Ok(())
}

fn no_earlier_secret(place: &str) -> String {
    format!("the setting at {place} is {REDACTED:?}, which keeps the earlier secret, and there is none")
}

fn misfit(problems: &str) -> String {
    format!("the settings do not fit its config_schema: {problems}")
}

impl Secrets {
    fn join(&mut self) {
        self.all = Arc::new(Redactor::new(self.keys.iter().chain(&self.settings).cloned()));
    }
}

/// Whether asking again would be answered the same: anything but a plugin that cannot be reached or
/// says "not now".
pub(crate) fn is_no(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Rejected => !matches!(error.http_status(), Some(408 | 425 | 429 | 502..=504)),
        ErrorKind::InvalidReply | ErrorKind::InvalidInput => true,
        _ => false,
    }
}

impl fmt::Debug for ConfigDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigDesk")
            .field("plugin", &self.plugin)
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}

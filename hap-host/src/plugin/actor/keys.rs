//! The plugin's keys, and the secrets that are kept out of texts.

use super::state::Actor;
use crate::{
    error::{Error, ErrorKind},
    model::keys::KeyPair,
};

impl Actor {
    /// Records new keys before anything else happens. A container that may run keeps the old ones,
    /// which stay good until it is gone; the new digest makes the machine replace it.
    pub(super) async fn rotate_keys(&mut self) -> Result<(), Error> {
        let keys = self.record.keys.rotated(
            KeyPair::generate().map_err(|message| Error::new(ErrorKind::Store, message))?,
            self.machine.may_run(),
        );
        self.shared.store.set_keys(&self.id, &keys).await?;
        self.record.keys = keys;
        self.note_keys();
        self.rebuild_spec();
        Ok(())
    }

    /// Lets go of keys and secrets once no container can have them any more.
    pub(super) async fn retire_secrets(&mut self) {
        if self.machine.may_be_outdated() {
            return;
        }
        if self.record.keys.previous.is_some() {
            self.retire_keys().await;
        }
        if !self.outgoing_secrets.is_empty() {
            self.outgoing_secrets.clear();
            self.note_keys();
        }
    }

    async fn retire_keys(&mut self) {
        let keys = self.record.keys.retired();
        match self.shared.store.set_keys(&self.id, &keys).await {
            Ok(()) => {
                self.record.keys = keys;
                self.note_keys();
                self.publish();
            }
            // Tried again in the next round.
            Err(error) => {
                tracing::warn!(plugin = %self.id, error = %error.report(), "the old keys could not be retired yet")
            }
        }
    }

    /// Tells the listener which keys are good, and the desk what to keep out of texts.
    pub(super) fn note_keys(&self) {
        let keys = &self.record.keys;
        self.shared.credentials.set(&self.id, keys);
        let mut secrets = self.record.choices.secrets();
        secrets.extend(self.outgoing_secrets.iter().cloned());
        secrets.extend(keys.pairs().flat_map(KeyPair::texts));
        self.settings.desk.note_keys(secrets);
    }
}

use std::sync::Arc;

use tokio::sync::watch;

use super::{
    Listener,
    shared::{Place, Shared},
};

impl Listener {
    /// Goes on listening on what `places` says whenever the value changes, on the same port, until
    /// the listener ends. An address that is gone may come back as somebody else's, so nobody
    /// listens there any more.
    pub(crate) fn follow<T: Send + Sync + 'static>(
        &self,
        mut changes: watch::Receiver<T>,
        places: fn(&T) -> Vec<Place>,
    ) {
        let (shared, port) = (Arc::clone(&self.shared), self.port);
        self.shared.tasks.spawn(async move {
            let stop = shared.stop.clone();
            let following = async {
                while changes.changed().await.is_ok() {
                    let wanted = places(&changes.borrow_and_update());
                    shared.move_to(&wanted, port);
                }
            };
            // Nothing is lost when it ends in between: everything ends then.
            let _ = stop.run_until_cancelled(following).await;
        });
    }
}

impl Shared {
    fn move_to(self: &Arc<Self>, wanted: &[Place], port: u16) {
        let new: Vec<Place> = {
            let mut listening = self.listening();
            listening.retain(|place, stop| {
                let stays = wanted.contains(place);
                if !stays {
                    stop.cancel();
                }
                stays
            });
            let new = wanted.iter().filter(|place| !listening.contains_key(place));
            new.copied().collect()
        };
        for place in new {
            tracing::info!(address = %place.address, port, "plugins find the platform at another address now");
            self.spawn(place, port, None);
        }
    }
}

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tokio::sync::watch;

use super::{Listener, shared::Shared};

impl Listener {
    /// Goes on listening on what `addresses` says whenever the value changes, on the same port,
    /// until the listener ends. An address that is gone may come back as somebody else's, so nobody
    /// listens there any more.
    pub(crate) fn follow<T: Send + Sync + 'static>(
        &self,
        mut changes: watch::Receiver<T>,
        addresses: fn(&T) -> Vec<IpAddr>,
    ) {
        let (shared, port) = (Arc::clone(&self.shared), self.port);
        self.shared.tasks.spawn(async move {
            let stop = shared.stop.clone();
            let following = async {
                while changes.changed().await.is_ok() {
                    let wanted = addresses(&changes.borrow_and_update());
                    shared.move_to(&wanted.into_iter().collect(), port);
                }
            };
            // Nothing is lost when it ends in between: everything ends then.
            let _ = stop.run_until_cancelled(following).await;
        });
    }
}

impl Shared {
    fn move_to(self: &Arc<Self>, wanted: &BTreeSet<IpAddr>, port: u16) {
        let new: Vec<_> = {
            let mut listening = self.listening();
            listening.retain(|address, stop| {
                let stays = wanted.contains(address);
                if !stays {
                    stop.cancel();
                }
                stays
            });
            let new = wanted.iter().filter(|address| !listening.contains_key(address));
            new.copied().collect()
        };
        for address in new {
            tracing::info!(%address, port, "plugins find the platform at another address now");
            self.spawn(SocketAddr::new(address, port), None);
        }
    }
}

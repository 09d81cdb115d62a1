//! What a service manager such as systemd is told, where there is one.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;

/// Says that the host serves, also after a reload.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Says that the configuration is read again. [`ready`] ends it.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager was not told of the reload"),
    }
}

/// Says that the host ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells it, twice in the time that it waits, that the host is alive; only where it asks for that. The task shares the
/// threads of the host, so one that hangs is silent.
pub(super) fn keep_alive() -> Option<JoinHandle<()>> {
    let period = sd_notify::watchdog_enabled().filter(|period| *period > Duration::ZERO)?;
    Some(tokio::spawn(async move {
        let mut ticks = tokio::time::interval(period / 2);
        loop {
            ticks.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    }))
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager was not told");
    }
}

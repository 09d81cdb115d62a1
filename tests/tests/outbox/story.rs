//! Who is killed when.

use std::{fmt, time::Duration};

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use crate::{law::check, platform::Platform, plugin::Plugin};

/// Names the seed of a story that is to be told again.
pub(crate) const SEED: &str = "HAP_OUTBOX_SEED";
/// Longest time for the rest to arrive when all is at peace.
const PEACE: Duration = Duration::from_secs(120);

/// Both sides, and what happens to them. The instants are the seed's; what the processes had done by then is not.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) seed: u64,
    pub(crate) plugin: Plugin,
    pub(crate) platform: Platform,
    random: fastrand::Rng,
    plugin_kills: usize,
    plugin_stops: usize,
    platform_kills: usize,
}

impl Story {
    pub(crate) fn begin() -> Self {
        let seed = std::env::var(SEED).map_or_else(|_| fastrand::u64(..), |text| text.parse().unwrap());
        eprintln!("{SEED}={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let platform = Platform::new(&mut random);
        Self {
            seed,
            plugin: Plugin::new(platform.url(), platform.secret()),
            platform,
            random,
            plugin_kills: 0,
            plugin_stops: 0,
            platform_kills: 0,
        }
    }

    /// Lets a while pass, and then kills or revives someone.
    pub(crate) async fn next_kill(&mut self) {
        if !self.plugin.lives() {
            self.plugin.end(Signal::KILL).await;
            self.plugin.start(true);
        }
        // Often in the middle of a start, sometimes after a long calm: 1 ms to 1 s.
        let calm = Duration::from_secs_f64(10_f64.powf(self.random.f64() * 3.0 - 3.0));
        sleep(calm).await;
        match self.random.u8(0..10) {
            0..6 => {
                self.plugin_kills += 1;
                self.plugin.end(Signal::KILL).await;
            }
            6 => {
                self.plugin_stops += 1;
                self.plugin.end(Signal::TERM).await;
            }
            _ if self.platform.lives() => {
                self.platform_kills += 1;
                self.platform.kill().await;
            }
            _ => self.platform.start(),
        }
    }

    /// Kills nobody any more, and returns when everything has arrived, or can no longer be expected to.
    pub(crate) async fn end_in_peace(&mut self) {
        self.plugin.end(Signal::KILL).await;
        if !self.platform.lives() {
            self.platform.start();
        }
        self.plugin.start(false);
        let give_up = Instant::now() + PEACE;
        while check(&self.plugin.told, &self.platform.record()).is_err() && Instant::now() < give_up {
            sleep(Duration::from_millis(100)).await;
        }
        self.plugin.end(Signal::TERM).await;

        // What was acknowledged before an orderly end is not sent again.
        let before = self.platform.record();
        self.plugin.start(false);
        sleep(Duration::from_secs(1)).await;
        assert!(self.plugin.lives(), "{self}: the plugin ended by itself");
        assert_eq!(self.platform.record(), before, "{self}");
        self.plugin.end(Signal::TERM).await;
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plugin_kills,
            plugin_stops,
            platform_kills,
            ..
        } = self;
        write!(
            f,
            "after {plugin_kills} kills and {plugin_stops} stops of the plugin and {platform_kills} kills of the platform"
        )
    }
}

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::engine::{observed::ContainerId, stream::StatsSample};

/// Samples closer together than this are measured from the one before: over a moment a
/// rate says nothing.
pub(crate) const SHORTEST: Duration = Duration::from_secs(1);

/// What a plugin uses now.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Usage {
    /// The engine's figures at this moment, counted since the container's start.
    pub sample: StatsSample,
    /// CPU used since an earlier sample, in per cent of one core: 200 is two cores. `None` for the
    /// first sample of a container, and for one less than a second after it.
    pub cpu_percent: Option<f64>,
    /// How long ago that earlier sample was.
    pub over: Option<Duration>,
}

/// Turns samples into rates. The engine is asked for one sample at a time, which costs it
/// milliseconds; asked for a rate it would wait a second or two.
#[derive(Debug, Default)]
pub(crate) struct UsageMeter(Mutex<Option<Base>>);

#[derive(Debug, Clone)]
struct Base {
    container: ContainerId,
    at: Instant,
    cpu_time: Duration,
    /// The base before, for samples that are too close to this one.
    earlier: Option<(Instant, Duration)>,
}

impl UsageMeter {
    pub(crate) fn measure(&self, container: &ContainerId, sample: StatsSample, now: Instant) -> Usage {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A counter that went back is that of another run.
        let base = held
            .take()
            .filter(|base| base.container == *container && base.cpu_time <= sample.cpu_time);
        let fresh = |earlier| Base {
            container: container.clone(),
            at: now,
            cpu_time: sample.cpu_time,
            earlier,
        };
        let (from, next) = match base {
            None => (None, fresh(None)),
            Some(base) if now.saturating_duration_since(base.at) < SHORTEST => (base.earlier, base),
            Some(base) => {
                let from = Some((base.at, base.cpu_time));
                (from, fresh(from))
            }
        };
        *held = Some(next);
        let over = from.map(|(at, _)| now.saturating_duration_since(at));
        let used = from.map(|(_, cpu)| sample.cpu_time.saturating_sub(cpu));
        Usage {
            sample,
            cpu_percent: used
                .zip(over)
                .map(|(used, over)| 100.0 * used.as_secs_f64() / over.as_secs_f64()),
            over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(millis: u64) -> StatsSample {
        StatsSample {
            cpu_time: Duration::from_millis(millis),
            ..StatsSample::default()
        }
    }

    #[test]
    fn a_rate_is_what_was_used_between_two_samples_of_one_run() {
        let (meter, one, other) = (
            UsageMeter::default(),
            ContainerId::new("a"),
            ContainerId::new("b"),
        );
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let percent = |container, cpu, millis| meter.measure(container, sample(cpu), at(millis)).cpu_percent;
        assert_eq!(percent(&one, 1000, 0), None);
        assert_eq!(percent(&one, 1100, 500), None, "too soon");
        assert_eq!(percent(&one, 2000, 2000), Some(50.0));
        // Soon after, the rate is measured over the same stretch and the moment since.
        assert_eq!(percent(&one, 2500, 2500), Some(60.0));
        assert_eq!(percent(&one, 6000, 4000), Some(200.0));
        assert_eq!(percent(&one, 10, 6000), None, "started again");
        assert_eq!(percent(&other, 20, 9000), None, "another container");
    }
}

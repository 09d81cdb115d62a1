use super::*;
use crate::{model::run_policy::RestartPolicy, reconcile::backoff::Backoff};

fn miss() -> ProbeResult {
    ProbeResult::Missed("timed out".to_owned())
}

fn hit() -> ProbeResult {
    ProbeResult::Answered {
        degraded: false,
        message: None,
    }
}

struct Bench {
    dog: Watchdog,
    jitter: Backoff,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self {
            dog: Watchdog::new(HealthPolicy::default()),
            jitter: Backoff::new(RestartPolicy::default(), 3),
            now: Instant::now(),
        };
        bench.dog.started(bench.now);
        bench
    }

    /// Waits until the next probe is due, launches it and hands in its result.
    fn probe(&mut self, result: ProbeResult) -> Verdict {
        self.now = self.now.max(self.dog.wake_at().unwrap());
        assert!(self.dog.take_due(self.now));
        self.dog
            .probed(self.dog.generation(), result, self.jitter.jitter(), self.now)
    }
}

#[test]
fn start_up_probes_double_from_20_ms_to_500_ms() {
    let mut bench = Bench::new();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let before = bench.now;
        bench.probe(miss());
        pauses.push((bench.dog.wake_at().unwrap() - before.max(bench.now)).as_millis());
    }
    assert_eq!(pauses, [20, 40, 80, 160, 320, 500, 500, 500]);
}

#[test]
fn misses_that_are_not_in_a_row_never_add_up() {
    let mut bench = Bench::new();
    assert_eq!(bench.probe(hit()), Verdict::BecameHealthy);
    for _ in 0..1000 {
        assert!(matches!(bench.probe(miss()), Verdict::Missed { misses: 1, .. }));
        assert!(matches!(bench.probe(miss()), Verdict::Missed { misses: 2, .. }));
        assert_eq!(bench.probe(hit()), Verdict::Answered);
    }
}

#[test]
fn three_misses_in_a_row_are_unresponsive() {
    let mut bench = Bench::new();
    bench.probe(hit());
    bench.probe(miss());
    bench.probe(miss());
    assert!(matches!(
        bench.probe(miss()),
        Verdict::Unresponsive { misses: 3, .. }
    ));
}

#[test]
fn a_slow_starter_of_forty_seconds_is_not_given_up() {
    let mut bench = Bench::new();
    let start = bench.now;
    while bench.now < start + Duration::from_secs(40) {
        assert_eq!(bench.probe(miss()), Verdict::Nothing);
    }
    assert_eq!(bench.probe(hit()), Verdict::BecameHealthy);
}

#[test]
fn one_that_never_answers_is_given_up_at_the_deadline_with_the_last_reason() {
    let mut bench = Bench::new();
    let start = bench.now;
    loop {
        match bench.probe(miss()) {
            Verdict::Nothing => assert!(bench.now < start + Duration::from_secs(61)),
            verdict => {
                let last_miss = Some("timed out".to_owned());
                assert_eq!(verdict, Verdict::NotHealthyInTime { last_miss });
                break;
            }
        }
        bench.now = bench.dog.wake_at().unwrap();
        if bench.now >= start + Duration::from_secs(60) {
            assert!(matches!(
                bench.dog.tick(bench.now),
                Verdict::NotHealthyInTime { .. }
            ));
            break;
        }
    }
}

#[test]
fn what_is_proven_ends_where_the_last_good_probe_was_sent_and_breaks_with_a_miss() {
    let mut bench = Bench::new();
    bench.dog.set_pace(Some(Duration::from_secs(1)), bench.now);
    bench.probe(hit());
    assert_eq!(bench.dog.proven_run(), Some(Duration::ZERO));
    for second in 1..=5 {
        bench.probe(hit());
        assert_eq!(bench.dog.proven_run(), Some(Duration::from_secs(second)));
    }
    // The answer to the next comes late, and says nothing of the time after it was asked for.
    bench.now += Duration::from_secs(1);
    assert!(bench.dog.take_due(bench.now));
    bench.now += Duration::from_secs(2);
    let generation = bench.dog.generation();
    bench
        .dog
        .probed(generation, hit(), bench.jitter.jitter(), bench.now);
    assert_eq!(bench.dog.proven_run(), Some(Duration::from_secs(6)));
    bench.probe(miss());
    assert_eq!(bench.dog.proven_run(), None);
    bench.probe(hit());
    assert_eq!(bench.dog.proven_run(), Some(Duration::ZERO));
    assert!(bench.dog.healthy_run(bench.now) > Duration::from_secs(9));
}

#[test]
fn a_closer_watch_gives_a_run_up_no_sooner_than_its_policy_would() {
    let mut bench = Bench::new();
    bench.dog.set_pace(Some(Duration::from_secs(1)), bench.now);
    bench.probe(hit());
    let first = bench.now;
    let mut misses = 0;
    while let Verdict::Missed { .. } | Verdict::Nothing = bench.probe(miss()) {
        misses += 1;
    }
    let time = (bench.now - first).as_secs();
    assert!(
        misses > 10 && (19..=22).contains(&time),
        "{misses} misses in {time} s"
    );
}

#[test]
fn a_closer_watch_begins_at_once_and_leaves_a_quicker_policy_alone() {
    let mut bench = Bench::new();
    bench.probe(hit());
    assert!(bench.dog.wake_at().unwrap() > bench.now + Duration::from_secs(8));
    bench.dog.set_pace(Some(Duration::from_secs(1)), bench.now);
    assert_eq!(bench.dog.wake_at(), Some(bench.now + Duration::from_secs(1)));
    bench.dog.set_policy(HealthPolicy {
        interval: Duration::from_millis(200),
        ..HealthPolicy::default()
    });
    bench.probe(hit());
    assert!(bench.dog.wake_at().unwrap() < bench.now + Duration::from_millis(300));
    bench.dog.set_policy(HealthPolicy::default());
    bench.dog.set_pace(None, bench.now);
    bench.probe(hit());
    assert!(bench.dog.wake_at().unwrap() > bench.now + Duration::from_secs(8));
}

#[test]
fn an_answer_of_an_earlier_run_counts_for_nothing() {
    let mut bench = Bench::new();
    let earlier = bench.dog.generation();
    bench.dog.stopped(bench.now);
    bench.dog.started(bench.now);
    let verdict = bench.dog.probed(earlier, hit(), bench.jitter.jitter(), bench.now);
    assert_eq!(verdict, Verdict::Nothing);
    assert!(!bench.dog.is_up());
}

#[test]
fn what_could_not_be_asked_is_no_miss_and_takes_nothing_of_the_time_to_start() {
    let not_asked = || ProbeResult::NotAsked("no descriptor");
    let mut bench = Bench::new();
    let mut deadline = HealthPolicy::default().startup_deadline;
    // Much longer than a plugin has to become healthy.
    let began = bench.now;
    while bench.now.saturating_duration_since(began) < deadline * 2 {
        assert_eq!(bench.probe(not_asked()), Verdict::Nothing);
        assert_eq!(bench.dog.tick(bench.now), Verdict::Nothing);
    }
    // From here on the time counts.
    let again = bench.now;
    let late = loop {
        match bench.probe(miss()) {
            Verdict::NotHealthyInTime { .. } => break bench.now,
            _ => deadline = deadline.max(bench.now.saturating_duration_since(again)),
        }
    };
    assert!(late.saturating_duration_since(again) <= deadline + Duration::from_secs(1));

    let mut bench = Bench::new();
    assert_eq!(bench.probe(hit()), Verdict::BecameHealthy);
    for _ in 0..10 {
        assert!(matches!(bench.probe(miss()), Verdict::Missed { misses: 1, .. }));
        for _ in 0..5 {
            assert_eq!(bench.probe(not_asked()), Verdict::Nothing);
        }
        assert!(!bench.dog.is_healthy(), "the miss still holds");
        assert_eq!(bench.probe(hit()), Verdict::Answered);
        assert_eq!(bench.probe(not_asked()), Verdict::Nothing);
        assert!(bench.dog.is_healthy());
        assert_eq!(bench.dog.proven_run(), None, "nothing is proven by it");
    }
}

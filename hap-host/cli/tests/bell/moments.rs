//! Interrupts of a command at many moments.

use std::{
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use crate::bell::{Bell, docker};

/// Interrupts a command at twenty moments from its first to its last, on four plugins at a time. `check` looks at what is
/// left of one. The command ends by the interrupt, or is through.
pub(crate) fn interrupt_at_twenty_moments(
    start: impl Fn(&Bell) -> Child + Sync,
    whole: impl Fn(&Bell) -> Duration + Sync,
    check: impl Fn(&Bell) + Sync,
) {
    const LANES: u32 = 4;
    let bells: Vec<Bell> = (0..LANES).map(|_| Bell::new("")).collect();
    let mut took = Duration::ZERO;
    // As many at a time as later.
    thread::scope(|scope| {
        let whole = &whole;
        let runs: Vec<_> = bells
            .iter()
            .map(|bell| scope.spawn(move || whole(bell)))
            .collect();
        for run in runs {
            took = took.max(run.join().unwrap());
        }
    });
    thread::scope(|scope| {
        for (lane, bell) in (0..LANES).zip(&bells) {
            let (start, check) = (&start, &check);
            scope.spawn(move || {
                for moment in (lane..20).step_by(LANES as usize) {
                    let running = start(bell);
                    thread::sleep(took * moment / 20 + Duration::from_millis(5));
                    let id = running.id().to_string();
                    // It may be through already.
                    let _ = Command::new("kill").args(["-INT", &id]).status().unwrap();
                    let ended = running.wait_with_output().unwrap();
                    let code = ended.status.code();
                    assert!(
                        matches!(code, Some(130 | 0) | None),
                        "moment {moment} of {took:?}: {ended:?}"
                    );
                    check(bell);
                }
            });
        }
    });
}

/// Waits until no network with a name that begins so is left: other tests may have theirs.
pub(crate) fn no_network_is_left(beginning: &str) {
    let began = Instant::now();
    loop {
        let names = docker(&["network", "ls", "--format", "{{.Name}}"]);
        let left: Vec<_> = names.iter().filter(|name| name.starts_with(beginning)).collect();
        if left.is_empty() {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{left:?}");
        thread::sleep(Duration::from_millis(200));
    }
}

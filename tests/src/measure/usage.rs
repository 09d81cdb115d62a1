//! What this process costs, as the kernel counts it.

use std::time::{Duration, Instant};

use super::Failure;

/// CPU and memory of this process over a while.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// CPU time of all threads, in percent of one core.
    pub cpu_percent: f64,
    /// Resident memory at the end, in bytes.
    pub resident_bytes: u64,
}

/// Measures this process for a while.
///
/// # Errors
/// When `/proc` does not tell.
pub async fn over(time: Duration) -> Result<Usage, Failure> {
    let (before, began) = (cpu_seconds()?, Instant::now());
    tokio::time::sleep(time).await;
    let spent = cpu_seconds()? - before;
    Ok(Usage {
        cpu_percent: 100.0 * spent / began.elapsed().as_secs_f64(),
        resident_bytes: resident_bytes()?,
    })
}

/// CPU time of this process, in seconds.
fn cpu_seconds() -> Result<f64, Failure> {
    // Nanoseconds that each thread ran: finer than the ticks of `stat`.
    let mut spent = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        // A thread may end meanwhile.
        let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        let run = text.split_whitespace().next().unwrap_or_default();
        spent += run.parse::<f64>()? / 1e9;
    }
    Ok(spent)
}

/// Resident memory of this process, in bytes.
///
/// # Errors
/// When `/proc` does not tell.
pub fn resident_bytes() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("the kernel does not tell the memory")?.parse::<u64>()? * 1024)
}

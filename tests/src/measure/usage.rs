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

/// CPU time of this process in seconds, threads that have ended included.
fn cpu_seconds() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // The name of the program, in parentheses, may have blanks in it.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2);
    let spent: f64 = ticks.map(str::parse::<f64>).sum::<Result<_, _>>()?;
    let in_a_second = u32::try_from(rustix::param::clock_ticks_per_second())?;
    Ok(spent / f64::from(in_a_second))
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

//! What the example programs need besides the product: a compiler call and a narrator.
#![expect(clippy::print_stdout, reason = "telling a story is what the programs are for")]

pub mod host_api;
mod interrupt;
pub mod light;
pub mod program;
mod story;

use hap_host::engine::{Engine, InstanceName, Progress, ProgressSink, ResourceKind};

pub use self::{interrupt::Interrupt, story::Story};

/// Whatever breaks a story off.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A failure and its causes, in words.
#[must_use]
pub fn report(failure: &Failure) -> String {
    let mut told = failure.to_string();
    let mut source = failure.source();
    while let Some(cause) = source {
        told.push_str("\n    because: ");
        told.push_str(&cause.to_string());
        source = cause.source();
    }
    told
}

/// An instance of its own, so that a program meets no other supervisor on this engine.
///
/// # Errors
/// Never for a `purpose` of at most 13 of the characters a-z, 0-9 and -.
pub fn instance(purpose: &str) -> Result<InstanceName, Failure> {
    Ok(InstanceName::new(&format!("{purpose}-{}", std::process::id()))?)
}

/// Shows the steps of an image build.
#[must_use]
pub fn build_progress() -> ProgressSink {
    ProgressSink::new(|progress| {
        if let Progress::Step(line) = progress
            && (line.starts_with("Step ") || line.starts_with("Successfully "))
        {
            println!("    build | {}", line.trim_end());
        }
    })
}

/// Bytes in MiB with one digit after the point, for people.
#[must_use]
pub fn mebibytes(bytes: u64) -> f64 {
    let tenths = bytes.saturating_mul(10) >> 20;
    f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0
}

/// Asks the engine itself what of ours is still there.
///
/// # Errors
/// When something is, or the engine does not answer.
pub async fn show_what_is_left(
    story: &Story,
    outside: &dyn Engine,
    instance: &InstanceName,
) -> Result<(), Failure> {
    let mut left = Vec::new();
    for kind in [
        ResourceKind::Container,
        ResourceKind::Network,
        ResourceKind::Volume,
        ResourceKind::Image,
    ] {
        left.extend(outside.list_resources(instance, kind).await?);
    }
    story.say(&format!(
        "containers, networks, volumes and images of ours that are still there: {}",
        left.len()
    ));
    if left.is_empty() {
        Ok(())
    } else {
        let names: Vec<_> = left
            .iter()
            .map(|one| format!("{} {}", one.kind, one.name))
            .collect();
        Err(format!("left behind: {}", names.join(", ")).into())
    }
}

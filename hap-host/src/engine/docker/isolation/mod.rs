//! Whether plugins are kept apart is measured: containers of ours try to reach each other.
//!
//! On each of the instance's two networks one [listens](program) and another connects, to its
//! neighbour and to the one on the other network. That it listens is proved by a connection from
//! the host, which goes past the rules that keep containers apart. The engine may be told to make
//! no rules, or a firewall may have removed them: nothing that either reports tells that.

pub(crate) mod cgroup;
pub(super) mod machine;
pub(super) mod probe;
mod program;
pub(super) mod signs;

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::OwnedMutexGuard;

use self::{
    probe::{OPERATION, Probe},
    program::{archive, layer},
    signs::UNFILTERED,
};
use super::{client::Client, network};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    isolation::IsolationLoss,
    spec::NetworkMode,
};

/// Longest that it may take in all.
const DEADLINE: Duration = Duration::from_secs(60);
/// A way is open when it is seen open so often in a row: engines take their rules away for
/// milliseconds whenever a network is made.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

const MODES: [NetworkMode; 2] = [NetworkMode::Isolated, NetworkMode::Outbound];

type Way = (NetworkMode, NetworkMode);

/// Measures, and leaves nothing behind. The turn is over when everything is cleared away.
pub(super) async fn measure(
    client: &Client,
    instance: &InstanceName,
    turn: OwnedMutexGuard<()>,
) -> Result<Option<IsolationLoss>, EngineError> {
    let measured = tokio::time::timeout(DEADLINE, within_deadline(client, instance, turn)).await;
    measured.unwrap_or_else(|_| {
        let message = format!("the engine did not run its containers within {DEADLINE:?}");
        Err(EngineError::new(
            EngineErrorKind::Timeout,
            OPERATION,
            instance.as_str(),
            message,
        ))
    })
}

async fn within_deadline(
    client: &Client,
    instance: &InstanceName,
    turn: OwnedMutexGuard<()>,
) -> Result<Option<IsolationLoss>, EngineError> {
    let archive = program_of(client, instance).await?;
    let mut networks = Vec::new();
    for mode in MODES {
        networks.push((mode, network::find::id(client, instance, mode).await?));
    }
    let probe = Probe::begin(client, instance, archive, turn).await?;
    let open = open_ways(&probe, &networks).await;
    probe.end().await;
    let open = open?;
    if open.is_empty() {
        return Ok(None);
    }
    // A way that is open is told of, also where the reason cannot be read now.
    let unfiltered = matches!(
        network::filter::bridges_are_filtered(instance).await,
        Ok(Some(false))
    );
    Ok(Some(loss(open, unfiltered)))
}

/// Removes what a measurement left that was dropped, or whose host was killed.
pub(super) async fn clear(client: &Client, instance: &InstanceName) -> Result<(), EngineError> {
    probe::clear(client, instance).await?;
    // Of the engine's processor, which is not worth a question.
    for archive in ["amd64", "arm64"].into_iter().filter_map(archive) {
        probe::clear_images(client, instance, &layer(&archive)).await?;
    }
    Ok(())
}

/// The image's root with the program for the engine's processor.
async fn program_of(client: &Client, instance: &InstanceName) -> Result<Vec<u8>, EngineError> {
    let version = client
        .read(OPERATION, instance.as_str(), client.docker().version())
        .await?;
    let architecture = version.arch.unwrap_or_default();
    archive(&architecture).ok_or_else(|| {
        let message =
            format!("there is no program to measure it with for a machine of kind {architecture:?}");
        EngineError::new(
            EngineErrorKind::Unsupported,
            OPERATION,
            instance.as_str(),
            message,
        )
    })
}

/// The ways from network to network that are open each time.
async fn open_ways(probe: &Probe, networks: &[(NetworkMode, String)]) -> Result<Vec<Way>, EngineError> {
    let mut targets = Vec::new();
    for (mode, network) in networks {
        targets.push((*mode, probe.listen(*mode, network).await?));
    }
    let mut open: Option<Vec<Way>> = None;
    for look in 1..=LOOKS {
        let each = networks.iter().map(async |(mode, network)| {
            let reached = probe.connect(*mode, network, &targets).await?;
            Ok::<_, EngineError>(reached.into_iter().map(|to| (*mode, to)).collect::<Vec<_>>())
        });
        let seen = try_join_all(each).await?.concat();
        let still = match open {
            None => seen,
            Some(before) => before.into_iter().filter(|way| seen.contains(way)).collect(),
        };
        if still.is_empty() {
            // They listened all the time, so that nothing was reached means something.
            for (mode, address) in &targets {
                probe.reach(*mode, *address).await?;
            }
            return Ok(still);
        }
        open = Some(still);
        if look < LOOKS {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }
    Ok(open.unwrap_or_default())
}

fn loss(open: Vec<Way>, unfiltered: bool) -> IsolationLoss {
    let words: Vec<_> = open.iter().map(|way| in_words(*way)).collect();
    let message = format!(
        "a container of the host's own reached another: {}",
        words.join(", ")
    );
    let only_within = open.iter().all(|(from, to)| from == to);
    let hint = if unfiltered && only_within {
        UNFILTERED.to_owned()
    } else {
        "the engine's rules are not in force: they are off (`\"iptables\": false` in its daemon.json, or \
         --iptables=false), or the reload of a firewall removed them, and then restarting Docker brings them back"
            .to_owned()
    };
    IsolationLoss::new(open, message, hint)
}

const fn in_words(way: Way) -> &'static str {
    match way {
        (NetworkMode::Isolated, NetworkMode::Isolated) => "plugins without network access reach each other",
        (NetworkMode::Outbound, NetworkMode::Outbound) => "plugins with network access reach each other",
        (NetworkMode::Isolated, NetworkMode::Outbound) => {
            "plugins without network access reach those with network access"
        }
        (NetworkMode::Outbound, NetworkMode::Isolated) => {
            "plugins with network access reach those without network access"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_with_what_is_open_and_with_what_to_do() {
        let (isolated, outbound) = (NetworkMode::Isolated, NetworkMode::Outbound);
        let all = loss(vec![(isolated, isolated), (outbound, isolated)], false);
        assert!(
            all.message
                .contains("plugins without network access reach each other")
        );
        assert!(all.message.contains("with network access reach those without"));
        assert!(all.hint.contains("restarting Docker"), "{}", all.hint);
        assert_eq!(loss(vec![(isolated, isolated)], true).hint, UNFILTERED);
        // The setting does not explain a way from one network to the other.
        assert_ne!(loss(vec![(outbound, isolated)], true).hint, UNFILTERED);
    }
}

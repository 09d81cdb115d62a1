//! Networks that the engine lists and cannot use.

use super::{find::find, remove::remove, shape::has_dead_end};
use crate::engine::{docker::client::Client, error::EngineError, instance::InstanceName, spec::NetworkMode};

/// Whether the engine refuses a start because it lacks the container's network, in whatever words
/// and by whatever code.
pub(in crate::engine::docker) fn is_named_as_missing(message: &str) -> bool {
    // The words follow its name: a program may be called after networks and be missing too.
    message.split("network ").skip(1).any(|rest| {
        let said = rest.split_once(' ').map_or("", |(_, said)| said);
        said.starts_with("does not exist") || said.starts_with("not found")
    })
}

/// Removes networks that this engine lists and cannot use. One before 25.0 made them with a way out
/// that ends nowhere, which its successor refuses when it starts, and then it goes on listing them.
pub(in crate::engine::docker) async fn remove_unusable(
    client: &Client,
    instance: &InstanceName,
) -> Result<(), EngineError> {
    for network in find(client, instance, NetworkMode::Isolated).await? {
        if has_dead_end(&network) && remove(client, &network).await? {
            tracing::warn!(
                network = network.name,
                "an earlier engine's network cannot be used by this one and is made anew"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_for_a_missing_network_are_known_and_others_are_not() {
        for message in [
            "failed to set up container networking: failed to create endpoint hap.home.light on network \
             hap-home-isolated: network 048c0a20e2e4 does not exist",
            "network 048c0a20e2e4 not found",
        ] {
            assert!(is_named_as_missing(message), "{message}");
        }
        for message in [
            "exec: \"/light\": no such file",
            "exec: \"network-manager\": executable file not found in $PATH",
            "driver failed programming external connectivity",
        ] {
            assert!(!is_named_as_missing(message), "{message}");
        }
    }
}

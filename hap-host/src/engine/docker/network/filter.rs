//! Whether the kernel filters what goes over a bridge at all.
//!
//! Inter-container communication is off by a rule for packets, and the kernel shows packets that stay
//! on one bridge to the rules only while this setting is on. Tools for virtual machines turn it off.

use super::table;
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
};

/// The setting, as this process's own network has it.
const SETTING: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";

/// Refuses a machine on which plugins of one network would reach each other.
pub(super) async fn check(instance: &InstanceName) -> Result<(), EngineError> {
    let filtered = bridges_are_filtered(instance).await?;
    refusal(filtered, instance).map_or(Ok(()), Err)
}

/// Whether the kernel shows what stays on one bridge to the engine's rules. `None` where it does not
/// tell, and the engine takes care of it itself.
pub(in crate::engine::docker) async fn bridges_are_filtered(
    instance: &InstanceName,
) -> Result<Option<bool>, EngineError> {
    let setting = table::read(SETTING, instance.as_str()).await?;
    Ok(setting.as_deref().and_then(says_filtered))
}

fn says_filtered(setting: &str) -> Option<bool> {
    match setting.trim() {
        "" => None,
        value => Some(value != "0"),
    }
}

fn refusal(filtered: Option<bool>, instance: &InstanceName) -> Option<EngineError> {
    (filtered == Some(false)).then(|| {
        EngineError::new(
            EngineErrorKind::Unsupported,
            "prepare network",
            instance.as_str(),
            "net.bridge.bridge-nf-call-iptables is 0 on this machine, so plugins on one network reach each \
             other whatever the engine is told: set it to 1 with sysctl, and find out what sets it to 0",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kernel_that_is_known_not_to_filter_bridges_is_refused() {
        let home = InstanceName::new("home").unwrap();
        for fine in ["1\n", "", "2"] {
            assert!(refusal(says_filtered(fine), &home).is_none(), "{fine:?}");
        }
        let error = refusal(says_filtered("0\n"), &home).unwrap();
        assert_eq!(error.kind(), EngineErrorKind::Unsupported);
        for part in ["bridge-nf-call-iptables is 0", "set it to 1"] {
            assert!(error.message().contains(part), "{error}");
        }
    }
}

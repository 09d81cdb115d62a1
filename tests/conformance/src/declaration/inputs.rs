use std::str::FromStr;

use hap_manifest::wire::CommandRequest;
use serde::Deserialize;
use serde_json::Value;

/// Inputs for a plugin that nobody can guess, as `conformance.json` beside the manifest has them.
///
/// ```
/// use hap_conformance::Inputs;
///
/// let inputs: Inputs = r#"{
///     "commands": [{"command": "turn_on"}, {"command": "dim", "params": {"level": 40}}],
///     "event_commands": [{"command": "turn_on"}, {"command": "turn_off"}],
///     "slow_command": {"command": "calibrate", "params": {"ms": 1000}},
///     "config": {"valid": {"level": 3}, "invalid": {"level": -1}},
///     "refused_environment": {"HAP_CONFIG_LEVEL": "much"}
/// }"#.parse()?;
/// # Ok::<(), hap_conformance::BadInputs>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Inputs {
    /// Commands that the plugin carries out at any time and as often as asked.
    pub commands: Vec<CommandRequest>,
    /// Commands that make the plugin send at least one event each, if they are carried out in this order again and again.
    pub event_commands: Vec<CommandRequest>,
    /// A command that takes about a second, and no more than five.
    pub slow_command: Option<CommandRequest>,
    /// Settings.
    pub config: ConfigInputs,
    /// Variables with settings that the plugin must not start with: it exits with 78.
    pub refused_environment: serde_json::Map<String, Value>,
}

/// Settings that the plugin takes, and such that it refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ConfigInputs {
    /// Settings that it takes at any time.
    pub valid: Option<Value>,
    /// Settings that it refuses.
    pub invalid: Option<Value>,
}

/// The text is not inputs.
#[derive(Debug, thiserror::Error)]
#[error("{0}; the keys are commands, event_commands, slow_command, config and refused_environment")]
pub struct BadInputs(#[from] serde_json::Error);

impl FromStr for Inputs {
    type Err = BadInputs;

    fn from_str(text: &str) -> Result<Self, BadInputs> {
        Ok(serde_json::from_str(text)?)
    }
}

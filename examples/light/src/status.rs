//! [`Status`].

use hap_plugin::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};

use crate::{Config, Percent};

/// What the light shows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Status {
    /// Whether it shines.
    pub on: bool,
    /// How brightly it shines, or would if it were on, in percent.
    pub brightness: Percent,
    /// The configuration in force.
    pub config: Config,
}

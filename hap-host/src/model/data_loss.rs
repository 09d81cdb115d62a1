use std::time::SystemTime;

use serde::{Serialize, Serializer};

/// Data of a plugin that was there and is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DataLoss {
    /// The volumes that are new and empty now, by their names on the engine.
    pub volumes: Vec<String>,
    /// When it was noticed.
    #[serde(serialize_with = "as_rfc3339")]
    pub at: SystemTime,
}

fn as_rfc3339<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    hap_manifest::rfc3339::format(*at).serialize(serializer)
}

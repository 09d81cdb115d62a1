//! Permissions by their short names, such as `network` and `device:/dev/ttyUSB0`.

use std::str::FromStr;

use super::request::Permission;
use crate::diagnostics::suggest::nearest;
use crate::value::cpu::CpuLimit;
use crate::value::error::{ParseError, quoted};
use crate::value::number::PidsLimit;

const WHAT: &str = "permission";
/// Kinds that stand alone, and kinds with a value behind a colon and an example of one.
const PLAIN: [(&str, Permission); 6] = [
    ("build", Permission::Build),
    ("root", Permission::Root),
    ("root_group", Permission::RootGroup),
    ("host_devices", Permission::HostDevices),
    ("network", Permission::Network),
    ("writable_root", Permission::WritableRoot),
];
const WITH_VALUE: [(&str, &str); 5] = [
    ("capability", "NET_RAW"),
    ("device", "/dev/ttyUSB0"),
    ("memory", "2g"),
    ("cpu", "4"),
    ("processes", "2000"),
];

impl Permission {
    /// Returns its short name: the kind, as in its JSON, and behind a colon its value if it has
    /// one, such as `network`, `device:/dev/ttyUSB0` and `memory:2g`. Read by [`FromStr`].
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Build => "build".to_owned(),
            Self::Capability(name) => format!("capability:{name}"),
            Self::Root => "root".to_owned(),
            Self::RootGroup => "root_group".to_owned(),
            Self::HostDevices => "host_devices".to_owned(),
            Self::Device(path) => format!("device:{path}"),
            Self::Network => "network".to_owned(),
            Self::WritableRoot => "writable_root".to_owned(),
            Self::Memory(limit) => format!("memory:{limit}"),
            Self::Cpu(limit) => format!("cpu:{limit}"),
            Self::Processes(limit) => format!("processes:{limit}"),
        }
    }
}

impl FromStr for Permission {
    type Err = ParseError;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        let (kind, value) = id
            .split_once(':')
            .map_or((id, None), |(kind, value)| (kind, Some(value)));
        if let Some((_, permission)) = PLAIN.into_iter().find(|(plain, _)| *plain == kind) {
            return match value {
                None => Ok(permission),
                Some(_) => Err(ParseError::new(WHAT, quoted(id), "this kind has no value")
                    .with_help(format!("write \"{kind}\""))),
            };
        }
        let Some((_, example)) = WITH_VALUE.into_iter().find(|(name, _)| *name == kind) else {
            let kinds = || {
                PLAIN
                    .map(|(kind, _)| kind)
                    .into_iter()
                    .chain(WITH_VALUE.map(|(kind, _)| kind))
            };
            let error = ParseError::new(WHAT, quoted(id), "there is no such kind");
            return Err(match nearest(kind, kinds()) {
                Some(kind) => error.with_help(format!("did you mean `{kind}`?")),
                None => error.with_help(format!(
                    "the kinds are {}",
                    kinds().collect::<Vec<_>>().join(", ")
                )),
            });
        };
        let Some(value) = value else {
            return Err(ParseError::new(WHAT, quoted(id), "this kind has a value")
                .with_help(format!("for example \"{kind}:{example}\"")));
        };
        let no_number = || {
            ParseError::new(WHAT, quoted(id), "its value is no number")
                .with_help(format!("for example \"{kind}:{example}\""))
        };
        match kind {
            "capability" => value.parse().map(Self::Capability),
            "device" => value.parse().map(Self::Device),
            "memory" => value.parse().map(Self::Memory),
            "cpu" => CpuLimit::from_cores(value.parse().map_err(|_| no_number())?).map(Self::Cpu),
            _ => PidsLimit::new(value.parse().map_err(|_| no_number())?).map(Self::Processes),
        }
    }
}

use std::fmt;

use serde::Serialize;

/// What an engine says that it is. Everything but its name and version is `None` where
/// it does not tell.
///
/// But for the [`runtimes`](Self::runtimes) nothing is decided by it: what an engine can do is tried, or asked of
/// [`EngineCapabilities`](super::EngineCapabilities). It is for people, for logs and for
/// reports of faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EngineInfo {
    /// Its name, such as `docker`.
    pub name: String,
    /// Its version in its own words, such as `28.5.2`.
    pub version: String,
    /// The newest version of its API, such as `1.51`.
    pub api: Option<String>,
    /// How it stores images and containers, such as `overlay2`.
    pub storage: Option<String>,
    /// The version of the kernel's control groups, which enforce limits: `1` or `2`.
    pub cgroup: Option<String>,
    /// The runtime that it starts containers with unless told otherwise, with its
    /// version: `runc 1.3.6`.
    pub runtime: Option<String>,
    /// Names of all runtimes that it has; `None` where it does not tell.
    #[serde(skip)]
    pub runtimes: Option<Vec<String>>,
    /// Whether numbers of users in its containers are others outside, as `userns-remap` and engines
    /// without root make them.
    #[serde(skip)]
    pub maps_users: bool,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// The processor's architecture, such as `amd64`.
    pub architecture: Option<String>,
}

impl EngineInfo {
    /// Describes an engine that tells nothing but its name and version.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            api: None,
            storage: None,
            cgroup: None,
            runtime: None,
            runtimes: None,
            maps_users: false,
            kernel: None,
            architecture: None,
        }
    }
}

impl EngineInfo {
    /// Takes what this one leaves out from what the same version told before.
    #[must_use]
    pub(crate) fn or_known(mut self, known: &Self) -> Self {
        if (&self.name, &self.version) != (&known.name, &known.version) {
            return self;
        }
        for (value, known) in [
            (&mut self.api, &known.api),
            (&mut self.storage, &known.storage),
            (&mut self.cgroup, &known.cgroup),
            (&mut self.runtime, &known.runtime),
            (&mut self.kernel, &known.kernel),
            (&mut self.architecture, &known.architecture),
        ] {
            if value.is_none() {
                value.clone_from(known);
            }
        }
        if self.runtimes.is_none() {
            // Without a description it is not known.
            self.maps_users = known.maps_users;
            self.runtimes.clone_from(&known.runtimes);
        }
        self
    }
}

impl fmt::Display for EngineInfo {
    /// Prints one line, such as
    /// `docker 28.5.2 (API 1.51, storage overlay2, cgroup v1, runtime runc 1.3.6)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)?;
        let details = [
            ("API ", &self.api),
            ("storage ", &self.storage),
            ("cgroup v", &self.cgroup),
            ("runtime ", &self.runtime),
        ];
        let mut before = " (";
        for (label, value) in details {
            if let Some(value) = value {
                write!(f, "{before}{label}{value}")?;
                before = ", ";
            }
        }
        if self.maps_users {
            write!(f, "{before}users mapped")?;
            before = ", ";
        }
        f.write_str(if before == " (" { "" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_answer_leaves_out_is_known_from_the_one_before_unless_the_version_is_another() {
        let mut known = EngineInfo::new("docker", "28.5.2");
        known.storage = Some("overlay2".to_owned());
        assert_eq!(EngineInfo::new("docker", "28.5.2").or_known(&known), known);
        let other = EngineInfo::new("docker", "29.0.0");
        assert_eq!(other.clone().or_known(&known), other);
    }

    #[test]
    fn a_line_tells_what_is_known_and_nothing_else() {
        let mut info = EngineInfo::new("docker", "28.5.2");
        assert_eq!(info.to_string(), "docker 28.5.2");
        info.cgroup = Some("1".to_owned());
        assert_eq!(info.to_string(), "docker 28.5.2 (cgroup v1)");
        info.api = Some("1.51".to_owned());
        info.runtime = Some("runc 1.3.6".to_owned());
        assert_eq!(
            info.to_string(),
            "docker 28.5.2 (API 1.51, cgroup v1, runtime runc 1.3.6)"
        );
    }
}

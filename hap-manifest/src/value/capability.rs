//! [`Capability`].

use super::error::{ParseError, first_refused, quoted};
use super::newtype::text_newtype;

/// A Linux capability that a plugin asks for, such as `NET_RAW`, kept without the prefix `CAP_`.
///
/// The kernel's list grows, so any well-formed name is taken; which are granted is the host's
/// policy.
///
/// ```
/// use hap_manifest::Capability;
///
/// let capability: Capability = "CAP_NET_RAW".parse()?;
/// assert_eq!(capability.as_str(), "NET_RAW");
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(Box<str>);

/// Those of Linux 6.12; none was added since 5.9.
pub(crate) const KNOWN: [&str; 41] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

impl Capability {
    /// Returns whether this version knows what it is. An engine refuses one that its kernel does
    /// not have.
    #[must_use]
    pub fn is_known(&self) -> bool {
        KNOWN.contains(&self.as_str())
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let name = text.strip_prefix("CAP_").unwrap_or(text);
        let refuse = |rule: String| {
            Err(ParseError::new("capability", quoted(text), rule).with_help("for example \"NET_RAW\""))
        };
        if let Some((position, found)) =
            first_refused(text, |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        {
            let meant = text.to_ascii_uppercase().replace(['-', ' '], "_");
            let rule = format!("{found:?} at position {position} is not one of A-Z, 0-9 and '_'");
            return match (meant != text).then(|| Self::parse(&meant)) {
                Some(Ok(meant)) => {
                    Err(ParseError::new("capability", quoted(text), rule)
                        .with_help(format!("write \"{meant}\"")))
                }
                _ => refuse(rule),
            };
        }
        if name.len() > 32 || !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return refuse("it must begin with a letter and have at most 32 characters".to_owned());
        }
        if name == "ALL" {
            return refuse("it would lift every restriction".to_owned());
        }
        Ok(Self(name.into()))
    }
}

text_newtype!(
    Capability,
    max: 36,
    pattern: "^(CAP_)?[A-Z][A-Z0-9_]{0,31}$",
    except: "^CAP_([^A-Z]|$)|^(CAP_)?ALL$",
    about: "Linux capability, with or without the prefix CAP_.",
    examples: ["NET_RAW"],
);

//! What a plugin asks for beyond what every plugin gets, in words that a person can consent to.
//!
//! [`Consent`] is the whole of it, as text for a terminal and as JSON. Of its parts, [`requested`]
//! lists the permissions of a manifest, [`added`] what a new version asks for and the old one did
//! not, [`missing`] what was not granted. Nothing is granted here: that is the host's decision, and
//! the owner's.
//!
//! Only [`Permission::Build`] is asked for by no manifest: whether an image that is built on the host
//! takes it is up to its Dockerfile, which `package::Dockerfile` reads.
//!
//! A user other than root is no permission: it can do no more than the image's own, and naming one
//! is good practice. Volumes and memory file systems are what every plugin may have; the latter
//! count as memory.
//!
//! ```
//! use hap_manifest::{Manifest, permission};
//!
//! let old = Manifest::builder("light", "Light", "1.0.0", "example/light:1")
//!     .network_access(false)
//!     .build()?;
//! let new = old.to_builder().version("1.1.0").capability("NET_RAW").build()?;
//! assert!(permission::requested(&old).is_empty());
//!
//! let words: Vec<_> = permission::added(&old, &new).iter().map(ToString::to_string).collect();
//! assert_eq!(words, ["send and receive raw network packets (NET_RAW)"]);
//! # Ok::<(), hap_manifest::ManifestError>(())
//! ```

mod changes;
mod compare;
mod consent;
mod explanation;
mod id;
mod parts;
mod request;
mod text;
mod words;

pub use self::changes::{ConsentChanges, Direction, LimitChange};
pub use self::consent::Consent;
pub use self::parts::{ConsentLimits, PermissionText, Publisher};
pub use self::request::{Permission, added, missing, requested};
pub use crate::value::capability::Capability;
pub use crate::value::device::DevicePath;
pub use crate::value::user::ContainerUser;

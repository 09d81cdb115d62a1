//! What a plugin asks for beyond what every plugin gets, in words that a person can consent to.
//!
//! [`requested`] lists it for a manifest, [`added`] what a new version asks for and the old one did not. Nothing is
//! granted here: that is the host's decision, and the owner's.
//!
//! ```
//! use hap_manifest::{Manifest, permission};
//!
//! let old = Manifest::builder("light", "Light", "1.0.0", "example/light:1").network_access(false).build()?;
//! let new = Manifest::builder("light", "Light", "1.1.0", "example/light:2").network_access(false)
//!     .capability("NET_RAW")
//!     .build()?;
//! assert!(permission::requested(&old).is_empty());
//!
//! let words: Vec<_> = permission::added(&old, &new).iter().map(ToString::to_string).collect();
//! assert_eq!(words, ["send and receive raw network packets (NET_RAW)"]);
//! # Ok::<(), hap_manifest::ManifestError>(())
//! ```

mod capability;
mod device;
mod request;
mod user;
mod words;

pub use capability::Capability;
pub use device::DevicePath;
pub use request::{Permission, added, requested};
pub use user::ContainerUser;

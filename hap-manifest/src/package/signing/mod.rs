//! Who vouches for a package: detached signatures in the form of minisign.

mod error;
mod key;
mod open;
mod signature;

pub use error::SignatureError;
pub use key::PackageKey;
pub use signature::PackageSignature;

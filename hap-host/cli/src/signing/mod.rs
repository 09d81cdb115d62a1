//! Keys in the form of minisign, and signatures beside the files that they are for.

mod key;
mod password;
mod place;
mod sign;

#[allow(
    unused_imports,
    reason = "`signature_of` is for packages, which are on their way"
)]
pub(crate) use self::{
    key::{NewKey, SigningKey},
    password::{Password, read_password},
    place::{default_key, public_of},
    sign::{sign_file, signature_of},
};

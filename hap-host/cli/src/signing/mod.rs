//! Keys in the form of minisign, and signatures beside the files that they are for.

mod key;
mod password;
mod place;
mod sign;

#[allow(
    unused_imports,
    reason = "`sign_file` is for the reports of `hap test`, which is on its way"
)]
pub(crate) use self::{
    key::{NewKey, SigningKey},
    password::{Password, read_password},
    place::{default_key, public_of},
    sign::{sign_file, signature_of},
};

//! Keys in the form of minisign, and signatures beside the files that they are for.

mod key;
mod password;
mod place;
mod sign;

pub(crate) use self::{
    key::{NewKey, SigningKey},
    password::{Password, read_password},
    place::default_key,
    sign::{sign_file, signature_of},
};

//! The Docker engine: reaching it, images, and what is made on it and goes again.

mod connect;
mod container;
mod image;
mod own;

pub(crate) use self::{
    connect::connect,
    container::Containers,
    image::{Recipe, local},
    own::Own,
};

//! A plugin's program and its image, built from its folder.

mod image;

pub(crate) use self::image::{for_run, program_for_image};

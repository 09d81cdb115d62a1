//! What people and programs see of a command: results on standard output, everything else on standard error.

mod console;
mod harmless;
mod interrupt;
mod progress;

pub(crate) use self::{
    console::{BAD, Colour, Console, DIM, GOOD, HINT, OutputOptions, WARNING},
    harmless::harmless,
    interrupt::Interrupt,
};

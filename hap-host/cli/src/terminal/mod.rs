//! What people and programs see of a command: results on standard output, everything else on standard error.

mod console;
mod harmless;
mod interrupt;
mod log_line;
mod progress;
mod table;

pub(crate) use self::{
    console::{BAD, Colour, Console, DIM, GOOD, HINT, OutputOptions, WARNING},
    harmless::harmless,
    interrupt::Interrupt,
    log_line::log_line,
    progress::Progress,
    table::Table,
};

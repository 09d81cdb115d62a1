//! What an operator tells a host: commands over its management API.

mod ask;
mod follow;
mod install;
mod life;
mod permit;
mod ps;
mod reach;
mod show;

pub(super) use self::{
    ask::{Command, Config},
    follow::{Events, Logs},
    install::{Install, Update},
    life::{Restart, Rollback, Start, Stop, Uninstall},
    permit::{Grants, Limits, Orphans},
    ps::Ps,
    show::{Stats, Status},
};

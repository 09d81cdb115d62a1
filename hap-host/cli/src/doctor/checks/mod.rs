//! The checks.

mod disk;
mod engine;
mod engine_machine;
mod host;
mod network;
mod quote;
mod state;

use super::check::Check;

/// All checks, as they are told: what others depend on comes first.
pub(crate) const CHECKS: &[&Check] = &[
    &engine::ADDRESS,
    &engine::REACH,
    &engine::KIND,
    &engine::VERSION,
    &engine::ROOT,
    &engine_machine::LIMITS,
    &engine_machine::LIMITS_MEASURED,
    &engine_machine::CGROUP,
    &engine_machine::CLOCK,
    &engine_machine::PROCESSOR,
    &engine_machine::CONFINEMENT,
    &disk::ENGINE_SPACE,
    &disk::ENGINE_INODES,
    &engine::LEFTOVERS,
    &engine_machine::KERNEL,
    &state::CLOCK,
    &network::BRIDGES,
    &network::POOL,
    &network::ISOLATION,
    &network::WAY_IN,
    &network::EVENTS_PORT,
    &state::FOLDER,
    &state::OWNER,
    &state::ACCESS,
    &state::FILE_SYSTEM,
    &disk::STATE_SPACE,
    &disk::STATE_INODES,
    &state::LOCK,
    &state::SOCKET,
    &host::CONFIG,
    &host::HEALTH,
    &host::LISTEN,
    &host::CERTIFICATE,
];

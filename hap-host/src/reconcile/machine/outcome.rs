//! What an operation or a run that ended means.

use crate::{
    engine::observed::Exit,
    model::failure::{Failure, FailureCause},
};

/// What a run that ended by itself says.
pub(super) fn failure_of(exit: Option<&Exit>) -> Failure {
    match exit {
        None => Failure::new(FailureCause::Exited, "its container was removed by someone else"),
        Some(exit) if exit.oom_killed => Failure::new(FailureCause::OutOfMemory, exit.to_string())
            .with_exit(exit)
            .with_hint(
                "raise memory_limit in the manifest, or find out what the plugin keeps in memory; files in /tmp are \
                 in memory too",
            ),
        Some(exit) if exit.code == EXIT_CONFIGURATION => Failure::new(
            FailureCause::Configuration,
            format!("ended with exit code {EXIT_CONFIGURATION}, which says that its configuration is wrong"),
        )
        .with_exit(exit)
        .with_hint("its last lines below should name the setting; mend it, then start the plugin again"),
        Some(exit) => Failure::new(FailureCause::Exited, format!("ended with {exit}")).with_exit(exit),
    }
}

/// Exit code by which a program says that its configuration is wrong (`EX_CONFIG` of `sysexits.h`).
const EXIT_CONFIGURATION: i64 = 78;

use serde::{Deserialize, Serialize};

use super::desired::Desired;

/// What becomes of a plugin when the host starts, apart from what is wanted of it now.
///
/// A plugin whose process still runs when the host starts is adopted, whatever is said here: the
/// host was started again, not the machine. What is being removed goes on being removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Autostart {
    /// It goes on as it was: one that was wanted running runs again.
    #[default]
    #[serde(rename = "as_wanted")]
    Restore,
    /// It is not started: one that does not run is wanted stopped from then on, until
    /// somebody starts it.
    Never,
    /// It is started, also when it was stopped before.
    Always,
}

impl Autostart {
    /// What is wanted of a plugin when the host starts.
    pub(crate) const fn desired(self, before: Desired, runs: bool) -> Desired {
        match (self, before) {
            (Self::Never, Desired::Running) if !runs => Desired::Stopped,
            (Self::Always, Desired::Stopped) => Desired::Running,
            _ => before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_at_a_start_of_the_host_is_what_was_chosen_and_a_removal_goes_on() {
        let gone = Desired::Removed { with_data: true };
        let rows = [
            (Autostart::Restore, Desired::Running, false, Desired::Running),
            (Autostart::Restore, Desired::Stopped, true, Desired::Stopped),
            (Autostart::Never, Desired::Running, false, Desired::Stopped),
            (Autostart::Never, Desired::Running, true, Desired::Running),
            (Autostart::Never, Desired::Stopped, false, Desired::Stopped),
            (Autostart::Always, Desired::Stopped, false, Desired::Running),
            (Autostart::Always, Desired::Running, true, Desired::Running),
            (Autostart::Always, gone, true, gone),
            (Autostart::Never, gone, false, gone),
        ];
        for (autostart, before, runs, wanted) in rows {
            assert_eq!(
                autostart.desired(before, runs),
                wanted,
                "{autostart:?} {before} {runs}"
            );
        }
    }
}

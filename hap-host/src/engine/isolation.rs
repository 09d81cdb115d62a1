//! What an engine finds when it looks whether plugins are kept apart.

use std::fmt;

use super::spec::NetworkMode;

/// How plugins reach each other that should not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IsolationLoss {
    /// The ways that are open: the network of whoever connects, and that of whoever is reached.
    /// Empty where that is not known.
    pub open: Vec<(NetworkMode, NetworkMode)>,
    /// What was seen, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl IsolationLoss {
    /// Describes a loss.
    #[must_use]
    pub fn new(
        open: Vec<(NetworkMode, NetworkMode)>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            open,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// Whether plugins on a network reach others, or are reached. True where it is not known which.
    #[must_use]
    pub fn concerns(&self, network: NetworkMode) -> bool {
        let is_on = |(from, to): &(NetworkMode, NetworkMode)| *from == network || *to == network;
        self.open.is_empty() || self.open.iter().any(is_on)
    }
}

impl fmt::Display for IsolationLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (hint: {})", self.message, self.hint)
    }
}

/// What an engine and its machine report about isolation. They are hints: rules may be reported, and
/// not be in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IsolationSigns {
    /// What is reported, each as one line. When these are others than before, isolation is measured
    /// anew.
    pub facts: Vec<String>,
    /// What of it tells that isolation is lost.
    pub loss: Option<IsolationLoss>,
}

impl IsolationSigns {
    /// Describes what is reported.
    #[must_use]
    pub const fn new(facts: Vec<String>, loss: Option<IsolationLoss>) -> Self {
        Self { facts, loss }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_concerns_whoever_connects_and_whoever_is_reached() {
        let (isolated, outbound) = (NetworkMode::Isolated, NetworkMode::Outbound);
        let of = |open: &[(NetworkMode, NetworkMode)]| IsolationLoss::new(open.to_vec(), "m", "h");
        assert!(of(&[(isolated, isolated)]).concerns(isolated));
        assert!(!of(&[(isolated, isolated)]).concerns(outbound));
        let across = of(&[(outbound, isolated)]);
        assert!(across.concerns(isolated) && across.concerns(outbound));
        assert!(of(&[]).concerns(isolated) && of(&[]).concerns(outbound));
    }
}

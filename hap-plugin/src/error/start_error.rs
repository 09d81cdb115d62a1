//! [`StartError`], why a plugin did not start.

use std::fmt;

use crate::error::fault::Fault;

/// Says why a plugin did not start: all that is wrong at once, one problem a line.
///
/// The type is opaque; [`exit_code`](Self::exit_code) tells what a process should end with.
#[derive(Debug)]
pub struct StartError {
    problems: Vec<String>,
    lasting: bool,
}

impl StartError {
    /// Something that stays wrong until someone changes the configuration or the program.
    pub(crate) fn lasting(problem: impl Into<String>) -> Self {
        Self {
            problems: vec![problem.into()],
            lasting: true,
        }
    }

    /// Something that may be gone at the next attempt.
    pub(crate) fn passing(problem: impl Into<String>) -> Self {
        Self {
            problems: vec![problem.into()],
            lasting: false,
        }
    }

    /// A problem that comes from the plugin's own code, whose refusals say that trying again is
    /// pointless.
    pub(crate) fn of_fault(fault: &Fault, problem: String) -> Self {
        if (400..500).contains(&fault.status()) {
            Self::lasting(problem)
        } else {
            Self::passing(problem)
        }
    }

    /// All problems, or the value if there are none.
    pub(crate) fn unless_empty<T>(problems: Vec<String>, value: T) -> Result<T, Self> {
        if problems.is_empty() {
            Ok(value)
        } else {
            Err(Self {
                problems,
                lasting: true,
            })
        }
    }

    /// The problems, each with its remedy.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Whether only a change of the configuration or the program helps.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.lasting
    }

    /// What a process should end with: 78 (`EX_CONFIG`) for lasting problems, which a host does not
    /// retry, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.lasting { 78 } else { 1 }
    }

    /// Takes in what another step found. One lasting problem makes the whole lasting.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.problems.extend(other.problems);
        self.lasting |= other.lasting;
        self
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the plugin cannot start:")?;
        self.problems
            .iter()
            .try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for StartError {}

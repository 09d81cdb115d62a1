//! One case, and how it is written.

use std::{future::Future, pin::Pin};

use crate::{
    bench::Bench,
    level::{Level, Weight},
    outcome::Verdict,
};

type Trial = for<'a> fn(&'a mut Bench) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// One thing that is tried.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub(super) id: &'static str,
    pub(super) sentence: &'static str,
    pub(super) title: &'static str,
    pub(super) fix: &'static str,
    pub(super) guide: Option<Weight>,
    pub(super) full: Weight,
    pub(crate) place: Place,
    pub(crate) trial: Trial,
}

/// The plugin that a case is tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// One that others were tried on before, and will be.
    Shared,
    /// One that is started for these cases together: whether it sends an event may depend on what it was told before.
    Sending,
    /// One that is started for it; where it runs already, that one.
    Own,
    /// One that is started for it; where it runs already, the case is not applicable.
    Started,
    /// None yet: the case starts it.
    Unstarted,
}

impl Case {
    /// Returns its id, such as `health.shape`. It is never given to another case.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// Returns the id of the sentence of the protocol that it is about, such as `P-HEALTH-2`.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        self.sentence
    }

    /// Returns what holds where it passes.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        self.title
    }

    /// Returns how a failure is mended.
    #[must_use]
    pub const fn fix(&self) -> &'static str {
        self.fix
    }

    /// Returns how much it weighs at a level. `None`: it is not tried there.
    #[must_use]
    pub const fn weight(&self, level: Level) -> Option<Weight> {
        match level {
            Level::Guide => self.guide,
            Level::Full => Some(self.full),
        }
    }
}

impl Case {
    /// Whether it looks at how a plugin came to be healthy, also where it did not.
    pub(crate) fn is_about_the_start(&self) -> bool {
        self.id == "start.healthy"
    }
}

/// Writes a case: its id and its sentence, its weights at the levels guide and full, its place, what holds, how it is
/// mended, and the function that tries it.
macro_rules! case {
    ($id:literal, $sentence:literal, ($guide:tt, $full:tt), $place:ident, $title:literal, $fix:literal, $trial:path) => {
        $crate::cases::case::Case {
            id: $id,
            sentence: $sentence,
            title: $title,
            fix: $fix,
            guide: $crate::cases::case::weight!($guide),
            full: match $crate::cases::case::weight!($full) {
                Some(weight) => weight,
                None => $crate::level::Weight::Optional,
            },
            place: $crate::cases::case::Place::$place,
            trial: |bench| Box::pin($trial(bench)),
        }
    };
}

macro_rules! weight {
    (R) => {
        Some($crate::level::Weight::Required)
    };
    (r) => {
        Some($crate::level::Weight::Recommended)
    };
    (o) => {
        Some($crate::level::Weight::Optional)
    };
    (-) => {
        None
    };
}

pub(super) use {case, weight};

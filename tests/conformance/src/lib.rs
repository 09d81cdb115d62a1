//! A conformance suite for plugins in any language, and the platform that it emulates.
//!
//! A plugin is a program that answers a few HTTP calls and sends events. This crate tries one the way a platform uses it,
//! and the way a broken or hostile client does, and says which sentences of the protocol it keeps. Each [`Case`] is about
//! one sentence, such as `P-HEALTH-2`.
//!
//! ```no_run
//! use hap_conformance::{Declaration, Level, target::Program, suite};
//!
//! # async fn try_it() -> Result<(), Box<dyn std::error::Error>> {
//! let report = suite(Program::new("python3").arguments(["plugin.py"]))
//!     .level(Level::Full)
//!     .declaration(Declaration::from_folder(".")?)
//!     .run()
//!     .await;
//! assert!(report.is_success(), "{report}");
//! # Ok(())
//! # }
//! ```
//!
//! # Plan of the API
//!
//! * [`suite`] puts a run together for a [`Target`](target::Target), and [`Suite::run`] returns a [`Report`]. The run never
//!   fails: what the plugin does ends a case.
//! * [`target`] has what can be tested: a [`Url`](target::Url) where a plugin runs already, a
//!   [`Program`](target::Program) of this machine, and whatever implements [`Launcher`](target::Launcher) and
//!   [`Running`](target::Running). An image, a package or a folder is tested by a launcher of a crate that knows an engine.
//! * [`Declaration`] is what the plugin says of itself: its manifest, and [`Inputs`] that nobody can guess. A plugin that
//!   the suite starts may also tell it in its answer to `GET /describe`. What is not declared is never failed: its cases
//!   end as [`Outcome::NotApplicable`].
//! * [`Level`] is what a plugin is held to, [`Weight`] what a case weighs there. A plugin conforms at a level where none of
//!   the [`Required`](Weight::Required) cases fails.
//! * [`Report`] is for people by `Display`, for programs by [`to_json`](Report::to_json) and
//!   [`to_junit`](Report::to_junit). [`ExpectedFailures`] are told apart, and are stale when they pass.
//! * [`platform`] is the platform by itself: it gives the environment, takes events and answers them as it is told to. It
//!   serves any other tool that runs a plugin without a host.
//!
//! # Not here
//!
//! Engines, images and packages: `hap-host` knows them, and this crate depends on `hap-manifest` alone. hap is not Apple's
//! `HomeKit` Accessory Protocol.

mod bench;
mod cases;
mod declaration;
mod expected;
mod http;
mod level;
mod outcome;
pub mod platform;
mod report;
mod sentences;
mod suite;
pub mod target;

pub use cases::{Case, cases};
pub use declaration::{BadInputs, ConfigInputs, Declaration, DeclarationError, Inputs};
pub use expected::{BadExpectedFailures, ExpectedFailures};
pub use level::{Level, UnknownLevel, Weight};
pub use outcome::{Finding, Outcome};
pub use report::{CaseReport, Report};
pub use sentences::sentence;
pub use suite::{Suite, suite};

/// The README's program, compiled as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

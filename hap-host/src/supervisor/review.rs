//! What installing a plugin would take, told before anything is done.

use hap_manifest::{
    Manifest,
    permission::{Consent, Permission},
};
use serde::Serialize;

use super::Supervisor;
use crate::{
    engine::progress::ProgressSink,
    error::{Error, ErrorKind},
    model::{consent::consent, grants::Admission},
    plugin::{
        publisher::{refuse_foreign_data, succession},
        source::{PluginSource, acquire::Candidate},
    },
    policy::violation::PolicyViolation,
};

/// What installing a plugin from a source would take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PluginReview {
    /// The plugin's manifest.
    pub manifest: Manifest,
    /// What its owner is asked, as text and for programs: what it asks for beyond what every plugin
    /// gets, with [`Permission::Build`] where its image is built here and that takes a grant, the
    /// steps of that build, who published it, and what is new where a version of it is installed.
    pub consent: Consent,
    /// Why it may not be installed with the given grants, none if it may.
    pub violations: Vec<PolicyViolation>,
    /// What else is worth knowing, such as keys of the manifest that are not known, that another
    /// publisher would go on with the plugin, and that data of an earlier one would be its.
    pub warnings: Vec<String>,
}

impl Supervisor {
    /// Tells what installing a plugin with these grants would take. Nothing is installed, pulled or
    /// built; a package is read to its last byte.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # async fn run(state: &std::path::Path, folder: &std::path::Path) -> Result<(), hap_host::Error> {
    /// use hap_host::{PluginSource, Supervisor, engine::FakeEngine};
    ///
    /// # std::fs::write(folder.join("manifest.json"), r#"{"id": "light", "name": "Light", "version": "1.0.0",
    /// #   "description": "", "author": "", "image": "light:1", "network_access": false}"#).unwrap();
    /// # std::fs::write(folder.join("Dockerfile"), "FROM rust:1\nRUN cargo build\n").unwrap();
    /// let supervisor = Supervisor::builder(FakeEngine::new(), state).start().await?;
    /// let review = supervisor.review(PluginSource::folder(folder), []).await?;
    /// println!("{}", review.consent);
    /// assert_eq!(review.consent.requested[0].id, "build");
    /// assert_eq!(review.consent.build_steps[1], "line 2: RUN cargo build");
    /// # Ok(())
    /// # }
    /// # #[cfg(feature = "testing")]
    /// # {
    /// # let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    /// # tokio::runtime::Runtime::new().unwrap().block_on(run(state.path(), folder.path())).unwrap();
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`install`](Self::install) for a source that cannot be read; [`ErrorKind::Engine`],
    /// [`ErrorKind::Timeout`] and [`ErrorKind::Store`] where it cannot be told whose data is there.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn review(
        &self,
        source: impl Into<PluginSource>,
        grants: impl IntoIterator<Item = Permission>,
    ) -> Result<PluginReview, Error> {
        let shared = &self.0.shared;
        let grants: Vec<_> = grants.into_iter().collect();
        let mut candidate = Candidate::open(source.into(), &ProgressSink::none(), shared).await?;
        let builds = candidate.needs_build() && grants.contains(&Permission::Build);
        let admission = Admission::new(candidate.origin(), grants, &candidate.manifest).with_build(builds);
        let mut violations = shared.policy.judge(&candidate.manifest, &admission);
        let mut build_steps = Vec::new();
        if let Some(dockerfile) = candidate.dockerfile() {
            violations.extend(shared.policy.evaluate_build(dockerfile, admission.granted()));
            build_steps.extend(dockerfile.steps().iter().map(ToString::to_string));
        }
        let asked = candidate.requested();
        let mut consent = consent(&candidate.manifest, candidate.origin(), asked).build_steps(build_steps);
        let (id, publisher) = (candidate.manifest.id(), candidate.publisher());
        let stands = match self.plugin(id) {
            Some(installed) => {
                consent = consent.compared_with(&installed.permissions().consent);
                succession(id, installed.publisher().as_ref(), &publisher, None).map(drop)
            }
            None => refuse_foreign_data(shared, id, &publisher).await,
        };
        match stands {
            Err(error) if matches!(error.kind(), ErrorKind::PublisherChanged | ErrorKind::ForeignData) => {
                candidate.warnings.push(error.to_string());
            }
            stands => stands?,
        }
        Ok(PluginReview {
            consent,
            violations,
            warnings: candidate.warnings,
            manifest: candidate.manifest,
        })
    }
}

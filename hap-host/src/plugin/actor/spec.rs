//! Makes what one version of a plugin runs with, from its record and the policies of the host.

use hap_manifest::Manifest;

use crate::{
    engine::spec::ContainerSpec,
    model::{record::PluginRecord, run_policy::HealthPolicy},
    plugin::context::Shared,
    reconcile::{
        drift::SpecMark,
        machine::step::VersionTerms,
        spec::{SpecInputs, container_spec, network_of},
    },
};

/// Makes the container's spec for a record under this supervisor.
pub(super) fn spec_of(shared: &Shared, record: &PluginRecord) -> ContainerSpec {
    let manifest = &record.manifest;
    let network = network_of(manifest);
    let mut spec = container_spec(&SpecInputs {
        manifest,
        instance: &shared.instance,
        image: record
            .image_id
            .as_deref()
            .unwrap_or_else(|| manifest.image().as_str()),
        limits: &shared.limits,
        policy: &shared.policy,
        overrides: &record.limits,
        platform_url: &shared.platform_url(manifest.id(), network),
        keys: &record.keys,
        choices: &record.choices,
        own_number: record.admission.runs_as().own_number(),
        program: record.program.as_deref(),
        outlives_host: shared.outlive,
        runtime: shared
            .policy
            .runtime_for(manifest.id(), record.admission.origin()),
    });
    shared.ownership.seal(&mut spec);
    spec
}

/// Makes the terms under which the machine runs a version.
pub(super) fn version_terms(shared: &Shared, manifest: &Manifest, spec: &ContainerSpec) -> VersionTerms {
    VersionTerms {
        mark: SpecMark::of(spec),
        restart: shared.restart.for_plugin(manifest.restart()),
        health: health_policy(&shared.health, manifest),
    }
}

/// Returns the supervisor's health policy with the manifest's own values in it.
pub(super) fn health_policy(base: &HealthPolicy, manifest: &Manifest) -> HealthPolicy {
    let check = manifest.health_check();
    let mut policy = base.clone();
    if *check != hap_manifest::HealthCheck::default() {
        policy.interval = check.interval();
        policy.timeout = check.timeout();
        policy.retries = check.retries();
        policy.startup_deadline = check.start_period();
    }
    policy
}

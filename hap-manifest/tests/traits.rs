//! What the types can be used for, whatever changes inside them.

use std::fmt::Debug;

use hap_manifest::{
    ApiToken, CpuLimit, Dependency, HealthCheck, ImageRef, Issue, Manifest, ManifestBuilder, ManifestError,
    MemoryLimit, ParseError, Parsed, PluginId, TraceParent, WebhookSecret, wire,
};

fn shared<T: Send + Sync + Clone + Debug + Unpin + 'static>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}

#[test]
fn everything_can_be_shared_and_sent() {
    shared::<Manifest>();
    shared::<ManifestBuilder>();
    shared::<Parsed>();
    shared::<hap_manifest::ManifestFile>();
    shared::<hap_manifest::DockerfilePath>();
    shared::<Issue>();
    shared::<PluginId>();
    shared::<ImageRef>();
    shared::<Dependency>();
    shared::<HealthCheck>();
    shared::<CpuLimit>();
    shared::<MemoryLimit>();
    shared::<ApiToken>();
    shared::<WebhookSecret>();
    shared::<TraceParent>();
    shared::<wire::CommandRequest>();
    shared::<wire::CommandSet>();
    shared::<wire::Event>();
    shared::<wire::EventBody>();
    error::<ParseError>();
    error::<ManifestError>();
    error::<wire::DecodeError>();
    error::<wire::CommandSchemaError>();
    error::<hap_manifest::webhook::VerifyError>();
}

#[cfg(feature = "config-schema")]
#[test]
fn schemas_of_settings_can_be_shared_and_sent() {
    shared::<hap_manifest::ConfigSchema>();
    shared::<hap_manifest::ConfigProblem>();
    error::<hap_manifest::ConfigProblems>();
}

#[cfg(feature = "signing")]
#[test]
fn signatures_can_be_sent() {
    use hap_manifest::package::{PackageKey, PackageSignature, SignatureError};

    fn sent<T: Send + Sync + Debug + Unpin + 'static>() {}
    shared::<PackageKey>();
    sent::<PackageSignature>();
    error::<SignatureError>();
}

#[test]
fn a_refusal_is_as_small_as_a_pointer() {
    assert_eq!(size_of::<ParseError>(), size_of::<usize>());
}

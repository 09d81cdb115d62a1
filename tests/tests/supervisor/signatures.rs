//! Whose packages are taken.

use std::{fs, io::Cursor, path::PathBuf};

use hap_host::{
    ErrorKind, FailureCause, Phase, PluginSource, Policy, PolicyViolation, ShutdownMode, Supervisor,
    engine::{FakeEngine, FakeOperation},
};
use hap_manifest::package::PackageKey;
use minisign::KeyPair;
use tempfile::TempDir;

use crate::{builder, count, install::package, manifest, until};

const COMMENT: &str = "id:light version:1.0.0";

pub(crate) fn new_key() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

pub(crate) fn public(pair: &KeyPair) -> PackageKey {
    pair.pk.to_base64().parse().unwrap()
}

pub(crate) fn sign(pair: &KeyPair, bytes: &[u8], comment: &str) -> String {
    let signed = minisign::sign(Some(&pair.pk), &pair.sk, Cursor::new(bytes), Some(comment), None);
    signed.unwrap().into_string()
}

/// A host with this policy, and a folder to put packages into.
struct Host {
    supervisor: Supervisor,
    engine: FakeEngine,
    folder: TempDir,
}

impl Host {
    async fn with(policy: Policy) -> Self {
        let (engine, folder) = (FakeEngine::new(), tempfile::tempdir().unwrap());
        let state = folder.path().join("state");
        let supervisor = builder(&engine, &state).policy(policy).start().await.unwrap();
        Self {
            supervisor,
            engine,
            folder,
        }
    }

    /// Puts a package there, and perhaps a signature beside it.
    fn put(&self, bytes: &[u8], signature: Option<&str>) -> PathBuf {
        let path = self.folder.path().join("light.zip");
        let beside = self.folder.path().join("light.zip.minisig");
        fs::write(&path, bytes).unwrap();
        match signature {
            Some(text) => fs::write(beside, text).unwrap(),
            None => drop(fs::remove_file(beside)),
        }
        path
    }

    /// Why a package is not permitted; nothing was built of it.
    async fn refuses(&self, source: impl Into<PluginSource>) -> PolicyViolation {
        let built = count(&self.engine, FakeOperation::Build);
        let error = self.supervisor.install(source).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotPermitted, "{error}");
        assert_eq!(count(&self.engine, FakeOperation::Build), built);
        assert!(self.supervisor.plugins().is_empty());
        let [refusal] = error.violations() else {
            panic!("{error}")
        };
        assert!(error.to_string().contains(&refusal.to_string()), "{error}");
        refusal.clone()
    }

    async fn takes(&self, source: impl Into<PluginSource>) {
        let light = self.supervisor.install(source).await.unwrap();
        light.start().await.unwrap();
        light.uninstall().await.unwrap();
    }
}

#[tokio::test]
async fn only_what_a_trusted_key_has_signed_is_taken_and_each_refusal_is_told_apart() {
    let (ours, other) = (new_key(), new_key());
    let policy = Policy::default()
        .trust_key(public(&ours))
        .unsigned_packages(false);
    let host = Host::with(policy).await;
    let bytes = package("light");
    let good = sign(&ours, &bytes, COMMENT);

    let refusal = host.refuses(PluginSource::package(host.put(&bytes, None))).await;
    assert_eq!(refusal, PolicyViolation::Unsigned);
    assert!(refusal.to_string().contains(".minisig"), "{refusal}");

    let foreign = sign(&other, &bytes, COMMENT);
    let refusal = host
        .refuses(PluginSource::package(host.put(&bytes, Some(&foreign))))
        .await;
    let key = public(&other).id();
    assert!(refusal.to_string().contains(&key), "{refusal}");
    assert_eq!(refusal, PolicyViolation::UnknownKey { key });

    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    let key = public(&ours).id();
    let refusal = host
        .refuses(PluginSource::package(host.put(&changed, Some(&good))))
        .await;
    assert_eq!(refusal, PolicyViolation::Modified { key });

    let next = sign(&ours, &bytes, "id:light version:1.0.1");
    let refusal = host
        .refuses(PluginSource::package(host.put(&bytes, Some(&next))))
        .await;
    let (signed, found) = ("light 1.0.1".to_owned(), "light 1.0.0".to_owned());
    assert_eq!(refusal, PolicyViolation::SignedAsOther { signed, found });
    let lock = package("lock");
    let other_id = sign(&ours, &lock, COMMENT);
    let refusal = host
        .refuses(PluginSource::package(host.put(&lock, Some(&other_id))))
        .await;
    assert!(
        matches!(refusal, PolicyViolation::SignedAsOther { .. }),
        "{refusal}"
    );

    let unbound = sign(&ours, &bytes, "timestamp:1700000000");
    let refusal = host
        .refuses(PluginSource::package(host.put(&bytes, Some(&unbound))))
        .await;
    assert_eq!(refusal, PolicyViolation::UnboundSignature);

    for broken in ["", "not a signature", &good.repeat(100)] {
        let refusal = host
            .refuses(PluginSource::package(host.put(&bytes, Some(broken))))
            .await;
        assert!(
            matches!(refusal, PolicyViolation::MalformedSignature { .. }),
            "{refusal}"
        );
        assert!(refusal.to_string().contains("light.zip.minisig"), "{refusal}");
    }

    // Nor is there another way around: a folder has no signature, and bytes have no file beside them.
    let folder = host.folder.path().join("source");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("manifest.json"), manifest("light").to_json()).unwrap();
    fs::write(folder.join("Dockerfile"), "FROM scratch\n").unwrap();
    assert_eq!(
        host.refuses(PluginSource::folder(&folder)).await,
        PolicyViolation::Unsigned
    );
    let reader = || PluginSource::package_reader(Cursor::new(bytes.clone()));
    assert_eq!(host.refuses(reader()).await, PolicyViolation::Unsigned);

    host.takes(PluginSource::package(host.put(&bytes, Some(&good))))
        .await;
    host.takes(reader().signed(good.parse().unwrap())).await;
    // What is no package is refused as that, whoever has signed it.
    let script = b"#!/bin/sh\n";
    let source = PluginSource::package(host.put(script, Some(&sign(&ours, script, COMMENT))));
    let error = host.supervisor.install(source).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

#[tokio::test]
async fn where_unsigned_packages_are_taken_a_signature_of_a_trusted_key_has_to_be_good_all_the_same() {
    let (ours, other) = (new_key(), new_key());
    let host = Host::with(Policy::default().trust_key(public(&ours))).await;
    let bytes = package("light");
    host.takes(PluginSource::package(host.put(&bytes, None))).await;
    // Who takes a package of nobody has no reason to refuse one of a stranger.
    let foreign = sign(&other, &bytes, COMMENT);
    host.takes(PluginSource::package(host.put(&bytes, Some(&foreign))))
        .await;
    let good = sign(&ours, &bytes, COMMENT);
    let refusal = host
        .refuses(PluginSource::package(host.put(&package("lock"), Some(&good))))
        .await;
    assert!(matches!(refusal, PolicyViolation::Modified { .. }), "{refusal}");
    // Unless the caller has asked for it.
    let given = PluginSource::package(host.put(&bytes, None)).signed(foreign.parse().unwrap());
    let refusal = host.refuses(given).await;
    assert!(matches!(refusal, PolicyViolation::UnknownKey { .. }), "{refusal}");
}

#[tokio::test]
async fn by_default_no_signature_is_looked_at_unless_one_is_given() {
    let host = Host::with(Policy::default()).await;
    let bytes = package("light");
    host.takes(PluginSource::package(host.put(&bytes, Some("anything"))))
        .await;
    let signature = sign(&new_key(), &bytes, COMMENT).parse().unwrap();
    let refusal = host
        .refuses(PluginSource::package(host.put(&bytes, None)).signed(signature))
        .await;
    assert!(matches!(refusal, PolicyViolation::UnknownKey { .. }), "{refusal}");
    let signature = sign(&new_key(), &bytes, COMMENT).parse().unwrap();
    let error = host
        .supervisor
        .install(PluginSource::from(manifest("light")).signed(signature))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

#[tokio::test]
async fn who_signed_a_plugin_is_kept_with_it_and_judged_anew_at_each_start() {
    let ours = new_key();
    let (engine, folder) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let state = folder.path().join("state");
    let host = |policy: Policy| builder(&engine, &state).policy(policy).start();
    let strict = || Policy::default().unsigned_packages(false);

    let first = host(strict().trust_key(public(&ours))).await.unwrap();
    let bytes = package("light");
    let signature = sign(&ours, &bytes, COMMENT).parse().unwrap();
    let source = PluginSource::package_reader(Cursor::new(bytes)).signed(signature);
    let light = first.install(source).await.unwrap();
    light.start().await.unwrap();
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop((first, light));

    let second = host(strict().trust_key(public(&ours))).await.unwrap();
    let light = second.plugin(&"light".parse().unwrap()).unwrap();
    until(&light, |state| state.phase == Phase::Healthy).await;
    second.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop((second, light));

    // The key is no longer trusted.
    let third = host(strict()).await.unwrap();
    let light = third.plugin(&"light".parse().unwrap()).unwrap();
    let state = until(&light, |state| state.phase == Phase::Failed).await;
    assert_eq!(state.failure.unwrap().cause, FailureCause::NotPermitted);
    let key = public(&ours).id();
    assert_eq!(
        light.permissions().violations,
        [PolicyViolation::UnknownKey { key }]
    );
    third.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

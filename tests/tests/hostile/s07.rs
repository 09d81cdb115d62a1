//! Somebody else's update, and what somebody else has left.

use std::{fs, io::Cursor};

use hap_host::{ErrorKind, Phase, PluginSource, Policy};
use hap_manifest::{
    Manifest,
    package::{PackOptions, pack},
    permission::Publisher,
};
use hap_tests::docker::{Fixture, Instance, ask, until_up};
use minisign::KeyPair;

use crate::{address, folder, forget, supervisor};

const PROBE: [(Fixture, &str); 1] = [(Fixture::Probe, "probe")];
const DOCKERFILE: &str = "FROM scratch\nCOPY probe /probe\nENTRYPOINT [\"/probe\"]\n";

fn manifest(version: &str, extra: &str) -> Manifest {
    let text = format!(
        r#"{{"id":"light","name":"Light","version":"{version}","description":"d","author":"a","image":"light:1",
            "api_port":8000,"network_access":false,"user":"0","volumes":["/data"]{extra}}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}

/// A package that this key has signed, or nobody.
fn package(manifest: &Manifest, key: Option<&KeyPair>) -> PluginSource {
    let folder = folder(manifest, DOCKERFILE, &PROBE);
    fs::write(folder.path().join("README.md"), "# A plugin\n").unwrap();
    let bytes = pack(folder.path(), &PackOptions::new()).unwrap().into_bytes();
    let comment = format!("id:{} version:{}", manifest.id(), manifest.version());
    let signature = key.map(|key| {
        let data = Cursor::new(&bytes);
        let signed = minisign::sign(Some(&key.pk), &key.sk, data, Some(&comment), None).unwrap();
        signed.into_string().parse().unwrap()
    });
    let source = PluginSource::package_reader(Cursor::new(bytes));
    match signature {
        Some(signature) => source.signed(signature),
        None => source,
    }
}

fn key() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

fn trusting(key: &KeyPair) -> Policy {
    Policy::default().trust_key(key.pk.to_base64().parse().unwrap())
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s07_an_unsigned_package_does_not_take_over_a_signed_plugin_and_its_grants() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let key = key();
    let supervisor = supervisor(&instance, state.path(), trusting(&key)).await;
    let raw = r#","capabilities":["NET_RAW"]"#;
    let plugin = supervisor
        .install(package(&manifest("1.0.0", raw), Some(&key)))
        .grant_all_requested(true)
        .await
        .unwrap();
    plugin.start().await.unwrap();
    let before = plugin.state();
    let theirs = manifest("2.0.0", raw);
    let error = plugin.update(package(&theirs, None)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PublisherChanged, "{error}");
    let state = plugin.state();
    assert_eq!(
        (state.phase, &state.container),
        (Phase::Healthy, &before.container)
    );

    // Accepted, it has nothing of what was granted to the other.
    let accepted = plugin
        .update(package(&theirs, None))
        .accept_publisher(Publisher::Unsigned);
    assert_eq!(accepted.await.unwrap_err().kind(), ErrorKind::NotPermitted);
    assert_eq!(plugin.state().container, before.container);
    forget(&supervisor, "light").await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s07_a_plugin_of_another_author_does_not_read_what_the_first_has_left() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let key = key();
    let supervisor = supervisor(&instance, state.path(), trusting(&key)).await;
    let install = |key: Option<&KeyPair>| {
        let install = supervisor.install(package(&manifest("1.0.0", ""), key));
        install.grant_all_requested(true)
    };
    let ask_light = async |plugin: &hap_host::PluginHandle, what: &str| {
        plugin.start().await.unwrap();
        let container = plugin.state().container.unwrap();
        let address = address(&instance, container.as_str()).await;
        until_up(address).await;
        ask(address, what).await
    };
    let first = install(Some(&key)).await.unwrap();
    ask_light(&first, "/write?/data/secret").await.unwrap();
    first.uninstall().await.unwrap();

    let error = install(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ForeignData, "{error}");
    assert!(supervisor.plugins().is_empty());
    // Its author finds what was kept.
    let again = install(Some(&key)).await.unwrap();
    let kept = ask_light(&again, "/read?/data/secret").await.unwrap();
    assert!(kept.contains("written"), "{kept}");
    again.uninstall().await.unwrap();

    // Without the data anybody may come.
    let id = again.id().clone();
    supervisor.remove_orphaned_data(&id).await.unwrap();
    let other = install(None).await.unwrap();
    assert!(ask_light(&other, "/read?/data/secret").await.is_err());
    other.uninstall().remove_data(true).await.unwrap();
    supervisor.prune_images().await.unwrap();
}

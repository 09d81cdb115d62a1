//! Who may go on with a plugin, and with the data that one has left.

use std::{fs, io::Cursor};

use hap_host::{
    ErrorKind, PluginSource, Policy, Supervisor,
    engine::{FakeEngine, FakeOperation},
};
use hap_manifest::{
    Manifest, PluginId,
    package::{PackOptions, pack},
    permission::{Permission, Publisher},
};
use minisign::KeyPair;
use tempfile::TempDir;

use crate::{
    builder, count, manifest_with,
    signatures::{new_key, public, sign},
};

const ROOT: &str = r#","writable_rootfs":true,"volumes":["/data"]"#;

fn light(version: &str, image: &str) -> Manifest {
    let text = manifest_with("light", ROOT).to_json();
    let text = text.replace("1.0.0", version).replace("plugin:1", image);
    Manifest::from_json(&text).unwrap().manifest
}

fn folder(version: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("manifest.json"),
        light(version, "plugin:1").to_json(),
    )
    .unwrap();
    fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    fs::write(folder.path().join("README.md"), "# A plugin\n").unwrap();
    folder
}

/// A package that this key has signed, or nobody.
fn package(version: &str, key: Option<&KeyPair>) -> PluginSource {
    let packed = pack(folder(version).path(), &PackOptions::new()).unwrap();
    let bytes = packed.into_bytes();
    let comment = format!("id:light version:{version}");
    let signature = key.map(|key| sign(key, &bytes, &comment).parse().unwrap());
    let source = PluginSource::package_reader(Cursor::new(bytes));
    match signature {
        Some(signature) => source.signed(signature),
        None => source,
    }
}

fn by_key(key: &KeyPair) -> Publisher {
    Publisher::signed(public(key).to_string(), "")
}

/// A host that trusts both keys, and takes what nobody has signed.
async fn host(engine: &FakeEngine, state: &TempDir, keys: [&KeyPair; 2]) -> Supervisor {
    let policy = keys
        .iter()
        .fold(Policy::default(), |policy, key| policy.trust_key(public(key)));
    builder(engine, state.path())
        .policy(policy)
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn only_the_key_that_signed_a_plugin_goes_on_with_it_unless_another_is_accepted_without_the_grants() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (ours, theirs) = (new_key(), new_key());
    let supervisor = host(&engine, &state, [&ours, &theirs]).await;
    let install = supervisor.install(package("1.0.0", Some(&ours)));
    let plugin = install.grant(Permission::WritableRoot).await.unwrap();
    assert!(plugin.publisher().unwrap().is(&by_key(&ours)));
    plugin.update(package("1.0.1", Some(&ours))).await.unwrap();

    let built = count(&engine, FakeOperation::Build);
    for key in [None, Some(&theirs)] {
        let error = plugin.update(package("2.0.0", key)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PublisherChanged, "{error}");
        assert!(error.to_string().contains("accept_publisher"), "{error}");
        let review = supervisor.review(package("2.0.0", key), []).await.unwrap();
        assert!(
            review
                .warnings
                .iter()
                .any(|told| told.contains("another publisher")),
            "{:?}",
            review.warnings
        );
    }
    // Another than the one that it is from.
    let wrong = plugin
        .update(package("2.0.0", None))
        .accept_publisher(by_key(&theirs));
    assert_eq!(wrong.await.unwrap_err().kind(), ErrorKind::PublisherChanged);
    assert_eq!(count(&engine, FakeOperation::Build), built);
    assert_eq!(plugin.manifest().version().to_string(), "1.0.1");

    // What was granted was granted to the other.
    let accepted = || {
        let update = plugin.update(package("2.0.0", Some(&theirs)));
        update.accept_publisher(by_key(&theirs))
    };
    assert_eq!(accepted().await.unwrap_err().kind(), ErrorKind::NotPermitted);
    accepted().grant(Permission::WritableRoot).await.unwrap();
    assert!(plugin.publisher().unwrap().is(&by_key(&theirs)));
    assert_eq!(plugin.permissions().granted, [Permission::WritableRoot]);

    // The way back is to what was.
    plugin.roll_back().await.unwrap();
    assert!(plugin.publisher().unwrap().is(&by_key(&ours)));
}

#[tokio::test]
async fn what_nobody_signed_is_continued_by_nobody_known_or_by_a_trusted_key_which_keeps_it_then() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (ours, theirs) = (new_key(), new_key());
    let supervisor = host(&engine, &state, [&ours, &theirs]).await;
    let install = supervisor.install(package("1.0.0", None));
    let plugin = install.grant(Permission::WritableRoot).await.unwrap();
    plugin.update(package("1.0.1", None)).await.unwrap();
    plugin.update(package("1.0.2", Some(&ours))).await.unwrap();
    assert_eq!(plugin.permissions().granted, [Permission::WritableRoot]);
    let error = plugin.update(package("1.0.3", None)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PublisherChanged);
}

#[tokio::test]
async fn folders_go_on_with_folders_and_images_with_images_of_their_repository() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (ours, theirs) = (new_key(), new_key());
    let supervisor = host(&engine, &state, [&ours, &theirs]).await;
    let (one, two) = (folder("1.0.0"), folder("1.0.1"));
    let install = supervisor.install(PluginSource::folder(one.path()));
    let plugin = install.grant(Permission::WritableRoot).await.unwrap();
    plugin.update(PluginSource::folder(two.path())).await.unwrap();
    for source in [
        package("2.0.0", None),
        package("2.0.0", Some(&ours)),
        light("2.0.0", "a/b:1").into(),
    ] {
        let error = plugin.update(source).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PublisherChanged, "{error}");
    }
    plugin.uninstall().remove_data(true).await.unwrap();

    let install = supervisor.install(light("1.0.0", "ghcr.io/acme/light:1"));
    let plugin = install.grant(Permission::WritableRoot).await.unwrap();
    plugin
        .update(light("1.0.1", "ghcr.io/acme/light:2"))
        .await
        .unwrap();
    for image in ["ghcr.io/evil/light:2", "acme/light:2", "docker.io/acme/light:2"] {
        let error = plugin.update(light("2.0.0", image)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PublisherChanged, "{error}");
    }
}

#[tokio::test]
async fn data_that_a_plugin_left_goes_to_its_publisher_or_by_a_word_and_can_be_removed_instead() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (ours, theirs) = (new_key(), new_key());
    let supervisor = host(&engine, &state, [&ours, &theirs]).await;
    let install = |key: Option<&KeyPair>| {
        let install = supervisor.install(package("1.0.0", key));
        install.grant(Permission::WritableRoot)
    };
    // Leaves data, as one that ran.
    let leave = async |plugin: hap_host::PluginHandle| {
        plugin.start().await.unwrap();
        plugin.uninstall().await.unwrap();
    };
    leave(install(Some(&ours)).await.unwrap()).await;
    for key in [None, Some(&theirs)] {
        let error = install(key).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ForeignData, "{error}");
        let told = error.to_string();
        assert!(
            told.contains("adopt_data") && told.contains("remove_orphaned_data"),
            "{told}"
        );
        let review = supervisor.review(package("1.0.0", key), []).await.unwrap();
        assert_eq!(review.warnings, [told]);
    }
    assert!(supervisor.plugins().is_empty());
    // The same publisher has its data again, also under the next host.
    leave(install(Some(&ours)).await.unwrap()).await;
    leave(install(None).adopt_data(true).await.unwrap()).await;
    // Now it is of somebody whom nobody knows, who is never the same.
    for key in [None, Some(&ours)] {
        assert_eq!(install(key).await.unwrap_err().kind(), ErrorKind::ForeignData);
    }
    let id = PluginId::new("light").unwrap();
    supervisor.remove_orphaned_data(&id).await.unwrap();
    let plugin = install(Some(&theirs)).await.unwrap();
    plugin.uninstall().remove_data(true).await.unwrap();
    install(None).await.unwrap();
}

use std::time::Duration;

use super::{
    MINIMUM_AGE,
    judge::{Known, judge},
    orphan::{OrphanDisposition, OrphanReason},
};
use crate::{
    engine::resource::{Resource, ResourceKind},
    model::record::KnownPlugin,
};

fn resource(kind: ResourceKind, plugin: Option<&str>) -> Resource {
    Resource {
        plugin: plugin.map(|id| id.parse().unwrap()),
        age: Some(Duration::from_secs(600)),
        ..Resource::new(kind, "id", "name")
    }
}

fn known() -> Known {
    let mut known = Known::default();
    for (id, readable, image) in [
        ("light", true, Some("sha256:light")),
        ("old", true, None),
        ("broken", false, None),
    ] {
        known.note(KnownPlugin {
            previous_image_id: None,
            id_text: id.to_owned(),
            readable,
            image_id: image.map(str::to_owned),
        });
    }
    known
}

/// What becomes of one thing, if it belongs to nobody.
fn judged(resource: Resource) -> Option<(OrphanReason, OrphanDisposition)> {
    let orphans = judge(vec![resource], &known(), MINIMUM_AGE);
    orphans.first().map(|orphan| (orphan.reason, orphan.disposition))
}

#[test]
fn what_belongs_to_a_plugin_that_the_store_knows_is_no_orphan() {
    for plugin in ["light", "old", "broken"] {
        for kind in [ResourceKind::Container, ResourceKind::Volume] {
            assert_eq!(judged(resource(kind, Some(plugin))), None, "{kind} of {plugin}");
        }
    }
}

#[test]
fn containers_and_networks_are_due_by_age_and_nothing_else_ever_is() {
    let young = Some(MINIMUM_AGE - Duration::from_secs(1));
    for (kind, plugin, age, expected) in [
        (
            ResourceKind::Container,
            Some("gone"),
            Some(MINIMUM_AGE),
            (OrphanReason::NotInstalled, OrphanDisposition::Due),
        ),
        (
            ResourceKind::Container,
            Some("gone"),
            young,
            (OrphanReason::NotInstalled, OrphanDisposition::Young),
        ),
        (
            ResourceKind::Container,
            Some("gone"),
            None,
            (OrphanReason::NotInstalled, OrphanDisposition::Young),
        ),
        (
            ResourceKind::Network,
            None,
            Some(MINIMUM_AGE),
            (OrphanReason::NotNeeded, OrphanDisposition::Due),
        ),
        (
            ResourceKind::Volume,
            Some("gone"),
            Some(Duration::MAX),
            (OrphanReason::NotInstalled, OrphanDisposition::Data),
        ),
        (
            ResourceKind::Image,
            Some("gone"),
            Some(Duration::MAX),
            (OrphanReason::NotInstalled, OrphanDisposition::Image),
        ),
    ] {
        let one = Resource {
            age,
            ..resource(kind, plugin)
        };
        assert_eq!(judged(one), Some(expected), "{kind} {age:?}");
    }
    let busy = Resource {
        in_use: true,
        ..resource(ResourceKind::Network, None)
    };
    assert_eq!(
        judged(busy),
        Some((OrphanReason::NotNeeded, OrphanDisposition::InUse))
    );
}

#[test]
fn an_image_is_an_orphan_only_where_it_is_known_that_nobody_runs_it() {
    let image = |plugin, id: &str| {
        judged(Resource {
            id: id.to_owned(),
            ..resource(ResourceKind::Image, Some(plugin))
        })
    };
    assert_eq!(image("light", "sha256:light"), None);
    // Built for another plugin, and run by this one.
    assert_eq!(image("gone", "sha256:light"), None);
    assert_eq!(
        image("light", "sha256:earlier"),
        Some((OrphanReason::OtherImage, OrphanDisposition::Image))
    );
    // It may be the very one that they run.
    assert_eq!(image("old", "sha256:any"), None);
    assert_eq!(image("broken", "sha256:any"), None);
}

#[test]
fn a_plugin_that_is_being_installed_keeps_what_it_has() {
    let mut known = known();
    known.unread.insert("coming".to_owned());
    for kind in [ResourceKind::Container, ResourceKind::Volume, ResourceKind::Image] {
        assert_eq!(
            judge(vec![resource(kind, Some("coming"))], &known, MINIMUM_AGE),
            []
        );
    }
}

#[test]
fn an_orphan_says_what_it_is_and_why() {
    let told = |one: Resource| judge(vec![one], &known(), MINIMUM_AGE)[0].to_string();
    assert_eq!(
        told(resource(ResourceKind::Container, Some("gone"))),
        "container name: plugin gone is not installed"
    );
    assert_eq!(
        told(resource(ResourceKind::Image, Some("light"))),
        "image name: plugin light runs another image"
    );
    assert_eq!(
        told(resource(ResourceKind::Network, None)),
        "network name: no plugin uses it"
    );
}

#[test]
fn what_becomes_of_an_orphan_is_serialised_under_its_name_of_before() {
    let found = judge(vec![resource(ResourceKind::Network, None)], &known(), MINIMUM_AGE);
    let written = serde_json::to_value(found.first().unwrap()).unwrap();
    assert_eq!(written["fate"], "due");
}

#[cfg(feature = "testing")]
mod with_an_engine {
    use hap_manifest::Manifest;

    use super::*;
    use crate::{
        engine::fake::FakeEngine,
        error::ErrorKind,
        supervisor::{Supervisor, options::ShutdownMode},
    };

    #[tokio::test(start_paused = true)]
    async fn a_record_that_cannot_be_read_keeps_its_plugins_container_data_and_images() {
        let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
        let open = || Supervisor::builder(engine.clone(), state.path()).start();
        let supervisor = open().await.unwrap();
        let manifest = r#"{"id":"light","name":"Light","version":"1.0.0","description":"d","author":"a",
            "image":"light:1","volumes":["/data"]}"#;
        let manifest = Manifest::from_json(manifest).unwrap().manifest;
        let light = supervisor.install(manifest).await.unwrap();
        light.start().await.unwrap();
        supervisor.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
        drop(supervisor);
        let database = state.path().join("hap.db");
        let connection = rusqlite::Connection::open(database).unwrap();
        connection
            .execute("UPDATE plugins SET manifest = '{'", [])
            .unwrap();
        drop(connection);

        let before = (engine.containers(), engine.volumes());
        let supervisor = open().await.unwrap();
        assert!(supervisor.plugins().is_empty());
        assert_eq!(supervisor.orphans().await.unwrap(), []);
        assert!(
            supervisor
                .sweep_orphans(Duration::ZERO)
                .await
                .unwrap()
                .removed
                .is_empty()
        );
        let refused = supervisor.remove_orphaned_data(light.id()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyInstalled);
        tokio::time::sleep(3 * MINIMUM_AGE).await;
        assert_eq!((engine.containers(), engine.volumes()), before);
    }
}

//! The image policy is passed by a local image.

use hap_host::{
    ErrorKind, Policy,
    engine::{Engine as _, EngineErrorKind},
};
use hap_manifest::{ImageRef, Manifest};
use hap_tests::docker::Instance;

use crate::{Operators, modest, supervisor};

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s03_a_local_image_does_not_count_as_one_of_the_registry_in_its_name() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let policy = Policy::default().allow_images("localhost:1/acme".parse().unwrap());
    let supervisor = supervisor(&instance, state.path(), policy).await;
    let tag = format!("localhost:1/acme/{}:1", instance.name());
    let posing = Operators::build(&instance, &tag, "FROM scratch\nCOPY file /file\n").await;
    let looked = instance.engine().image(&tag.parse().unwrap()).await.unwrap_err();
    assert_eq!(looked.kind(), EngineErrorKind::NotFound, "{looked}");
    // It is pulled instead, and nothing listens there.
    let error = supervisor.install(modest("posing", &tag)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Image, "{error}");
    assert!(supervisor.plugins().is_empty());
    posing.remove().await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s03_an_id_is_no_reference() {
    let instance = Instance::new().await.unwrap();
    let tag = format!("hap-tests-private-{}:1", instance.name());
    let private = Operators::build(&instance, &tag, "FROM scratch\nCOPY file /file\n").await;
    let id = private.id().await.unwrap();
    assert!(id.starts_with("sha256:"), "{id}");
    assert!(id.parse::<ImageRef>().is_err());
    for image in [id.as_str(), "sha384:abc", "sha512"] {
        assert!(
            Manifest::builder("light", "Light", "1.0.0", image)
                .build()
                .is_err(),
            "{image}"
        );
    }
    private.remove().await;
}

//! A package takes over an image name of the operator.

use hap_host::{
    PluginSource, Policy,
    engine::{Engine as _, ImageId, labels},
};
use hap_tests::docker::Instance;

use crate::{Operators, docker, folder, forget, modest, supervisor};

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s02_what_is_built_takes_no_name_of_the_operator_and_pruning_takes_none_away() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path(), Policy::default()).await;
    let tag = format!("hap-tests-postgres-{}:15", instance.name());
    let operators = Operators::build(&instance, &tag, "FROM scratch\nCOPY file /operators\n").await;
    let before = operators.id().await;

    let attack = folder(
        &modest("attack", &tag),
        "FROM scratch\nCOPY file /attackers\n",
        &[],
    );
    supervisor
        .install(PluginSource::folder(attack.path()))
        .await
        .unwrap();
    assert_eq!(
        operators.id().await,
        before,
        "the operator's name means the operator's image"
    );
    let ours = format!("hap/{}/attack:1.0.0", instance.name());
    let built = docker(&instance).inspect_image(&ours).await.unwrap();
    assert_eq!(built.repo_tags.unwrap(), std::slice::from_ref(&ours));

    forget(&supervisor, "attack").await;
    assert_eq!(operators.id().await, before);
    assert!(docker(&instance).inspect_image(&ours).await.is_err());
    operators.remove().await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s02_an_image_with_our_labels_keeps_the_name_that_its_operator_gave_it() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path(), Policy::default()).await;
    let tag = format!("hap-tests-labelled-{}:1", instance.name());
    let dockerfile = format!(
        "FROM scratch\nCOPY file /file\nLABEL {}={} {}=light {}={tag}\n",
        labels::IMAGE_INSTANCE,
        instance.name(),
        labels::IMAGE_PLUGIN,
        labels::IMAGE_TAG,
    );
    let operators = Operators::build(&instance, &tag, &dockerfile).await;
    let before = operators.id().await;
    assert_eq!(supervisor.orphans().await.unwrap(), []);
    let pruned = supervisor.prune_images().await.unwrap();
    assert!(pruned.removed.is_empty(), "{pruned:?}");
    assert_eq!(operators.id().await, before);
    assert_eq!(
        instance.engine().image(&tag.parse().unwrap()).await.ok(),
        before.map(ImageId::new)
    );
    operators.remove().await;
}

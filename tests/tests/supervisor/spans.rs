//! Which spans surround what a supervisor does.

use hap_host::{
    Phase,
    engine::{Exit, FakeEngine},
};
use hap_tests::spans::{Seen, Spans};
use tracing::Instrument as _;

use crate::{manifest, supervisor, until};

fn operations(spans: &Spans) -> Vec<(String, Vec<&'static str>)> {
    let seen = spans.named("engine operation").into_iter();
    let mut all: Vec<_> = seen
        .map(|mut seen| (seen.fields.remove("operation").unwrap(), seen.around))
        .collect();
    all.retain(|(operation, _)| operation != "look");
    all
}

// One thread, so that every task speaks to this test's subscriber.
#[tokio::test]
async fn what_a_call_brings_about_is_within_its_span_and_what_happens_by_itself_is_not() {
    let spans = Spans::default();
    let _default = tracing::subscriber::set_default(spans.subscriber());
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    let [installation] = &spans.named("installation")[..] else {
        panic!("one installation")
    };
    assert_eq!(installation.fields["plugin"], "light");
    light
        .start()
        .instrument(tracing::info_span!("the embedder's"))
        .await
        .unwrap();
    let around = vec!["the embedder's", "lifecycle call"];
    let made = ["create", "start"].map(|operation| (operation.to_owned(), around.clone()));
    assert_eq!(operations(&spans), made);
    let calls = spans.named("lifecycle call");
    let [Seen { fields, .. }] = &calls[..] else {
        panic!("{calls:?}")
    };
    assert_eq!((&fields["plugin"][..], &fields["call"][..]), ("light", "start"));

    engine.crash(light.id(), Exit::code(1));
    until(&light, |state| {
        state.restarts == 1 && state.phase == Phase::Healthy
    })
    .await;
    let last = operations(&spans).pop().unwrap();
    assert_eq!(last, ("start".to_owned(), Vec::new()), "nobody called for it");
    light.stop().await.unwrap();
    let last = operations(&spans).pop().unwrap();
    assert_eq!(last, ("stop".to_owned(), vec!["lifecycle call"]));
    // No task holds on to a span that is over.
    let ended = async {
        while !spans.named("lifecycle call").iter().all(|call| call.ended) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::DEADLINE, ended).await.unwrap();
}

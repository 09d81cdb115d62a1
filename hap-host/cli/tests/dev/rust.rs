//! A plugin that is built.

use super::*;

/// A first build takes its time.
const BUILD: Duration = Duration::from_secs(300);

#[test]
fn a_build_that_fails_is_told_and_the_one_of_before_runs_on() {
    let project = Project::new("rust");
    // The versions that this workspace is built with, which are there without a network.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    fs::copy(lock, project.path.join("Cargo.lock")).unwrap();
    let mut dev = project.dev(&[]);
    dev.sees("building");
    dev.sees_within("healthy at", BUILD);
    dev.say("ring times=2");
    dev.sees("event bell.rung {\"times\":2,\"volume\":50}");
    dev.sees("ok rang 2 times");
    project.edit(
        "src/bell.rs",
        "\"rang once\".to_owned()",
        "\"rang once\".to_owned",
    );
    dev.sees("changed: src/bell.rs");
    // Cargo's own words.
    dev.sees_within("error", BUILD);
    dev.sees_within("cargo did not build the program", BUILD);
    dev.say("ring");
    dev.sees("ok rang once");
    project.edit(
        "src/bell.rs",
        "\"rang once\".to_owned",
        "\"rang just once\".to_owned()",
    );
    dev.sees_within("healthy at", BUILD);
    dev.say("ring");
    dev.sees("ok rang just once");
    dev.signal("-INT");
    assert_eq!(dev.ends().0, Some(130));
    project.nothing_is_left();
}

//! The bridge keeps to the whole protocol, also while its broker is away.

use hap_conformance::{Declaration, Level, Weight, suite, target::Program};

#[tokio::test]
async fn the_bridge_conforms_in_full() {
    let here = env!("CARGO_MANIFEST_DIR");
    let report = suite(Program::new(env!("CARGO_BIN_EXE_bridge")))
        .level(Level::Full)
        .declaration(Declaration::from_folder(here).unwrap())
        .run()
        .await;
    assert!(report.is_success(), "{report}");
    assert_eq!(report.failures(Weight::Recommended).count(), 0, "{report}");
}

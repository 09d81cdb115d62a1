//! The light keeps to the whole protocol.

use hap_conformance::{Declaration, Level, suite, target::Program};

#[tokio::test]
async fn the_light_conforms_in_full() {
    let here = env!("CARGO_MANIFEST_DIR");
    let report = suite(Program::new(env!("CARGO_BIN_EXE_light")))
        .level(Level::Full)
        .declaration(Declaration::from_folder(here).unwrap())
        .run()
        .await;
    println!("{report}");
    assert!(report.is_success(), "{report}");
    let advice = report.failures(hap_conformance::Weight::Recommended);
    assert_eq!(advice.count(), 0, "{report}");
}

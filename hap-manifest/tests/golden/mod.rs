//! Files that hold what a test expects. `UPDATE_GOLDEN=1 cargo test -p hap-manifest` writes them anew.

use std::path::Path;

/// Compares with a file, given from the root of the crate.
#[track_caller]
pub(crate) fn check(path: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let written = std::fs::write(&file, actual);
        assert!(written.is_ok(), "cannot write {path}: {written:?}");
        return;
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        expected == actual,
        "{path} differs; look at this, and update it with UPDATE_GOLDEN=1\n{actual}"
    );
}

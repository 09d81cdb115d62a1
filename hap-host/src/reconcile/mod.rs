//! The law of a plugin's life: from what is wanted and what was seen to the next operation.
//!
//! Nothing here does I/O, reads a clock or draws a random number: time and the seed of the jitter come in as
//! values, so the same inputs give the same outputs and years of life fit into a test of a second. A test below
//! reads the sources of this folder to keep it so.
//!
//! The machine is level triggered. It compares what is wanted with what was seen last and names one operation
//! that brings the two closer; an event of the engine is only a hint to look again. Losing one delays, never
//! corrupts.

pub(crate) mod backoff;
pub(crate) mod dependencies;
mod dependency_gate;
pub(crate) mod drift;
pub(crate) mod machine;
pub(crate) mod probation;
pub(crate) mod spec;
mod watchdog;

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_in_this_folder_touches_the_world() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/reconcile");
        let forbidden = [
            "tokio::",
            "bollard",
            "reqwest",
            "Instant::now",
            "SystemTime",
            "async fn",
            ".await",
            "std::fs",
            "getrandom",
        ];
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().ends_with("_tests.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for word in forbidden {
                assert!(!code.contains(word), "{} contains {word}", path.display());
            }
        }
    }
}

//! Tells the author of a manifest everything that is wrong with it.
//!
//! ```text
//! cargo run -p hap-manifest --example check -- manifest.json
//! cargo run -p hap-manifest --example check -- --json manifest.json
//! ```
//!
//! With `--json` it writes the issues as a list for programs. It ends with 1 where there is anything to mend.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is there to tell")]

use std::process::ExitCode;

use hap_manifest::{Issue, Manifest, permission};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let Some(path) = arguments.iter().find(|argument| !argument.starts_with("--")) else {
        eprintln!("usage: check [--json] <manifest.json>");
        return ExitCode::from(2);
    };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("cannot read the manifest {path}: {error}");
            return ExitCode::from(2);
        }
    };
    // What is not UTF-8 is told by reading the bytes; to draw it, something has to stand there.
    let text = String::from_utf8_lossy(&bytes);
    let result = match std::str::from_utf8(&bytes) {
        Ok(text) => Manifest::from_json_strict(text),
        Err(_) => Manifest::from_slice(&bytes).map(|parsed| parsed.manifest),
    };
    let issues: &[Issue] = result.as_ref().err().map_or(&[], |error| error.issues());
    if json {
        println!("{}", serde_json::to_string_pretty(issues).unwrap_or_default());
    } else {
        issues
            .iter()
            .for_each(|issue| println!("{}", issue.render(&text)));
    }
    match result {
        Ok(manifest) => {
            if !json {
                println!("{} {} is good", manifest.id(), manifest.version());
                for permission in permission::requested(&manifest) {
                    println!("  it wants to {permission}");
                }
            }
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}

//! Packs the folder of a plugin into one file, and tells what is in it.
//!
//! ```text
//! cargo run -p hap-manifest --example pack -- examples/light light.zip
//! ```
//!
//! The same folder gives the same bytes.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is there to tell")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use hap_manifest::package::{PackError, PackOptions, PackageError, pack};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, file] = arguments.as_slice() else {
        eprintln!("usage: pack <folder> <file.zip>");
        return ExitCode::from(2);
    };
    match write(Path::new(folder), Path::new(file)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&*error);
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path, file: &Path) -> Result<(), Box<dyn Error>> {
    let package = pack(folder, &PackOptions::new())?;
    for warning in package.warnings() {
        eprintln!("{warning}");
    }
    for entry in package.entries() {
        println!("{:>9} B  {}  {}", entry.size(), entry.digest(), entry.name());
    }
    println!(
        "{:>9} B  {}  {}",
        package.size(),
        package.digest(),
        file.display()
    );
    std::fs::write(file, package.into_bytes())
        .map_err(|error| format!("cannot write the package to {}: {error}", file.display()))?;
    Ok(())
}

/// An error and its causes; a manifest's problems with the lines that they are about.
fn tell(error: &(dyn Error + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(PackError::Refused {
            source: PackageError::Manifest { source, text },
        }) = error.downcast_ref()
        {
            eprintln!("{}", source.render(text));
            return;
        }
        eprintln!("{error}");
        next = error.source();
    }
}

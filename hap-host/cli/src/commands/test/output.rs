use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::Args;
use hap_conformance::Report;

use crate::{
    disk::{self, Existing},
    failure::{Exit, Failure},
    signing::{SigningKey, sign_file},
};

/// Files that a report is written to.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// Writes the report as JUnit XML, which continuous integration shows
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Writes the report as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Signs the report with this secret key; the signature goes beside it, with .minisig at the end
    #[arg(long, value_name = "KEY", requires = "report")]
    sign: Option<PathBuf>,
}

/// The same files, after all was looked at that can be before the work.
#[derive(Debug)]
pub(super) struct Checked {
    junit: Option<PathBuf>,
    report: Option<PathBuf>,
    key: Option<SigningKey>,
}

impl Output {
    /// Refuses what could not be written at the end, before the work is done.
    pub(super) fn check(&self) -> Result<Checked, Failure> {
        for file in self.junit.iter().chain(&self.report) {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            if !folder.is_dir() {
                let message = format!(
                    "{} cannot be written: there is no folder {}",
                    file.display(),
                    folder.display()
                );
                return Err(Failure::new(Exit::Usage, "not_written", message).help("make the folder first"));
            }
            if file.is_dir() {
                let message = format!("{} cannot be written: it is a folder", file.display());
                return Err(Failure::new(Exit::Usage, "not_written", message).help("name a file"));
            }
            // Nobody wants the inputs of the suite, or a manifest, replaced by what came of them.
            if !is_replaceable(file) {
                let message = format!(
                    "{} cannot be written: a file of that name is there that is no report",
                    file.display()
                );
                return Err(Failure::new(Exit::Conflict, "already_there", message)
                    .help("name another file, or remove it first"));
            }
        }
        if let (Some(junit), Some(report)) = (&self.junit, &self.report)
            && junit == report
        {
            let message = format!("{} is named for both reports", junit.display());
            return Err(Failure::new(Exit::Usage, "not_written", message).help("name a file for each"));
        }
        Ok(Checked {
            key: self.sign.as_deref().map(SigningKey::open).transpose()?,
            junit: self.junit.clone(),
            report: self.report.clone(),
        })
    }
}

/// Whether there is nothing of that name that would be missed: no file, an empty one, an earlier report of either kind, or
/// something that is written to and not replaced, such as a pipe.
fn is_replaceable(file: &Path) -> bool {
    if !file.is_file() {
        return true;
    }
    let mut beginning = Vec::new();
    let read = File::open(file).and_then(|file| file.take(1024).read_to_end(&mut beginning));
    let text = String::from_utf8_lossy(&beginning);
    read.is_ok()
        && (text.is_empty()
            || text.contains("<testsuites")
            || ["\"format\":", "\"suite\":", "\"target\":"]
                .iter()
                .all(|key| text.contains(key)))
}

impl Checked {
    pub(super) fn write(&self, report: &Report) -> Result<(), Failure> {
        let write = |file: &Path, text: &str| {
            let text = format!("{}\n", text.trim_end());
            disk::write_whole(file, text.as_bytes(), Existing::Replace)
        };
        if let Some(file) = &self.junit {
            write(file, &report.to_junit())?;
        }
        if let Some(file) = &self.report {
            write(file, &report.to_json())?;
            if let Some(key) = &self.key {
                sign_file(file, key, &comment(report))?;
            }
        }
        Ok(())
    }
}

/// What the signature of a report says beside it: what was tested, and what came of it.
fn comment(report: &Report) -> String {
    let target = report.digest.as_deref().unwrap_or(&report.target);
    let plain: String = target.chars().filter(|c| !c.is_control()).take(200).collect();
    let conforms = if report.conformant { "yes" } else { "no" };
    format!("level:{}\tconformant:{conforms}\ttarget:{plain}", report.level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_replaces_an_earlier_one_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        let output = |junit: Option<&Path>| {
            let junit = junit.map(Path::to_owned);
            let report = Some(file.clone());
            let sign = None;
            Output { junit, report, sign }.check().map(|_| ())
        };
        assert!(output(None).is_ok());
        let report = r#"{"format": 1, "suite": "0.1.0", "target": "bell"}"#;
        for good in ["", report, "<?xml version=\"1.0\"?>\n<testsuites name=\"x\">"] {
            std::fs::write(&file, good).unwrap();
            assert!(output(None).is_ok(), "{good}");
        }
        for bad in [r#"{"commands": [{"command": "ring"}]}"#, "{}", "text", "\u{0}"] {
            std::fs::write(&file, bad).unwrap();
            assert_eq!(output(None).unwrap_err().exit(), Exit::Conflict, "{bad}");
        }
        std::fs::remove_file(&file).unwrap();
        assert_eq!(output(Some(&file)).unwrap_err().exit(), Exit::Usage);
    }
}

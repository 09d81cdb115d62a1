use std::{
    error::Error,
    fmt::Write as _,
    fs,
    io::{Cursor, Read as _},
    path::{Path, PathBuf},
};

use clap::Args;
use hap_manifest::package::{self, PackError, PackOptions, PackageError};
use serde_json::json;

use super::check::{Seen, look};
use crate::{
    disk::{self, Existing},
    elf::this_arch,
    failure::{Exit, Failure},
    lint::{self, Finding, Severity},
    signing::{SigningKey, sign_file, signature_of},
    terminal::{Console, Interrupt, harmless},
};

/// The rule about a program that is not built yet. It is advice to who writes, and leaves nothing to pack.
const NOT_BUILT: &str = "HAP309";
/// The rule about files that look like secrets.
const SECRET_FILE: &str = "HAP501";
/// Most names that are listed of what is left out.
const MOST_LISTED: usize = 8;

/// Packs a plugin into one file, after a check
///
/// The same files give the same bytes, on every machine. What .hapignore lists is left out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap package
    hap package ./bell -o bell.zip
    hap package ./bell --sign ~/.config/hap/key
    hap package ./bell --allow-secret tests/example.pem")]
pub(crate) struct Package {
    /// The plugin's folder
    #[arg(default_value = ".")]
    path: PathBuf,

    /// The file to write [default: ID-VERSION.zip in this folder]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replaces another package of that name
    #[arg(long)]
    force: bool,

    /// Signs the package with this key; the signature goes beside it
    ///
    /// `hap key new` makes one. `HAP_KEY_PASSWORD_FILE` or `HAP_KEY_PASSWORD` gives its password.
    #[arg(long, value_name = "KEYFILE")]
    sign: Option<PathBuf>,

    /// Packs this file although it looks like a secret
    #[arg(long, value_name = "NAME")]
    allow_secret: Vec<String>,

    /// Packs also what has errors, as far as it can be packed
    #[arg(long)]
    no_check: bool,
}

pub(super) type Packed = package::Package<Cursor<Vec<u8>>>;

impl Package {
    pub(crate) async fn run(self, console: &Console, interrupt: &Interrupt) -> Result<Exit, Failure> {
        // A key that does not open is told of before the work.
        let key = self.sign.as_deref().map(SigningKey::open).transpose()?;
        let folder = folder_of(&self.path)?;
        let (seen, packed) = interrupt.or(self.make(console, folder)).await??;
        let (id, version) = (
            packed.manifest().id().clone(),
            packed.manifest().version().clone(),
        );
        let path = self
            .output
            .unwrap_or_else(|| format!("{id}-{version}.zip").into());
        let (digest, size, files) = (packed.digest(), packed.size(), packed.entries().len());
        let bytes = packed.into_bytes();
        let is_same = write(&path, &bytes, self.force)?;
        let signature = match &key {
            Some(key) => {
                let arch = seen
                    .arch
                    .as_deref()
                    .map_or_else(String::new, |arch| format!(" arch:{arch}"));
                Some(sign_file(
                    &path,
                    key,
                    &format!("id:{id} version:{version}{arch}"),
                )?)
            }
            None => {
                warn_of_old_signature(console, &path, is_same);
                None
            }
        };
        let result = json!({
            "file": path,
            "id": id,
            "version": version,
            "digest": digest,
            "size": size,
            "files": files,
            "left_out": seen.left_out,
            "arch": seen.arch,
            "signature": signature,
            "key_id": key.as_ref().map(|key| key.public().id()),
        });
        let mut text = format!("{}\n", harmless(&path.display().to_string()));
        let mut line = |name: &str, value: String| {
            // A string takes everything.
            let _ = writeln!(text, "{name:<10}{}", harmless(&value));
        };
        line("id", format!("{id} {version}"));
        line("digest", digest.to_string());
        line("size", format!("{size} bytes, {files} files"));
        if let Some(arch) = &seen.arch {
            line("for", arch.clone());
        }
        if !seen.left_out.is_empty() {
            line("left out", listed(&seen.left_out));
        }
        if let (Some(key), Some(signature)) = (&key, &signature) {
            line(
                "signed",
                format!("by {}, {}", key.public().id(), signature.display()),
            );
        }
        console.result("package", &result, text.trim_end());
        Ok(Exit::Done)
    }

    /// Checks and packs.
    async fn make(&self, console: &Console, folder: PathBuf) -> Result<(Seen, Packed), Failure> {
        let progress = console.progress("checking");
        let seen = look(folder.clone(), this_arch().to_owned(), Vec::new()).await?;
        if let Some(finding) = seen.found.iter().find(|finding| finding.rule.id == NOT_BUILT) {
            return Err(Failure::new(Exit::Failed, "not_built", finding.message.clone())
                .help("run `hap build` first: it builds the program as a static binary and puts it there"));
        }
        if !self.no_check {
            self.judge(&seen)?;
        }
        let warnings = seen
            .found
            .iter()
            .filter(|finding| finding.severity == Severity::Warning)
            .count();
        if warnings > 0 {
            let text = format!("there are {warnings} warnings about it; `hap check` shows them");
            progress.aside(|| console.warning(text));
        }
        progress.say("packing");
        let mut options = PackOptions::new();
        for name in &self.allow_secret {
            options = options.allow_secret(name);
        }
        Ok((seen, pack(folder, options).await?))
    }

    /// Refuses what has errors.
    fn judge(&self, seen: &Seen) -> Result<(), Failure> {
        let is_allowed = |finding: &Finding| {
            let names = |name: &String| finding.file.as_ref() == Some(name);
            finding.rule.id == SECRET_FILE && self.allow_secret.iter().any(names)
        };
        let is_error = |finding: &&Finding| finding.severity == Severity::Error && !is_allowed(finding);
        let errors: Vec<_> = seen.found.iter().filter(is_error).collect();
        if errors.is_empty() {
            return Ok(());
        }
        let drawn: Vec<_> = errors.iter().map(|finding| finding.render()).collect();
        let details: Vec<_> = errors.iter().map(|finding| finding.to_json(true)).collect();
        let count = match errors.len() {
            1 => "there is an error".to_owned(),
            count => format!("there are {count} errors"),
        };
        let message = format!(
            "nothing is packed, since {count} in it\n\n{}",
            drawn.join("\n").trim_end()
        );
        Err(Failure::new(Exit::Failed, "findings", message)
            .help(
                "`hap check` shows warnings and advice too; --no-check packs what can be packed all the same",
            )
            .details(json!({"findings": details})))
    }
}

/// Packs the folder of a plugin.
pub(super) async fn pack(folder: PathBuf, options: PackOptions) -> Result<Packed, Failure> {
    tokio::task::spawn_blocking(move || package::pack(&folder, &options))
        .await
        .map_err(|error| Failure::new(Exit::Failed, "not_packed", error.to_string()))?
        .map_err(|error| refused(&error))
}

/// The folder that is meant: itself, or that of the manifest.
fn folder_of(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |text: String| {
        Failure::new(Exit::NotFound, "no_such_folder", text).help("name the folder of a plugin")
    };
    let whole = fs::canonicalize(path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    if whole.is_dir() {
        return Ok(whole);
    }
    match (whole.file_name(), whole.parent()) {
        (Some(name), Some(folder)) if name == lint::MANIFEST => Ok(folder.to_owned()),
        _ => Err(failed(format!("{} is no folder", path.display()))),
    }
}

/// Writes the package, unless it is there already. Returns whether it was.
fn write(path: &Path, bytes: &[u8], may_replace: bool) -> Result<bool, Failure> {
    if is_same(path, bytes) {
        return Ok(true);
    }
    let existing = if may_replace {
        Existing::Replace
    } else {
        Existing::Keep
    };
    disk::write_whole(path, bytes, existing)
        .map(|()| false)
        .map_err(|failure| {
            if failure.exit() != Exit::Conflict {
                return failure;
            }
            let message = format!("{} is there already, with another content", path.display());
            Failure::new(Exit::Conflict, "already_there", message)
                .help("raise `version` in the manifest if it was published; else replace it with --force")
        })
}

fn is_same(path: &Path, bytes: &[u8]) -> bool {
    let most = u64::try_from(bytes.len()).unwrap_or(u64::MAX).saturating_add(1);
    let mut there = Vec::new();
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file
        && fs::File::open(path).is_ok_and(|file| file.take(most).read_to_end(&mut there).is_ok())
        && there == bytes
}

/// A signature that is left of another package makes hosts call the new one modified.
fn warn_of_old_signature(console: &Console, path: &Path, is_same: bool) {
    let signature = signature_of(path);
    if !is_same && signature.exists() {
        let name = signature.display();
        console.warning(format_args!(
            "{name} is of another package: sign again with --sign, or remove it"
        ));
    }
}

/// Why the packer refused, with all causes.
fn refused(error: &PackError) -> Failure {
    if let PackError::Refused {
        source: PackageError::Manifest { source, text },
    } = error
    {
        let message = format!("the manifest is not valid\n\n{}", source.render(text).trim_end());
        return Failure::new(Exit::Failed, "invalid_manifest", message)
            .help("`hap check` lists all that is wrong with a plugin at once");
    }
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // A string takes everything.
        let _ = write!(message, ": {error}");
        cause = error.source();
    }
    Failure::new(Exit::Failed, "not_packed", harmless(&message))
        .help("`hap check` lists all that is wrong with a plugin at once")
}

fn listed(names: &[String]) -> String {
    let mut text = names
        .iter()
        .take(MOST_LISTED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more) = names.len().checked_sub(MOST_LISTED).filter(|more| *more > 0) {
        let _ = write!(text, " and {more} more");
    }
    text
}

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufReader, Read as _},
    path::{Path, PathBuf},
};

use clap::Args;
use hap_manifest::{
    Issue, Manifest,
    package::{Digest, MANIFEST, Package, PackageError, PackageSignature},
    permission::Consent,
};
use serde_json::json;

use crate::{
    failure::{Exit, Failure},
    project::Project,
    signing::signature_of,
    terminal::{Console, harmless},
};

/// Most files of a package that are listed for people.
const MOST_FILES: usize = 40;

/// Shows what a plugin is, what it asks for and what it can be told
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap describe
    hap describe ./bell
    hap describe bell-1.0.0.zip
    hap --json describe ./bell")]
pub(crate) struct Describe {
    /// The plugin's folder, or a package
    #[arg(default_value = ".")]
    path: PathBuf,
}

/// What is known of a package besides its manifest.
#[derive(Debug)]
struct Packed {
    manifest: Manifest,
    warnings: Vec<Issue>,
    digest: Digest,
    size: u64,
    /// Each file with its size.
    files: Vec<(String, u64)>,
    /// The number of the key that the signature beside it names, or why that cannot be read.
    signature: Option<Result<String, String>>,
}

impl Describe {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let is_package = self.path.is_file() && self.path.file_name().is_none_or(|name| name != MANIFEST);
        if is_package {
            // On a thread of its own: a large one takes its time, and Ctrl-C is to be heard meanwhile.
            let packed = tokio::task::spawn_blocking(move || open(&self.path))
                .await
                .map_err(|error| Failure::new(Exit::Failed, "unreadable", error.to_string()))??;
            return Ok(of_package(console, &packed));
        }
        let project = Project::open(&self.path)?;
        let manifest = project.manifest();
        warn(console, project.warnings());
        let consent = Consent::new(manifest);
        let result = json!({"manifest": manifest, "consent": consent});
        let text = format!("{}{}", consent, rest(manifest));
        console.result("describe", &result, harmless(text.trim_end()));
        Ok(Exit::Done)
    }
}

fn warn(console: &Console, warnings: &[Issue]) {
    for warning in warnings {
        console.warning(harmless(warning.message()));
    }
}

fn of_package(console: &Console, packed: &Packed) -> Exit {
    let manifest = &packed.manifest;
    warn(console, &packed.warnings);
    let consent = Consent::new(manifest);
    let files = packed
        .files
        .iter()
        .map(|(name, size)| json!({"name": name, "size": size}));
    let result = json!({
        "manifest": manifest,
        "consent": consent,
        "package": {
            "digest": packed.digest,
            "size": packed.size,
            "files": files.collect::<Vec<_>>(),
            "signed_by": packed.signature.as_ref().and_then(|signature| signature.as_ref().ok()),
        },
    });
    let mut text = format!("{}{}\n", consent, rest(manifest).trim_end());
    let mut line = |name: &str, value: &str| {
        // A string takes everything.
        let _ = writeln!(text, "{name:<12}{value}");
    };
    line("digest", &packed.digest.to_string());
    line(
        "size",
        &format!("{} bytes, {} files", packed.size, packed.files.len()),
    );
    match &packed.signature {
        None => line("signed", "no: there is no signature beside it"),
        Some(Ok(key)) => line(
            "signed",
            &format!("as it says by the key {key}; a host that trusts that key verifies it"),
        ),
        Some(Err(why)) => line(
            "signed",
            &format!("the signature beside it cannot be read: {why}"),
        ),
    }
    line("files", "");
    for (name, size) in packed.files.iter().take(MOST_FILES) {
        line("", &format!("{size:>10}  {name}"));
    }
    if let Some(more) = packed
        .files
        .len()
        .checked_sub(MOST_FILES)
        .filter(|more| *more > 0)
    {
        line("", &format!("and {more} more; --json lists them"));
    }
    console.result("describe", &result, harmless(text.trim_end()));
    Exit::Done
}

fn open(path: &Path) -> Result<Packed, Failure> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| {
        let message = format!("{shown} cannot be read: {error}");
        Failure::new(Exit::NotFound, "no_such_file", message).help("name a package or the folder of a plugin")
    })?;
    let package = Package::open(BufReader::new(file)).map_err(|error| {
        let mut message = format!("{shown} is no package that a host takes: {error}");
        if let PackageError::Manifest { source, text } = &error {
            let _ = write!(message, "\n\n{}", source.render(text).trim_end());
        }
        Failure::new(Exit::Failed, "invalid_package", harmless(&message))
            .help("`hap check` says more; `hap package` makes packages")
    })?;
    let files = package.entries().iter();
    Ok(Packed {
        files: files
            .map(|entry| (entry.name().to_owned(), entry.size()))
            .collect(),
        manifest: package.manifest().clone(),
        warnings: package.warnings().to_vec(),
        digest: package.digest(),
        size: package.size(),
        signature: signature(path),
    })
}

/// What the signature beside a package says of itself.
fn signature(path: &Path) -> Option<Result<String, String>> {
    let file = match File::open(signature_of(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return Some(Err(error.to_string())),
    };
    let mut text = String::new();
    let most = u64::try_from(PackageSignature::MAX_BYTES).unwrap_or(u64::MAX);
    if let Err(error) = file.take(most + 1).read_to_string(&mut text) {
        return Some(Err(error.to_string()));
    }
    let signature = text.parse::<PackageSignature>();
    Some(
        signature
            .map(|signature| signature.key_id())
            .map_err(|error| error.to_string()),
    )
}

/// What a person who installs it is not asked about.
fn rest(manifest: &Manifest) -> String {
    let mut text = String::from("\n");
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            // A string takes everything.
            let _ = writeln!(text, "{name:<12}{value}");
        }
    };
    line("about", manifest.description().to_owned());
    line("author", manifest.author().to_owned());
    line("image", manifest.image().to_string());
    line("port", manifest.api_port().to_string());
    line(
        "endpoints",
        format!(
            "GET {}, POST {}, GET {}, POST {}",
            manifest.health_check_path(),
            manifest.command_endpoint(),
            manifest.status_endpoint(),
            manifest.config_endpoint()
        ),
    );
    let needs: Vec<_> = manifest.depends_on().iter().map(ToString::to_string).collect();
    line("needs", needs.join(", "));
    let properties = manifest
        .config_schema()
        .and_then(|schema| schema.get("properties"));
    let settings: Vec<_> = properties
        .and_then(|properties| properties.as_object())
        .into_iter()
        .flat_map(|properties| properties.keys().map(String::as_str))
        .collect();
    line("settings", settings.join(", "));
    text
}

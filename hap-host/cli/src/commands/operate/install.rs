use std::{
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use hap_host::client::{Client, InstallOptions, Package, ProgressView, Review, UpdateOptions};
use hap_manifest::{PluginId, package::PackOptions};
use serde_json::json;

use super::{
    ps::bytes,
    reach::{Reach, failure},
};
use crate::{
    build::program_for_image,
    commands::package::pack,
    engine::Recipe,
    failure::{Exit, Failure},
    project::Project,
    terminal::{Console, Progress, harmless},
};

/// Most bytes of a package that are read; a host takes no more.
const MOST: u64 = 1 << 30;

/// Installs a plugin from its package or from its folder
///
/// A folder is built and packed first. What the plugin asks for is shown and granted on a terminal, or by --grant. It does not
/// run yet: `hap start` starts it, or --start does.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap install light-0.1.0.zip
    hap install ./light --start
    hap install light-0.1.0.zip --grant network --grant device:/dev/ttyUSB0")]
pub(crate) struct Install {
    /// The package, or the plugin's folder
    #[arg(value_name = "FILE|FOLDER")]
    path: PathBuf,

    /// Starts it, and waits until it is healthy
    #[arg(long)]
    start: bool,

    /// Gives it the data that an earlier plugin of its id left
    #[arg(long)]
    adopt_data: bool,

    #[command(flatten)]
    consent: Consent,

    #[command(flatten)]
    reach: Reach,
}

/// What is granted.
#[derive(Debug, Args)]
struct Consent {
    /// Grants a permission that it asks for
    #[arg(long, value_name = "PERMISSION")]
    grant: Vec<String>,

    /// Grants everything that it asks for
    #[arg(long)]
    grant_all: bool,
}

impl Install {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        // A host that is away is told before anything is built.
        client.get_health().await.map_err(|error| failure(&error))?;
        let package = packed(&self.path, console).await?;
        let line = format!("hap install {}", self.path.display());
        let mut options = InstallOptions::default();
        options.grants = self.consent.ask(&client, &package, &line, console).await?;
        options.grant_all = self.consent.grant_all;
        options.adopt_data = self.adopt_data;
        let progress = console.progress("installing");
        let installed = client
            .install_plugin(package, options, |step| say(&progress, &step))
            .await;
        drop(progress);
        let installed = installed.map_err(|error| failure(&error))?;
        let (id, version) = (&installed.id, installed.manifest.version());
        let mut state = None;
        if self.start {
            let progress = console.progress(format!("starting {id}"));
            let started = client.start_plugin(id).await;
            drop(progress);
            state = Some(started.map_err(|error| failure(&error))?);
        }
        let text = match &state {
            Some(state) => format!("{id} {version} is installed and {}", harmless(&state.phase)),
            None => format!("{id} {version} is installed; hap start {id} starts it"),
        };
        let result = json!({ "id": id, "version": version, "plugin": installed, "state": state });
        console.result("install", &result, text);
        Ok(Exit::Done)
    }
}

/// Brings a plugin to another version, and waits until that has proven itself
///
/// Otherwise the version before, its settings and its data come back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap update light light-0.2.0.zip
    hap update light ./light --allow-same-version")]
pub(crate) struct Update {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    /// The package of the other version, or the plugin's folder
    #[arg(value_name = "FILE|FOLDER")]
    path: PathBuf,

    /// Takes a version that is lower than the one that it has too
    #[arg(long)]
    allow_downgrade: bool,

    /// Takes the version that it has too, for a rebuild of it
    #[arg(long)]
    allow_same_version: bool,

    /// Leaves out the copy of its data: a version that fails leaves behind what it wrote
    #[arg(long)]
    without_snapshot: bool,

    /// Lets this publisher go on with the plugin of another one, as the refusal names it
    #[arg(long, value_name = "PUBLISHER")]
    accept_publisher: Option<String>,

    #[command(flatten)]
    consent: Consent,

    #[command(flatten)]
    reach: Reach,
}

impl Update {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        client
            .get_plugin(&self.plugin)
            .await
            .map_err(|error| failure(&error))?;
        let package = packed(&self.path, console).await?;
        let line = format!("hap update {} {}", self.plugin, self.path.display());
        let mut options = UpdateOptions::default();
        options.grants = self.consent.ask(&client, &package, &line, console).await?;
        options.grant_all = self.consent.grant_all;
        options.allow_downgrade = self.allow_downgrade;
        options.allow_same_version = self.allow_same_version;
        options.without_snapshot = self.without_snapshot;
        options.accept_publisher = self.accept_publisher;
        let progress = console.progress("updating");
        let updated = client
            .update_plugin(&self.plugin, package, options, |step| say(&progress, &step))
            .await;
        drop(progress);
        let updated = updated.map_err(|error| failure(&error))?;
        let text = format!(
            "{} is {} now, and {}; hap rollback {} goes back to {}",
            self.plugin,
            harmless(&updated.outcome.to),
            harmless(&updated.state.phase),
            self.plugin,
            harmless(&updated.outcome.from)
        );
        console.result(
            "update",
            &serde_json::to_value(&updated).unwrap_or_default(),
            text,
        );
        Ok(Exit::Done)
    }
}

impl Consent {
    /// Returns what is granted, or fails with the command that grants what is missing. On a terminal it is asked for.
    async fn ask(
        &self,
        client: &Client,
        package: &Package,
        line: &str,
        console: &Console,
    ) -> Result<Vec<String>, Failure> {
        if self.grant_all {
            return Ok(Vec::new());
        }
        let review = client
            .review_manifest(package.clone(), &self.grant)
            .await
            .map_err(|error| failure(&error))?;
        for warning in &review.warnings {
            console.warning(warning);
        }
        let (missing, forbidden) = split(&review);
        if missing.is_empty() && forbidden.is_empty() {
            return Ok(self.grant.clone());
        }
        let mut grants = self.grant.clone();
        grants.extend(missing);
        let can_ask = forbidden.is_empty()
            && !console.is_json()
            && io::stdin().is_terminal()
            && io::stderr().is_terminal();
        if can_ask && agreed(&review)? {
            return Ok(grants);
        }
        let why: Vec<_> = review
            .refusals
            .iter()
            .map(|refusal| harmless(&refusal.text))
            .collect();
        let message = format!(
            "{} is not permitted: it {}",
            review.consent.plugin,
            why.join("; it ")
        );
        let details = json!({ "refusals": review.refusals, "asked": review.consent });
        let refused = Failure::new(Exit::Refused, "not_permitted", message).details(details);
        Err(if forbidden.is_empty() {
            let flags: Vec<_> = grants.iter().map(|grant| format!("--grant {grant}")).collect();
            refused.help(harmless(&format!("{line} {}", flags.join(" "))))
        } else {
            refused.help("the host's policy decides that, and no grant changes it")
        })
    }
}

/// What stands against it: the grants that are missing, and what no grant changes.
fn split(review: &Review) -> (Vec<String>, Vec<&str>) {
    let mut missing = Vec::new();
    let mut forbidden = Vec::new();
    for refusal in &review.refusals {
        match &refusal.grantable {
            Some(grant) => missing.push(grant.clone()),
            None => forbidden.push(refusal.text.as_str()),
        }
    }
    (missing, forbidden)
}

fn agreed(review: &Review) -> Result<bool, Failure> {
    let unreadable = |error: io::Error| {
        Failure::new(
            Exit::Refused,
            "no_answer",
            format!("the answer cannot be read: {error}"),
        )
    };
    let mut terminal = io::stderr().lock();
    // Whoever does not see the question cannot agree.
    write!(
        terminal,
        "{}\nGrant all of this? [y/N] ",
        harmless(review.text.trim_end())
    )
    .and_then(|()| terminal.flush())
    .map_err(unreadable)?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .take(64)
        .read_line(&mut answer)
        .map_err(unreadable)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The bytes of a package: of a file, or of a folder that is built and packed.
async fn packed(path: &Path, console: &Console) -> Result<Package, Failure> {
    if !path.is_dir() {
        return file(path).map(Package::from);
    }
    let project = Project::open(path)?;
    // What its Dockerfile may do here is the host's to say.
    if let Ok(recipe) = Recipe::of_folder(&project, &[]) {
        program_for_image(&project, &recipe, None).await?;
    }
    let progress = console.progress("packing");
    let packed = pack(project.folder().to_owned(), PackOptions::new()).await?;
    drop(progress);
    Ok(packed.into_bytes().into())
}

fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| {
        Failure::new(
            Exit::NotFound,
            "unreadable",
            format!("{} cannot be read: {error}", path.display()),
        )
        .help("name a package, such as light-0.1.0.zip, or the folder of a plugin")
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).map_err(failed)?;
    opened.take(MOST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST {
        let message = format!("{} has more than a GiB, and no host takes that", path.display());
        return Err(Failure::new(Exit::Failed, "too_large", message));
    }
    Ok(bytes)
}

fn say(progress: &Progress, step: &ProgressView) {
    match step {
        ProgressView::Stage { stage } => progress.say(harmless(stage)),
        ProgressView::Step { text } => progress.say(harmless(text)),
        ProgressView::Bytes { done, total } if *total > 0 => {
            progress.say(format!("{} of {}", bytes(*done), bytes(*total)));
        }
        _ => {}
    }
}

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;
use hap_manifest::{Manifest, permission::Consent};
use serde_json::json;

use crate::{
    failure::{Exit, Failure},
    project::Project,
    terminal::Console,
};

/// Shows what a plugin is, what it asks for and what it can be told
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap describe
    hap describe ./bell
    hap --json describe ./bell")]
pub(crate) struct Describe {
    /// The plugin's folder
    #[arg(default_value = ".")]
    path: PathBuf,
}

impl Describe {
    pub(crate) fn run(self, console: &Console) -> Result<Exit, Failure> {
        let project = Project::open(&self.path)?;
        let manifest = project.manifest();
        for warning in project.warnings() {
            console.warning(warning.message());
        }
        let consent = Consent::new(manifest);
        let result = json!({"manifest": manifest, "consent": consent});
        let text = format!("{}{}", consent, rest(manifest));
        console.result("describe", &result, text.trim_end());
        Ok(Exit::Done)
    }
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

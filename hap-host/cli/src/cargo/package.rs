use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::failure::{Exit, Failure};

/// The crate in a plugin's folder, and the program of it that is the plugin.
#[derive(Debug)]
pub(crate) struct RustPlugin {
    pub(super) folder: PathBuf,
    /// The name of its program.
    pub(super) binary: String,
    /// Whether its workspace has a profile for small programs.
    pub(super) has_small: bool,
}

impl RustPlugin {
    /// Asks cargo about the crate in this folder. `id` is the plugin's, which tells its program from others.
    pub(crate) async fn of(folder: &Path, id: &str) -> Result<Self, Failure> {
        let arguments = ["metadata", "--no-deps", "--format-version", "1"];
        let asked = Command::new("cargo")
            .args(arguments)
            .current_dir(folder)
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| no_cargo(&error))?;
        if !asked.status.success() {
            let words = String::from_utf8_lossy(&asked.stderr);
            let words = words.trim().trim_start_matches("error: ");
            let message = format!("cargo cannot read the crate in {}: {words}", folder.display());
            return Err(Failure::new(Exit::Failed, "bad_crate", message).help("mend its Cargo.toml"));
        }
        let told: Value = serde_json::from_slice(&asked.stdout).unwrap_or_default();
        let own = folder.join("Cargo.toml");
        let packages = told.get("packages").and_then(Value::as_array);
        let is_own = |package: &&Value| {
            let path = package.get("manifest_path").and_then(Value::as_str);
            path.is_some_and(|path| Path::new(path) == own)
        };
        let package = packages.into_iter().flatten().find(is_own).ok_or_else(|| {
            let message = format!("{} is a workspace and no crate", own.display());
            Failure::new(Exit::Failed, "no_program", message)
                .help("name the folder of the plugin's own crate")
        })?;
        let root = told.get("workspace_root").and_then(Value::as_str);
        let root = root.map_or_else(|| own.clone(), |root| Path::new(root).join("Cargo.toml"));
        Ok(Self {
            folder: folder.to_owned(),
            binary: program(package, id)?,
            has_small: has_small(&std::fs::read_to_string(root).unwrap_or_default()),
        })
    }
}

pub(super) fn no_cargo(error: &std::io::Error) -> Failure {
    let message = format!("cargo, which builds plugins in Rust, cannot be started: {error}");
    Failure::new(Exit::Unreachable, "no_cargo", message).help("install Rust: https://rustup.rs")
}

/// The program of a package that is the plugin.
fn program(package: &Value, id: &str) -> Result<String, Failure> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_program = |target: &&Value| {
        let kinds = target.get("kind").and_then(Value::as_array);
        kinds.into_iter().flatten().any(|kind| kind == "bin")
    };
    let targets = package.get("targets").and_then(Value::as_array);
    let targets = targets.into_iter().flatten().filter(is_program);
    let programs: Vec<_> = targets.map(|target| text(target.get("name"))).collect();
    let name = text(package.get("name"));
    if let [only] = programs.as_slice() {
        return Ok(only.clone());
    }
    for wanted in [text(package.get("default_run")), id.to_owned(), name.clone()] {
        if programs.contains(&wanted) {
            return Ok(wanted);
        }
    }
    let (message, help) = if programs.is_empty() {
        let message = format!("the crate {name} has no program");
        (message, "a plugin has a src/main.rs")
    } else {
        let programs = programs.join(", ");
        let message =
            format!("the crate {name} has several programs, and none is named for the plugin: {programs}");
        (message, "say which it is in Cargo.toml: default-run = \"NAME\"")
    };
    Err(Failure::new(Exit::Failed, "no_program", message).help(help))
}

fn has_small(cargo_toml: &str) -> bool {
    cargo_toml.lines().any(|line| line.trim() == "[profile.small]")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(programs: &[&str], default_run: Option<&str>) -> Value {
        let mut targets = vec![json!({"name": "lib", "kind": ["lib"]})];
        targets.extend(programs.iter().map(|name| json!({"name": name, "kind": ["bin"]})));
        json!({"name": "bell-crate", "targets": targets, "default_run": default_run})
    }

    #[test]
    fn the_program_of_a_crate_is_its_only_one_or_the_one_that_is_named_for_it() {
        let chosen = |programs: &[&str], run| program(&package(programs, run), "bell").unwrap();
        assert_eq!(chosen(&["anything"], None), "anything");
        assert_eq!(chosen(&["tool", "bell"], None), "bell");
        assert_eq!(chosen(&["tool", "bell-crate"], None), "bell-crate");
        assert_eq!(chosen(&["tool", "bell"], Some("tool")), "tool");
    }

    #[test]
    fn a_crate_without_a_program_or_with_several_is_refused_with_what_to_do() {
        let refused = |programs: &[&str]| program(&package(programs, None), "bell").unwrap_err();
        assert!(refused(&[]).help_text().unwrap().contains("src/main.rs"));
        let several = refused(&["a", "b"]);
        assert!(several.to_string().contains("a, b"), "{several}");
        assert!(several.help_text().unwrap().contains("default-run"));
    }

    #[test]
    fn the_profile_is_found_by_its_heading() {
        assert!(has_small(
            "[package]\n\n[profile.small]\ninherits = \"release\"\n"
        ));
        assert!(!has_small("# [profile.small]\n[profile.smaller]\n"));
    }
}

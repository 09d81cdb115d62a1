use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;
use hap_manifest::{ImageRef, Manifest, PluginId};
use serde_json::{Value, json};

use crate::{
    failure::{Exit, Failure},
    project::Language,
    template::{Names, files},
    terminal::Console,
};

/// Makes a plugin to begin with: program, tests, manifest, Dockerfile
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap new bell
    hap new porch-light --lang python
    hap new porch-light --lang node --path ./plugins/porch-light
    hap new bell --lang python --base python:3-alpine")]
pub(crate) struct New {
    /// The plugin's id: a-z, 0-9 and `-`, such as `porch-light`
    name: String,

    /// What it is written in
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    lang: Language,

    /// The folder to make, in place of NAME in this one
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,

    /// Who makes it [default: the name that git knows, or that of the user]
    #[arg(long, value_name = "TEXT")]
    author: Option<String>,

    /// The image that its image is built on, where it is no Rust
    #[arg(long, value_name = "IMAGE")]
    base: Option<String>,

    /// The folder of the crate hap-plugin, in place of the one beside this `hap`
    #[arg(long, value_name = "FOLDER")]
    hap_plugin: Option<PathBuf>,
}

impl New {
    pub(crate) fn run(self, console: &Console) -> Result<Exit, Failure> {
        let id = plugin_id(&self.name)?;
        if self.lang == Language::Rust {
            package_name(&id)?;
        }
        let base = self.base(console)?;
        let source = source(self.hap_plugin.as_deref())?;
        let folder = self.path.clone().unwrap_or_else(|| PathBuf::from(id.as_str()));
        let author = self.author()?;
        let names = Names::new(id.clone(), author, base, source);
        let files: Vec<_> = files(self.lang)
            .iter()
            .map(|file| (file.path, names.put_into(file.text)))
            .collect();
        write(&folder, &files)?;

        let shown = folder.display();
        let paths: Vec<_> = files.iter().map(|(path, _)| path).collect();
        let result = json!({"id": id, "folder": folder, "language": self.lang.name(), "files": paths});
        let text = format!(
            "Made the plugin {id} in {shown}. Now:\n\
             \n    cd {shown}\
             \n    hap dev       runs it here, without a container\
             \n    hap test .    tries whether it keeps to the protocol\
             \n    hap run       builds its image and runs it in a container"
        );
        console.result("new", &result, text);
        Ok(Exit::Done)
    }

    /// The author as the manifest has it, without the quotes.
    fn author(&self) -> Result<String, Failure> {
        let fits = |author: &String| {
            let manifest = Manifest::builder("plugin", "Plugin", "0.1.0", "plugin").author(author);
            !author.trim().is_empty() && manifest.build().is_ok()
        };
        let author = match &self.author {
            Some(author) if fits(author) => author.clone(),
            Some(author) => {
                let message = format!("--author {author:?} cannot stand in a manifest");
                return Err(Failure::new(Exit::Usage, "invalid_author", message)
                    .help("write one line of at most 255 characters that can be seen"));
            }
            None => [git_name(), env::var("USER").ok()]
                .into_iter()
                .flatten()
                .find(fits)
                .unwrap_or_else(|| "unknown".to_owned()),
        };
        let text = Value::String(author).to_string();
        let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        Ok(bare.unwrap_or_default().to_owned())
    }

    /// The base image that was named, or that of the language.
    fn base(&self, console: &Console) -> Result<String, Failure> {
        let Some(base) = &self.base else {
            return Ok(self.lang.base_image().to_owned());
        };
        if self.lang == Language::Rust {
            console.warning("--base says nothing for Rust: the image holds the static binary alone");
        }
        match base.parse::<ImageRef>() {
            Ok(image) => Ok(image.to_string()),
            Err(error) => Err(Failure::new(
                Exit::Usage,
                "invalid_image",
                format!("--base {base:?} is no name of an image: {error}"),
            )
            .help("name it as for `docker pull`, such as --base python:3-slim")),
        }
    }
}

/// The name that git puts into commits.
fn git_name() -> Option<String> {
    let asked = Command::new("git")
        .args(["config", "--get", "user.name"])
        .output();
    let name = String::from_utf8(asked.ok()?.stdout).ok()?;
    Some(name.trim().to_owned())
}

fn plugin_id(name: &str) -> Result<PluginId, Failure> {
    PluginId::new(name).map_err(|error| {
        Failure::new(Exit::Usage, "invalid_id", error.to_string())
            .help("an id is 1 to 63 of a-z, 0-9 and '-', since it names containers and folders too")
    })
}

/// A Rust package and its binary have the plugin's id for a name, and not every id is one.
fn package_name(id: &PluginId) -> Result<(), Failure> {
    // What cargo refuses.
    const RESERVED: [&str; 56] = [
        "abstract",
        "as",
        "async",
        "await",
        "become",
        "box",
        "break",
        "build",
        "const",
        "continue",
        "crate",
        "deps",
        "do",
        "dyn",
        "else",
        "enum",
        "examples",
        "extern",
        "false",
        "final",
        "fn",
        "for",
        "if",
        "impl",
        "in",
        "incremental",
        "let",
        "loop",
        "macro",
        "match",
        "mod",
        "move",
        "mut",
        "override",
        "priv",
        "pub",
        "ref",
        "return",
        "self",
        "static",
        "struct",
        "super",
        "test",
        "trait",
        "true",
        "try",
        "type",
        "typeof",
        "unsafe",
        "unsized",
        "use",
        "virtual",
        "where",
        "while",
        "yield",
        "gen",
    ];
    let name = id.as_str();
    let why = if name.starts_with(|first: char| first.is_ascii_digit()) {
        "a Rust package begins with a letter"
    } else if RESERVED.contains(&name) {
        "Rust has another meaning for that word"
    } else {
        return Ok(());
    };
    let message = format!("{name:?} cannot be the name of a plugin in Rust: {why}");
    Err(Failure::new(Exit::Usage, "invalid_id", message).help(format!("try plugin-{name}")))
}

/// Where the crate hap-plugin is, as `Cargo.toml` has it: the folder that was named, the one of the checkout that this
/// program was built from, or a registry.
fn source(named: Option<&Path>) -> Result<String, Failure> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hap-plugin");
    let folder = match named {
        Some(folder) => folder,
        None if here.join("Cargo.toml").is_file() => &here,
        None => return Ok(format!("version = \"{}\"", env!("CARGO_PKG_VERSION"))),
    };
    let refuse = |why: &str| {
        let message = format!("{} is not the folder of hap-plugin: {why}", folder.display());
        Failure::new(Exit::NotFound, "no_hap_plugin", message)
            .help("name the folder hap-plugin of a checkout of hap: --hap-plugin <checkout>/hap-plugin")
    };
    let text = fs::read_to_string(folder.join("Cargo.toml")).map_err(|error| refuse(&error.to_string()))?;
    if !text.contains("name = \"hap-plugin\"") {
        return Err(refuse("its Cargo.toml is another package's"));
    }
    let folder = fs::canonicalize(folder).map_err(|error| refuse(&error.to_string()))?;
    match folder.to_str() {
        Some(path) if !path.contains(char::is_control) => {
            let path = path.replace('\\', "\\\\").replace('"', "\\\"");
            Ok(format!("path = \"{path}\""))
        }
        _ => Err(refuse("its path cannot be written in Cargo.toml")),
    }
}

/// Writes all files into a folder that is not there yet or is empty, or none at all.
fn write(folder: &Path, files: &[(&str, String)]) -> Result<(), Failure> {
    let failed = |path: &Path, error: &io::Error| {
        let message = format!("{} cannot be made: {error}", path.display());
        Failure::new(Exit::Failed, "not_written", message).help("another folder can be named with --path")
    };
    let is_new = match fs::read_dir(folder) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                let message = format!("{} is there already, and is not empty", folder.display());
                return Err(Failure::new(Exit::Conflict, "folder_exists", message)
                    .help("choose another name, or name an empty folder with --path"));
            }
            false
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
            true
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let message = format!("{} is there already, and is no folder", folder.display());
            return Err(Failure::new(Exit::Conflict, "folder_exists", message)
                .help("choose another name, or name a folder with --path"));
        }
        Err(error) => return Err(failed(folder, &error)),
    };
    let written = files.iter().try_for_each(|(path, text)| {
        let path = folder.join(path);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&path, text))
            .map_err(|error| failed(&path, &error))
    });
    if written.is_err() {
        // Half a project would be in the way of the next try. That it cannot be removed is no better told.
        for (path, _) in files {
            let _ = fs::remove_file(folder.join(path));
            if let Some(parent) = Path::new(path).parent().filter(|parent| *parent != Path::new("")) {
                let _ = fs::remove_dir(folder.join(parent));
            }
        }
        if is_new {
            let _ = fs::remove_dir(folder);
        }
    }
    written
}

use std::{ffi::OsString, path::Path};

/// What a plugin's program is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// Rust, with hap-plugin
    Rust,
    /// Python, with its standard library alone
    Python,
    /// JavaScript for Node.js, without packages
    Node,
    /// A shell script, for busybox
    Shell,
}

/// A program and its arguments, to be started in the plugin's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
}

/// Files that tell the language, the usual ones first, and that are started by its interpreter.
const SOURCES: [(Language, &str); 11] = [
    (Language::Python, "plugin.py"),
    (Language::Python, "main.py"),
    (Language::Python, "app.py"),
    (Language::Node, "plugin.js"),
    (Language::Node, "plugin.mjs"),
    (Language::Node, "index.js"),
    (Language::Node, "index.mjs"),
    (Language::Node, "server.js"),
    (Language::Node, "app.js"),
    (Language::Shell, "plugin.sh"),
    (Language::Shell, "main.sh"),
];

impl Language {
    /// The image that the plugin's is built on, where nobody says another.
    pub(crate) const fn base_image(self) -> &'static str {
        match self {
            Self::Rust => "scratch",
            Self::Python => "python:3-slim",
            Self::Node => "node:22-slim",
            Self::Shell => "busybox:1",
        }
    }

    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Node => "node",
            Self::Shell => "shell",
        }
    }

    /// The language of the program in this folder, where its files tell it.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        if folder.join("Cargo.toml").is_file() {
            return Some(Self::Rust);
        }
        source(folder).map(|(language, _)| language)
    }

    /// How the program in this folder is started by hand.
    pub(crate) fn start(folder: &Path) -> Option<Start> {
        if folder.join("Cargo.toml").is_file() {
            let arguments = ["run", "--quiet"].map(OsString::from);
            return Some(Start {
                program: "cargo".into(),
                arguments: arguments.into(),
            });
        }
        let (language, file) = source(folder)?;
        let interpreter = match language {
            Self::Python => "python3",
            Self::Node => "node",
            Self::Rust | Self::Shell => "sh",
        };
        Some(Start {
            program: interpreter.into(),
            arguments: vec![file.into()],
        })
    }
}

fn source(folder: &Path) -> Option<(Language, &'static str)> {
    SOURCES.into_iter().find(|(_, file)| folder.join(file).is_file())
}

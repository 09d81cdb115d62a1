use crate::project::Language;

/// A file of a template: its path in the project, and its text with the names that are replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct File {
    pub(crate) path: &'static str,
    pub(crate) text: &'static str,
}

/// The text of a file of the folder `templates`. Some have other names there: cargo takes a folder with a `Cargo.toml` for
/// a package, and git would obey a `.gitignore`.
macro_rules! file {
    ($path:literal) => {
        file!($path, $path)
    };
    ($path:literal, $stored:literal) => {
        File {
            path: $path,
            text: include_str!(concat!("../../templates/", $stored)),
        }
    };
}

const CHANGELOG: File = file!("CHANGELOG.md", "common/CHANGELOG.md");
const INPUTS: File = file!("conformance.json", "common/conformance.json");
const MANIFEST: File = file!("manifest.json", "common/manifest.json");

const RUST: &[File] = &[
    file!("Cargo.toml", "rust/Cargo.toml.in"),
    file!("src/main.rs", "rust/src/main.rs"),
    file!("src/bell.rs", "rust/src/bell.rs"),
    file!("manifest.json", "rust/manifest.json"),
    file!("conformance.json", "rust/conformance.json"),
    file!("Dockerfile", "rust/Dockerfile"),
    file!(".dockerignore", "rust/dockerignore"),
    file!(".gitignore", "rust/gitignore"),
    file!(".hapignore", "rust/hapignore"),
    file!("README.md", "rust/README.md"),
    CHANGELOG,
];

const PYTHON: &[File] = &[
    file!("plugin.py", "python/plugin.py"),
    file!("hap.py", "python/hap.py"),
    file!("test_plugin.py", "python/test_plugin.py"),
    MANIFEST,
    INPUTS,
    file!("Dockerfile", "python/Dockerfile"),
    file!(".dockerignore", "python/dockerignore"),
    file!(".gitignore", "python/gitignore"),
    file!(".hapignore", "python/hapignore"),
    file!("README.md", "python/README.md"),
    CHANGELOG,
];

const NODE: &[File] = &[
    file!("plugin.mjs", "node/plugin.mjs"),
    file!("hap.mjs", "node/hap.mjs"),
    file!("plugin.test.mjs", "node/plugin.test.mjs"),
    MANIFEST,
    INPUTS,
    file!("Dockerfile", "node/Dockerfile"),
    file!(".dockerignore", "node/dockerignore"),
    file!(".gitignore", "node/gitignore"),
    file!(".hapignore", "node/hapignore"),
    file!("README.md", "node/README.md"),
    CHANGELOG,
];

const SHELL: &[File] = &[
    file!("plugin.sh", "shell/plugin.sh"),
    file!("hap.sh", "shell/hap.sh"),
    file!("test_plugin.sh", "shell/test_plugin.sh"),
    MANIFEST,
    INPUTS,
    file!("Dockerfile", "shell/Dockerfile"),
    file!(".dockerignore", "shell/dockerignore"),
    file!(".gitignore", "shell/gitignore"),
    file!(".hapignore", "shell/hapignore"),
    file!("README.md", "shell/README.md"),
    CHANGELOG,
];

/// The files of a new project in this language.
pub(crate) const fn files(language: Language) -> &'static [File] {
    match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
        Language::Node => NODE,
        Language::Shell => SHELL,
    }
}

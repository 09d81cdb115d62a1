use std::collections::BTreeMap;

use hap_manifest::{Issue, IssueCode, Manifest, Severity as IssueSeverity, package::MANIFEST};
use serde_json::Value;

use super::{
    dockerfile::{Copy, Dockerfile, Instruction, Start, absolute},
    ignored::DockerIgnore,
    severity::Severity,
    view::View,
};

/// A plugin, and what is known of it: what rules look at.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) view: View,
    manifest_text: String,
    /// The manifest, where it is valid.
    pub(crate) manifest: Option<Manifest>,
    /// What is wrong with it, for its author.
    pub(crate) issues: Vec<(Issue, Severity)>,
    /// The name of its Dockerfile.
    pub(crate) dockerfile_name: String,
    dockerfile_text: String,
    /// The Dockerfile, where there is one.
    pub(crate) dockerfile: Option<Dockerfile>,
    ignored: DockerIgnore,
    /// The processor that it is to run on.
    pub(crate) arch: String,
}

/// A file of the image that the Dockerfile copies from the plugin's folder.
#[derive(Debug)]
pub(crate) struct ImageFile {
    /// Its name in the folder.
    pub(crate) source: String,
    pub(crate) copy: Copy,
}

impl Subject {
    pub(crate) fn new(view: View, arch: &str) -> Self {
        let refused = view.refused_manifest();
        let text = match refused {
            Some((_, text)) => Some(text.to_owned()),
            None => view
                .files
                .get(MANIFEST)
                .map(|file| String::from_utf8_lossy(&file.head).into_owned()),
        };
        let manifest_text = text.unwrap_or_default();
        let bytes = view.files.get(MANIFEST).map(|file| file.head.as_slice());
        let (manifest, issues) = match (bytes, refused) {
            (Some(bytes), _) => read(bytes, &manifest_text),
            (None, Some((_, text))) => read(text.as_bytes(), text),
            (None, None) => (None, Vec::new()),
        };
        let dockerfile_name = match &manifest {
            Some(manifest) => manifest.dockerfile().to_owned(),
            None => "Dockerfile".to_owned(),
        };
        let dockerfile_text = view.text(&dockerfile_name).map(str::to_owned);
        // Docker reads the one that is named after the Dockerfile first, and this host the other.
        let ignored = view.text(".dockerignore").map(DockerIgnore::read);
        Self {
            dockerfile: dockerfile_text.as_deref().map(Dockerfile::read),
            dockerfile_text: dockerfile_text.unwrap_or_default(),
            ignored: ignored.unwrap_or_default(),
            view,
            manifest_text,
            manifest,
            issues,
            dockerfile_name,
            arch: arch.to_owned(),
        }
    }

    pub(crate) fn manifest_text(&self) -> &str {
        &self.manifest_text
    }

    pub(crate) fn dockerfile_text(&self) -> &str {
        &self.dockerfile_text
    }

    /// Whether it is a program in Rust, whose binary is built before the image.
    pub(crate) fn is_rust(&self) -> bool {
        // A package may do without the sources.
        self.view.has("Cargo.toml") || self.view.leaves_out("Cargo.toml")
    }

    /// Whether the build of the image is kept from seeing a file.
    pub(crate) fn build_ignores(&self, path: &str) -> bool {
        self.ignored.ignores(path)
    }

    /// The properties of the settings, by their JSON pointers in the manifest.
    pub(crate) fn settings(&self) -> Vec<(String, &String, &Value)> {
        let schema = self.manifest.as_ref().and_then(Manifest::config_schema);
        let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
        properties
            .into_iter()
            .flatten()
            .map(|(name, property)| {
                let token = name.replace('~', "~0").replace('/', "~1");
                (format!("/config_schema/properties/{token}"), name, property)
            })
            .collect()
    }

    /// What the container starts: ENTRYPOINT, or CMD where there is none.
    pub(crate) fn start(&self) -> Option<(&Instruction, Start)> {
        let file = self.dockerfile.as_ref()?;
        let instruction = file
            .of_image("ENTRYPOINT")
            .next_back()
            .or_else(|| file.of_image("CMD").next_back())?;
        Some((instruction, instruction.start()?))
    }

    /// The path in the image of the program that is started.
    pub(crate) fn program(&self) -> Option<String> {
        let (_, start) = self.start()?;
        let workdir = self.dockerfile.as_ref()?.workdir();
        let program = start.program().to_owned();
        // One without a slash is looked for in PATH.
        program.contains('/').then(|| absolute(&workdir, &program))
    }

    /// Files of the plugin's folder that are in the image, by their paths there.
    pub(crate) fn image_files(&self) -> BTreeMap<String, ImageFile> {
        let mut files = BTreeMap::new();
        let Some(dockerfile) = &self.dockerfile else {
            return files;
        };
        let workdir = dockerfile.workdir();
        let copies = dockerfile.of_image("COPY").chain(dockerfile.of_image("ADD"));
        for copy in copies.filter_map(Instruction::copy).filter(|copy| !copy.is_from) {
            let target = absolute(&workdir, &copy.target);
            for source in &copy.sources {
                let source = source.trim_start_matches("./").trim_matches('/');
                let source = if source == "." { "" } else { source };
                if self.view.files.contains_key(source) {
                    let is_folder =
                        copy.target.ends_with('/') || copy.target == "." || copy.sources.len() > 1;
                    let base = source.rsplit('/').next().unwrap_or(source);
                    let path = match is_folder {
                        true => absolute(&target, base),
                        false => target.clone(),
                    };
                    let source = source.to_owned();
                    files.insert(
                        path,
                        ImageFile {
                            source,
                            copy: copy.clone(),
                        },
                    );
                    continue;
                }
                for (name, _) in self.view.below(source).take(2000) {
                    let rest = name.strip_prefix(source).unwrap_or(name).trim_start_matches('/');
                    let source = name.to_owned();
                    files.insert(
                        absolute(&target, rest),
                        ImageFile {
                            source,
                            copy: copy.clone(),
                        },
                    );
                }
            }
        }
        files
    }
}

/// Reads a manifest as its author wants to know of it: all that is wrong, and how much it matters to a host.
fn read(bytes: &[u8], text: &str) -> (Option<Manifest>, Vec<(Issue, Severity)>) {
    let lenient = Manifest::from_slice(bytes);
    let (manifest, told) = match &lenient {
        Ok(parsed) => (Some(parsed.manifest.clone()), parsed.warnings.as_slice()),
        Err(error) => (None, error.issues()),
    };
    let is_utf8 = std::str::from_utf8(bytes).is_ok();
    let strict = match Manifest::from_json_strict(text) {
        Err(error) if is_utf8 => error.issues().to_vec(),
        _ => told.to_vec(),
    };
    let issues = strict.into_iter().map(|issue| {
        let same = |other: &&Issue| other.code() == issue.code() && other.pointer() == issue.pointer();
        let severity = match (told.iter().find(same), issue.code()) {
            (Some(other), _) if other.severity() == IssueSeverity::Warning => Severity::Warning,
            // A word that no validator knows changes nothing.
            (None, IssueCode::UnknownKeyword) => Severity::Warning,
            _ => Severity::Error,
        };
        (issue, severity)
    });
    (manifest, issues.collect())
}

//! From a [source](crate::PluginSource) to a manifest and an image on this machine.
//!
//! Nothing of a source is taken on trust: a package is read to its last byte within the limits of
//! [`hap_manifest::package`] before anything of it is written, and then only into a private folder.

use std::{path::PathBuf, sync::Arc, time::Duration};

use hap_manifest::{
    ImageRef, Manifest,
    package::{Digest, Dockerfile, MANIFEST, Package, PackageKey, folder::OpenFolder},
    permission::{Permission, Publisher, requested},
};

use super::{
    Origin, PackageReader, PluginSource,
    dockerfile::{self, Recipe},
    file::open_file,
    folder,
    signature::Signed,
    volumes,
};
use crate::{
    engine::{
        ImageId,
        build::BuildContext,
        deadline::{self, within},
        error::{EngineError, EngineErrorKind},
        labels, naming,
        progress::{Progress, ProgressSink, Stage},
    },
    error::{Error, ErrorKind},
    model::{consent::publisher, grants::InstallOrigin},
    plugin::context::Shared,
};

/// Longest that reading or unpacking a package may take.
const PACKAGE_DEADLINE: Duration = Duration::from_secs(5 * 60);

/// A plugin whose manifest was read; its image may have to be built or pulled.
pub(crate) struct Candidate {
    pub manifest: Manifest,
    /// Digest of the package that it came in.
    pub package: Option<Digest>,
    build: Build,
    /// What is built, where something is.
    recipe: Option<Recipe>,
    /// What else is worth knowing of a package's manifest.
    pub warnings: Vec<String>,
}

/// What the image is built from.
enum Build {
    /// It is a manifest alone.
    Nothing,
    /// What came with the manifest has no Dockerfile.
    Missing,
    Folder {
        path: PathBuf,
        open: Arc<OpenFolder>,
        /// The manifest as it was read.
        manifest: Arc<[u8]>,
    },
    Package {
        package: Box<Package<Box<dyn PackageReader>>>,
        signed_by: Option<PackageKey>,
    },
}

impl Candidate {
    /// Reads the manifest of a source, and the Dockerfile where an image may be built from it. Of a
    /// package the policy says whose signature is good.
    pub(crate) async fn open(
        source: PluginSource,
        progress: &ProgressSink,
        shared: &Shared,
    ) -> Result<Self, Error> {
        let mut candidate = Self::read(source, progress, shared).await?;
        candidate
            .warnings
            .extend(shared.policy.shortened_stop(&candidate.manifest));
        // Where nothing is built, nobody needs to know what building would do.
        if shared.engine.capabilities().isolation && shared.policy.may_build() {
            candidate.read_dockerfile().await?;
        }
        Ok(candidate)
    }

    async fn read(source: PluginSource, progress: &ProgressSink, shared: &Shared) -> Result<Self, Error> {
        let mut signed = Signed {
            trust: shared.policy.trust(),
            given: source.signature,
            beside: None,
        };
        match source.origin {
            Origin::Manifest(_) | Origin::Folder(_) if signed.given.is_some() => {
                let message = "a signature is for a package: sign that, and name it as the source";
                Err(Error::new(ErrorKind::InvalidInput, message))
            }
            Origin::Manifest(manifest) => Ok(Self {
                manifest: *manifest,
                package: None,
                build: Build::Nothing,
                recipe: None,
                warnings: Vec::new(),
            }),
            Origin::Folder(path) => {
                let named = path.clone();
                let read = blocking("reading the folder", move || folder::open(&named)).await?;
                let lacks = read.lacks_dockerfile;
                Ok(Self {
                    build: if lacks {
                        Build::Missing
                    } else {
                        Build::Folder {
                            path,
                            open: read.open,
                            manifest: read.text,
                        }
                    },
                    warnings: lacks
                        .then(|| {
                            let name = read.manifest.dockerfile();
                            format!(
                                "the folder has no {name}: its image is not built but has to be there already"
                            )
                        })
                        .into_iter()
                        .collect(),
                    manifest: read.manifest,
                    package: None,
                    recipe: None,
                })
            }
            Origin::PackageFile(path) => {
                let named = path.display().to_string();
                signed.beside = Some(path.clone());
                Self::read_package(progress, named, signed, move || open_file("the package", &path)).await
            }
            Origin::PackageReader(reader) => {
                Self::read_package(progress, "the package".to_owned(), signed, || Ok(reader)).await
            }
        }
    }

    async fn read_package(
        progress: &ProgressSink,
        named: String,
        signed: Signed,
        open: impl FnOnce() -> Result<Box<dyn PackageReader>, Error> + Send + 'static,
    ) -> Result<Self, Error> {
        progress.report(Progress::Stage(Stage::Unpacking));
        let read = move || signed.open(&named, open()?);
        let (package, signed_by) = blocking("reading the package", read).await?;
        for warning in package.warnings() {
            tracing::warn!(plugin = %package.manifest().id(), pointer = warning.pointer(), "{}", warning.message());
        }
        let warnings = package.warnings().iter().map(ToString::to_string).collect();
        let dockerfile = package.manifest().dockerfile();
        let built = package.entries().iter().any(|entry| entry.name() == dockerfile);
        Ok(Self {
            manifest: package.manifest().clone(),
            package: Some(package.digest()),
            // Without one it is no more than the manifest in it: its image comes from elsewhere and is
            // judged as such.
            build: if built {
                Build::Package {
                    package: Box::new(package),
                    signed_by,
                }
            } else {
                Build::Missing
            },
            recipe: None,
            warnings,
        })
    }

    /// Reads the Dockerfile once: the bytes that are judged are the bytes that are built.
    async fn read_dockerfile(&mut self) -> Result<(), Error> {
        let name = self.manifest.dockerfile().to_owned();
        match std::mem::replace(&mut self.build, Build::Nothing) {
            left @ (Build::Nothing | Build::Missing) => self.build = left,
            Build::Folder { path, open, manifest } => {
                let (folder, named) = (Arc::clone(&open), path.clone());
                let read = move || dockerfile::of_folder(&folder, &named, &name);
                self.recipe = Some(blocking("reading the Dockerfile", read).await?);
                self.build = Build::Folder { path, open, manifest };
            }
            Build::Package {
                mut package,
                signed_by,
            } => {
                let read = move || {
                    let bytes = package.read(&name).map_err(|error| {
                        Error::new(
                            ErrorKind::InvalidInput,
                            format!("its {name} cannot be read: {error}"),
                        )
                    })?;
                    Ok((package, Recipe::of(bytes)))
                };
                let (package, recipe) = blocking("reading the Dockerfile", read).await?;
                self.recipe = Some(recipe);
                self.build = Build::Package { package, signed_by };
            }
        }
        Ok(())
    }

    /// The Dockerfile that its image would be built from, if one would.
    pub(crate) fn dockerfile(&self) -> Option<&Dockerfile> {
        self.recipe.as_ref().map(|recipe| &recipe.read)
    }

    /// Whether building its image takes [`Permission::Build`].
    pub(crate) fn needs_build(&self) -> bool {
        self.dockerfile().is_some_and(|read| !read.only_copies())
    }

    /// All that it asks for beyond what every plugin gets.
    pub(crate) fn requested(&self) -> Vec<Permission> {
        let build = self.needs_build().then_some(Permission::Build);
        build.into_iter().chain(requested(&self.manifest)).collect()
    }

    /// How the plugin comes here, as a policy judges it.
    pub(crate) const fn origin(&self) -> InstallOrigin {
        match self.build {
            Build::Nothing | Build::Missing => InstallOrigin::Image,
            Build::Package {
                signed_by: Some(key), ..
            } => InstallOrigin::Signed(key),
            Build::Folder { .. } => InstallOrigin::Folder,
            Build::Package { .. } => InstallOrigin::Package,
        }
    }

    /// Who published it.
    pub(crate) fn publisher(&self) -> Publisher {
        publisher(&self.manifest, self.origin()).unwrap_or(Publisher::Unsigned)
    }

    /// Finds, pulls or builds the image, and answers what pins it. What was unpacked on the way
    /// is removed again.
    pub(crate) async fn image(&mut self, shared: &Shared, progress: ProgressSink) -> Result<ImageId, Error> {
        let manifest = &self.manifest;
        if let Some(told) = shared.policy.shortened_stop(manifest) {
            tracing::warn!(plugin = %manifest.id(), "{told}");
            progress.report(Progress::Step(told));
        }
        let recipe = self.recipe.take();
        let sink = progress.clone();
        let obtained = match std::mem::replace(&mut self.build, Build::Nothing) {
            // Where there are no images, the program of the request stands for one.
            _ if !shared.engine.capabilities().isolation => find_or_pull(shared, manifest, progress).await,
            Build::Nothing => find_or_pull(shared, manifest, progress).await,
            Build::Missing => {
                let note = format!("there is no {} to build it from", manifest.dockerfile());
                progress.report(Progress::Step(note.clone()));
                let found = find_or_pull(shared, manifest, progress).await;
                found.map_err(|error| error.with_note(&note))
            }
            Build::Folder {
                path,
                open,
                manifest: text,
            } => {
                let context = BuildContext::new(path, manifest.dockerfile())
                    .with_opened(open)
                    .with_read(MANIFEST, text);
                build(shared, manifest, context, recipe, progress).await
            }
            Build::Package { mut package, .. } => {
                let staging = shared.staging.clone();
                let staged = blocking("unpacking the package", move || staging.unpack(&mut package)).await?;
                let context = BuildContext::new(staged.path(), manifest.dockerfile());
                let built = build(shared, manifest, context, recipe, progress).await;
                staged.remove().await;
                built
            }
        };
        let image = obtained.map_err(|error| error.with_plugin(manifest.id()))?;
        volumes::look(shared, manifest, &image, &sink).await?;
        Ok(image)
    }
}

impl std::fmt::Debug for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Candidate")
            .field("id", self.manifest.id())
            .field("version", self.manifest.version())
            .field("package", &self.package)
            .finish_non_exhaustive()
    }
}

async fn find_or_pull(
    shared: &Shared,
    manifest: &Manifest,
    progress: ProgressSink,
) -> Result<ImageId, Error> {
    let image = manifest.image();
    match within(deadline::CONTROL, "image", image, shared.engine.image(image)).await {
        Ok(id) => Ok(id),
        Err(error) if error.kind() == EngineErrorKind::NotFound => {
            // Tries that fail take a while, and nobody else says what is going on.
            let told = format!(
                "{image} is not on this machine and is pulled from {}",
                registry(image)
            );
            tracing::info!(plugin = %manifest.id(), "{told}");
            progress.report(Progress::Step(told));
            let pulled = shared.pulls.pull(image, progress).await;
            pulled.map_err(|error| unobtainable(image, error))
        }
        Err(error) => Err(unobtainable(image, Arc::new(error))),
    }
}

fn unobtainable(image: &ImageRef, error: Arc<EngineError>) -> Error {
    let kind = match error.kind() {
        EngineErrorKind::Unavailable => ErrorKind::Engine,
        EngineErrorKind::Timeout => ErrorKind::Timeout,
        EngineErrorKind::RateLimited => ErrorKind::Busy,
        _ => ErrorKind::Image,
    };
    let hint = hint(image, error.kind());
    Error::new(kind, format!("its image {image} cannot be had: {error}{hint}")).with_source(error)
}

/// What whoever asked for an image can look at.
fn hint(image: &ImageRef, kind: EngineErrorKind) -> String {
    let registry = registry(image);
    let local = "an image of this machine has to be there under exactly that name (`docker image ls`)";
    match kind {
        EngineErrorKind::NotFound => {
            format!("; is the name right? {registry} was asked for it; {local}")
        }
        EngineErrorKind::Denied => format!(
            "; is the name right? {registry} answers the same for an image that does not exist and for one that is \
             private: for that log this machine in (`docker login {registry}`); {local}"
        ),
        EngineErrorKind::Failed | EngineErrorKind::Timeout => {
            format!("; does {registry} exist, and does this machine reach it? {local}")
        }
        _ => String::new(),
    }
}

/// Where an image is pulled from.
fn registry(image: &ImageRef) -> &str {
    image.registry().unwrap_or("docker.io")
}

async fn build(
    shared: &Shared,
    manifest: &Manifest,
    context: BuildContext,
    recipe: Option<Recipe>,
    progress: ProgressSink,
) -> Result<ImageId, Error> {
    let Some(recipe) = recipe else {
        let message = "nobody has read its Dockerfile, so nothing is built";
        return Err(Error::new(ErrorKind::Image, message));
    };
    let image = naming::image_tag(&shared.instance, manifest.id(), manifest.version())
        .map_err(|error| Error::new(ErrorKind::InvalidInput, error.to_string()))?;
    for step in recipe.read.steps() {
        tracing::info!(plugin = %manifest.id(), line = step.line(), "its build runs: {}", step.text());
    }
    let mut context = context
        .with_labels(labels::of_image(&shared.instance, manifest.id(), &image))
        .with_limits(shared.policy.limits_of_builds())
        .with_images(recipe.read.images().to_vec(), shared.policy.restricts_images());
    // What it asks for it has, or it would not have been let in.
    if manifest.network_access() && !recipe.read.only_copies() {
        context = context.with_network_of(shared.instance.clone());
    }
    let context = context.with_read(manifest.dockerfile(), recipe.bytes);
    let build = shared.engine.build(&context, &image, progress);
    within(deadline::IMAGE, "build", &image, build)
        .await
        .map_err(|error| {
            Error::new(ErrorKind::Image, format!("its image could not be built: {error}")).with_source(error)
        })
}

/// Runs work that blocks. Dropped, or late, it ends on its own, and its result is dropped.
async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::time::timeout(PACKAGE_DEADLINE, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => {
            Err(Error::new(ErrorKind::InvalidInput, format!("{doing} broke off")).with_source(error))
        }
        Err(_) => {
            let message = format!(
                "{doing} took longer than {} minutes",
                PACKAGE_DEADLINE.as_secs() / 60
            );
            Err(Error::new(ErrorKind::Timeout, message))
        }
    }
}

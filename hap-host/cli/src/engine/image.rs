use std::{collections::BTreeMap, fs, io};

use hap_host::{
    Policy,
    engine::{
        BuildContext, DockerEngine, Engine as _, EngineErrorKind, ImageId, InstanceName, Progress,
        ProgressSink, labels,
    },
};
use hap_manifest::{
    ImageRef, Manifest,
    package::{BuildStep, Dockerfile},
    permission::Permission,
};

use super::{connect::failure, own::Own};
use crate::{
    failure::{Exit, Failure},
    project::Project,
};

/// The Dockerfile of a plugin, read and judged.
#[derive(Debug)]
pub(crate) struct Recipe {
    context: BuildContext,
    manifest: Manifest,
    only_copies: bool,
    granted: Vec<Permission>,
}

impl Recipe {
    /// Reads the Dockerfile of a stranger's package, and refuses one that does more than is granted.
    pub(crate) fn of_package(project: &Project, granted: &[Permission]) -> Result<Self, Failure> {
        Self::read(project, granted, false)
    }

    /// Reads the Dockerfile of a folder, and refuses one that does more than is granted. It may begin with other images:
    /// whoever has the folder chose them, and nothing runs while the image is built.
    pub(crate) fn of_folder(project: &Project, granted: &[Permission]) -> Result<Self, Failure> {
        Self::read(project, granted, true)
    }

    fn read(project: &Project, granted: &[Permission], may_have_a_base: bool) -> Result<Self, Failure> {
        let manifest = project.manifest();
        let name = manifest.dockerfile();
        let path = project.folder().join(name);
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let message = format!("there is no {name} in {}", project.folder().display());
                Failure::new(Exit::NotFound, "no_dockerfile", message)
                    .help("write one, as docs/guide-plugin.md shows; hap dev and hap test --no-docker do without it")
            }
            _ => Failure::new(
                Exit::Failed,
                "unreadable",
                format!("{} cannot be read: {error}", path.display()),
            ),
        })?;
        let read = Dockerfile::read(bytes.get(..Dockerfile::MAX_BYTES).unwrap_or(&bytes));
        let mut granted = granted.to_vec();
        let is_base = |step: &BuildStep| {
            let word = step.text().split_whitespace().next();
            word.is_some_and(|word| word.eq_ignore_ascii_case("FROM"))
        };
        if may_have_a_base && !read.only_copies() && read.steps().iter().all(is_base) {
            granted.push(Permission::Build);
        }
        judge(name, &read, &granted)?;
        let context = BuildContext::new(project.folder(), name)
            .with_images(read.images().to_vec(), false)
            .with_read(name, bytes);
        Ok(Self {
            context,
            manifest: manifest.clone(),
            only_copies: read.only_copies(),
            granted,
        })
    }

    /// What is granted, with what the Dockerfile needs and its owner has said by having it.
    pub(crate) fn granted(&self) -> &[Permission] {
        &self.granted
    }

    /// Whether it only puts files of the folder into an empty image.
    pub(crate) const fn only_copies(&self) -> bool {
        self.only_copies
    }

    /// Builds it under the name that the manifest gives, for a platform such as `linux/arm64`. The image is its owner's.
    pub(crate) async fn build_named(
        self,
        engine: &DockerEngine,
        tag: &ImageRef,
        platform: Option<String>,
        tell: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<ImageId, Failure> {
        let context = match platform {
            Some(platform) => self.context.with_platform(platform),
            None => self.context,
        };
        let built = engine.build(&context, tag, steps(tell)).await;
        built.map_err(|error| failure("the image cannot be built", &error))
    }

    /// Builds it for one run, which removes it at its end.
    pub(crate) async fn build_for(
        self,
        own: &Own,
        tell: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<ImageId, Failure> {
        let manifest = &self.manifest;
        let tag = format!("hap/{}/{}:latest", own.instance(), manifest.id());
        let tag: ImageRef = tag.parse().map_err(|error: hap_manifest::ParseError| {
            Failure::new(Exit::Failed, "no_name", error.to_string())
        })?;
        let mut context = self.context.with_labels(of_image(own.instance(), manifest, &tag));
        if manifest.network_access() && !self.only_copies {
            own.prepare().await?;
            context = context.with_network_of(own.instance().clone());
        }
        let engine = own.engine().clone();
        let build = async move { engine.build(&context, &tag, steps(tell)).await };
        // The builder leaves the half of an image that it was not to finish, so what only copies is waited for. What runs
        // programs leaves as much behind when it is finished: the engine keeps it as its cache.
        let built = if self.only_copies {
            own.whole(build).await
        } else {
            own.until_removed(build).await
        };
        let given_up = || Failure::new(Exit::Failed, "not_built", "the build was given up");
        built
            .ok_or_else(given_up)?
            .map_err(|error| failure("the image cannot be built", &error))
    }
}

/// Finds an image of this machine.
pub(crate) async fn local(engine: &DockerEngine, image: &ImageRef) -> Result<ImageId, Failure> {
    engine.image(image).await.map_err(|error| match error.kind() {
        EngineErrorKind::NotFound => {
            let message = format!("there is no image {image} on this machine");
            Failure::new(Exit::NotFound, "no_such_image", message).help(format!(
                "is the name right? `docker image ls` shows those that are there, `docker pull {image}` fetches one"
            ))
        }
        _ => failure(&format!("the image {image} cannot be looked at"), &error),
    })
}

/// As a host judges it that builds what it is given: programs of the author run with their owner's word alone.
fn judge(name: &str, dockerfile: &Dockerfile, granted: &[Permission]) -> Result<(), Failure> {
    let Some(violation) = Policy::home()
        .evaluate_build(dockerfile, granted)
        .into_iter()
        .next()
    else {
        return Ok(());
    };
    if violation.missing_permission().is_none() {
        let message = format!("the plugin {violation}");
        return Err(Failure::new(Exit::Failed, "bad_dockerfile", message).help(format!("mend its {name}")));
    }
    let steps: Vec<_> = dockerfile
        .steps()
        .iter()
        .map(|step| format!("  {step}"))
        .collect();
    let message = format!(
        "{name} does more than copy files into an empty image, which takes the permission build:\n{}",
        steps.join("\n")
    );
    Err(Failure::new(Exit::Refused, "not_granted", message).help("let it: --grant build"))
}

/// The labels by which an image of an instance is known, as a host puts them on.
fn of_image(instance: &InstanceName, manifest: &Manifest, tag: &ImageRef) -> BTreeMap<String, String> {
    BTreeMap::from([
        (labels::IMAGE_TAG.to_owned(), tag.to_string()),
        (labels::IMAGE_INSTANCE.to_owned(), instance.to_string()),
        (labels::IMAGE_PLUGIN.to_owned(), manifest.id().to_string()),
    ])
}

/// Tells of each step of a build in a line.
fn steps(tell: impl Fn(String) + Send + Sync + 'static) -> ProgressSink {
    ProgressSink::new(move |progress| match progress {
        Progress::Stage(stage) => tell(stage.to_string()),
        Progress::Step(line) => tell(line),
        _ => {}
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_that_runs_programs_takes_a_grant_and_one_that_copies_takes_none() {
        let copies = Dockerfile::read(b"FROM scratch\nCOPY bell /bell\n");
        assert!(judge("Dockerfile", &copies, &[]).is_ok());
        let runs = Dockerfile::read(b"FROM python:3\nRUN pip install flask\n");
        let refused = judge("Dockerfile", &runs, &[]).unwrap_err();
        assert_eq!(refused.exit(), Exit::Refused);
        assert!(
            refused.to_string().contains("line 2: RUN pip install flask"),
            "{refused}"
        );
        assert!(refused.help_text().unwrap().contains("--grant build"));
        assert!(judge("Dockerfile", &runs, &[Permission::Build]).is_ok());
    }

    #[test]
    fn a_dockerfile_that_cannot_be_read_is_not_a_matter_of_grants() {
        let broken = Dockerfile::read(b"COPY bell /bell\n");
        let refused = judge("Dockerfile", &broken, &[Permission::Build]).unwrap_err();
        assert_eq!(refused.exit(), Exit::Failed);
        assert!(refused.to_string().contains("line 1"), "{refused}");
    }
}

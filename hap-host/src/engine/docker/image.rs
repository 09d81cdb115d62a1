use bollard::models::ImageInspect;
use hap_manifest::ImageRef;

use super::client::Client;
use crate::engine::{
    ImageId,
    error::{EngineError, EngineErrorKind},
};

/// A reference in the parts that the engine's calls take.
pub(super) struct Parts {
    /// Registry and repository.
    pub(super) name: String,
    /// The digest where there is one, else the tag. Never empty: a pull without it would
    /// fetch every tag.
    pub(super) version: String,
    /// Both together; a tag beside a digest is left out, because engines find no local
    /// image by all three.
    pub(super) whole: String,
}

impl Parts {
    pub(super) fn of(image: &ImageRef) -> Self {
        let name = match image.registry() {
            Some(registry) => format!("{registry}/{}", image.repository()),
            None => image.repository().to_owned(),
        };
        let (version, separator) = match (image.digest(), image.tag()) {
            (Some(digest), _) => (digest.to_owned(), '@'),
            (None, Some(tag)) => (tag.to_owned(), ':'),
            (None, None) => ("latest".to_owned(), ':'),
        };
        let whole = format!("{name}{separator}{version}");
        Self { name, version, whole }
    }
}

/// What pins an image of this machine. One whose reference names a registry counts only if it came
/// from there: whoever may build or tag can give an image any name.
pub(super) async fn inspect(client: &Client, image: &ImageRef) -> Result<ImageId, EngineError> {
    let parts = Parts::of(image);
    let found = look(client, FIND, &parts.whole).await?;
    if image.registry().is_some() && !comes_from(&found, &parts.name) {
        let message = format!(
            "the image {} on this machine did not come from {}: pull it",
            parts.whole, parts.name
        );
        return Err(EngineError::new(
            EngineErrorKind::NotFound,
            FIND,
            parts.whole,
            message,
        ));
    }
    id(FIND, &parts.whole, found)
}

const FIND: &str = "find image";

/// Whether the engine knows a digest of the image from a repository.
fn comes_from(found: &ImageInspect, name: &str) -> bool {
    let mut digests = found.repo_digests.iter().flatten();
    digests.any(|digest| {
        digest
            .split_once('@')
            .is_some_and(|(repository, _)| familiar(repository) == familiar(name))
    })
}

/// The short form of a repository, as engines print it.
fn familiar(name: &str) -> &str {
    let hub = name
        .strip_prefix("docker.io/")
        .or_else(|| name.strip_prefix("index.docker.io/"));
    let short = hub.unwrap_or(name);
    short.strip_prefix("library/").unwrap_or(short)
}

/// What an image says of the containers that are made from it.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The paths at which it declares volumes, without `.` and `..` in them, in order.
    pub(super) volumes: Vec<String>,
    /// The user that it names; empty where it names none, which is root.
    pub(super) user: String,
}

/// Asks an image, by a name or an id, what it says of its containers.
pub(super) async fn told(client: &Client, image: &str) -> Result<Told, EngineError> {
    let found = look(client, "find volumes", image).await?;
    let config = found.config.unwrap_or_default();
    let declared = config.volumes.into_iter().flatten();
    let mut volumes: Vec<_> = declared.map(|path| clean(&path)).collect();
    volumes.sort();
    volumes.dedup();
    let user = config.user.unwrap_or_default();
    Ok(Told { volumes, user })
}

/// The path that an engine makes of one that an image declares.
fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Looks at an image that others are built upon. Its instructions for builds are somebody else's,
/// run as if they were in the Dockerfile, and nobody has judged them.
pub(super) async fn refuse_triggers(client: &Client, image: &str) -> Result<(), EngineError> {
    let found = look(client, "build", image).await?;
    let triggers = found
        .config
        .and_then(|config| config.on_build)
        .unwrap_or_default();
    match triggers.first() {
        None => Ok(()),
        Some(first) => {
            let shown: String = first.chars().filter(|c| !c.is_control()).take(200).collect();
            let message = format!(
                "it has an instruction of its own for builds (ONBUILD {shown}): build upon another image"
            );
            Err(EngineError::new(
                EngineErrorKind::Rejected,
                "build",
                image,
                message,
            ))
        }
    }
}

/// What pins an image, by a name or an id as the engine takes it.
pub(super) async fn by_name(
    client: &Client,
    operation: &'static str,
    name: &str,
) -> Result<ImageId, EngineError> {
    let found = look(client, operation, name).await?;
    id(operation, name, found)
}

async fn look(client: &Client, operation: &'static str, name: &str) -> Result<ImageInspect, EngineError> {
    let looked = client.docker().inspect_image(name);
    let found = client.read(operation, name, looked).await.map_err(|failure| {
        if failure.is(404) {
            let message = format!("image {name} is not on this machine: pull or build it");
            failure.with_message(message)
        } else {
            failure
        }
    });
    found.map_err(Into::into)
}

fn id(operation: &'static str, name: &str, found: ImageInspect) -> Result<ImageId, EngineError> {
    found.id.map(ImageId::new).ok_or_else(|| {
        EngineError::new(
            EngineErrorKind::Failed,
            operation,
            name,
            "the engine names no id for the image",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_comes_from_where_the_engine_has_a_digest_of_it_from() {
        let digests = |all: &[&str]| ImageInspect {
            repo_digests: Some(all.iter().map(|one| format!("{one}@sha256:0")).collect()),
            ..Default::default()
        };
        for (known, name, comes) in [
            (&["ghcr.io/acme/light"][..], "ghcr.io/acme/light", true),
            (&["ghcr.io/acme/other", "light"], "ghcr.io/acme/light", false),
            (&[], "ghcr.io/acme/light", false),
            (&["light"], "docker.io/library/light", true),
            (&["acme/light"], "docker.io/acme/light", true),
            (&["light"], "docker.io/acme/light", false),
        ] {
            assert_eq!(comes_from(&digests(known), name), comes, "{known:?} {name}");
        }
        assert!(!comes_from(&ImageInspect::default(), "ghcr.io/acme/light"));
    }

    #[test]
    fn a_declared_path_is_what_an_engine_makes_of_it() {
        for (declared, path) in [
            ("/data", "/data"),
            ("data/", "/data"),
            ("/a/../b//./c", "/b/c"),
            ("/..", "/"),
        ] {
            assert_eq!(clean(declared), path);
        }
    }

    #[test]
    fn a_reference_becomes_a_name_and_exactly_one_version() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (reference, name, version) in [
            ("light".to_owned(), "light", "latest"),
            ("home/light:1.2".to_owned(), "home/light", "1.2"),
            (
                "localhost:5000/light".to_owned(),
                "localhost:5000/light",
                "latest",
            ),
            (
                format!("r.example/light:1@{digest}"),
                "r.example/light",
                digest.as_str(),
            ),
        ] {
            let parts = Parts::of(&reference.parse().unwrap());
            assert_eq!(
                (parts.name.as_str(), parts.version.as_str()),
                (name, version),
                "{reference}"
            );
            let separator = if version.starts_with("sha256") { '@' } else { ':' };
            assert_eq!(parts.whole, format!("{name}{separator}{version}"));
        }
    }
}

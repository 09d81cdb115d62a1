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

/// What pins an image of this machine.
pub(super) async fn inspect(client: &Client, image: &ImageRef) -> Result<ImageId, EngineError> {
    by_name(client, "find image", &Parts::of(image).whole).await
}

/// The same by a name or an id as the engine takes it.
pub(super) async fn by_name(
    client: &Client,
    operation: &'static str,
    name: &str,
) -> Result<ImageId, EngineError> {
    let found = client
        .call(operation, name, client.docker().inspect_image(name))
        .await
        .map_err(|failure| {
            if failure.is(404) {
                let message = format!("image {name} is not on this machine: pull or build it");
                failure.with_message(message)
            } else {
                failure
            }
        })?;
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

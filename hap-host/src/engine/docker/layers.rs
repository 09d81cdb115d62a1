use std::{collections::HashSet, fmt::Write as _};

use bollard::models::{ImageHistoryResponseItem, ImageInspect};
use sha2::{Digest, Sha256};

/// How many bytes went with an image, whose layers other images may share: those of the layers that
/// the engine says it removed. Where the history does not say which layer is how large, no more is
/// claimed than went for certain.
pub(super) fn freed(
    image: &ImageInspect,
    history: &[ImageHistoryResponseItem],
    gone: &HashSet<String>,
) -> u64 {
    let whole = bytes(image.size.unwrap_or_default());
    let layers = image.root_fs.as_ref().and_then(|root| root.layers.as_deref());
    let chain = chain(layers.unwrap_or_default());
    let stay = chain.iter().take_while(|layer| !gone.contains(*layer)).count();
    // The newest comes first; steps that only set something have no bytes.
    let sizes = history
        .iter()
        .rev()
        .map(|step| bytes(step.size))
        .filter(|size| *size > 0);
    match stay {
        0 => whole,
        all if all == chain.len() => 0,
        some => whole.saturating_sub(sizes.take(some).sum()),
    }
}

/// The names under which the engine keeps layers: each stands for itself and all beneath it.
fn chain(layers: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(layers.len());
    for layer in layers {
        let name = match names.last() {
            None => layer.clone(),
            Some(beneath) => {
                let digest = Sha256::digest(format!("{beneath} {layer}"));
                digest.iter().fold("sha256:".to_owned(), |mut name, byte| {
                    let _ = write!(name, "{byte:02x}");
                    name
                })
            }
        };
        names.push(name);
    }
    names
}

fn bytes(size: i64) -> u64 {
    u64::try_from(size).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bollard::models::ImageInspectRootFs;

    use super::*;

    fn image(layers: &[&str], size: i64) -> ImageInspect {
        ImageInspect {
            size: Some(size),
            root_fs: Some(ImageInspectRootFs {
                layers: Some(layers.iter().map(|layer| (*layer).to_owned()).collect()),
                ..ImageInspectRootFs::default()
            }),
            ..ImageInspect::default()
        }
    }

    fn history(newest_first: &[i64]) -> Vec<ImageHistoryResponseItem> {
        let step = |size: &i64| ImageHistoryResponseItem {
            size: *size,
            ..ImageHistoryResponseItem::default()
        };
        newest_first.iter().map(step).collect()
    }

    #[test]
    fn layers_that_another_image_shares_free_nothing() {
        let image = image(&["sha256:a", "sha256:b"], 110);
        let steps = history(&[0, 10, 100, 0]);
        let chain = chain(&["sha256:a".to_owned(), "sha256:b".to_owned()]);
        let gone = |layers: &[&String]| layers.iter().map(|layer| (*layer).clone()).collect();
        assert_eq!(freed(&image, &steps, &gone(&[])), 0);
        assert_eq!(freed(&image, &steps, &gone(&[&chain[1]])), 10);
        assert_eq!(freed(&image, &steps, &gone(&[&chain[0], &chain[1]])), 110);
    }

    #[test]
    fn a_layer_is_named_by_all_beneath_it() {
        let names = chain(&["sha256:a".to_owned(), "sha256:b".to_owned()]);
        assert_eq!(names[0], "sha256:a");
        // printf 'sha256:a sha256:b' | sha256sum
        let digest = "970a948bffa8de94d6e22d747ba8c95030e6e546909f98f54e99a13005e173a8";
        assert_eq!(names[1], format!("sha256:{digest}"));
        assert_ne!(
            names[1],
            chain(&["sha256:b".to_owned(), "sha256:a".to_owned()])[1]
        );
    }
}

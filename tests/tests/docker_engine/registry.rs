use std::{collections::HashMap, convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// A registry on loopback with one image, `light:1`, whose one layer takes its time.
pub(crate) struct Registry {
    address: SocketAddr,
    digest: String,
}

struct Content {
    manifests: HashMap<String, (&'static str, Vec<u8>)>,
    blobs: HashMap<String, Vec<u8>>,
    /// Between two of the 16 pieces of a blob.
    pause: Duration,
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

impl Registry {
    /// Serves an image that nobody has yet, because `unique` is in its layer.
    pub(crate) async fn start(unique: &str, pause: Duration) -> Self {
        let layer = layer(unique);
        let config = serde_json::to_vec(&serde_json::json!({
            "architecture": match std::env::consts::ARCH { "x86_64" => "amd64", "aarch64" => "arm64", other => other },
            "os": "linux",
            "config": { "Cmd": ["/light"] },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        }))
        .unwrap();
        let manifest = serde_json::to_vec(&serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": config.len(), "digest": digest(&config),
            },
            "layers": [{
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "size": layer.len(), "digest": digest(&layer),
            }],
        }))
        .unwrap();
        let foreign = serde_json::to_vec(&serde_json::json!({
            "schemaVersion": 2,
            "mediaType": LIST,
            "manifests": [{
                "mediaType": MANIFEST, "size": manifest.len(), "digest": digest(&manifest),
                "platform": { "architecture": "s390x", "os": "linux" },
            }],
        }))
        .unwrap();
        let of_image = digest(&manifest);
        let content = Arc::new(Content {
            manifests: HashMap::from([
                ("light/manifests/1".to_owned(), (MANIFEST, manifest.clone())),
                (format!("light/manifests/{of_image}"), (MANIFEST, manifest)),
                // A tag is resolved to a digest first, then fetched by it.
                (
                    format!("foreign/manifests/{}", digest(&foreign)),
                    (LIST, foreign.clone()),
                ),
                ("foreign/manifests/1".to_owned(), (LIST, foreign)),
            ]),
            blobs: [config, layer]
                .map(|blob| (format!("light/blobs/{}", digest(&blob)), blob))
                .into(),
            pause,
        });
        let router = Router::new().fallback(async move |uri: Uri| answer(&content, uri.path()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            digest: of_image,
        }
    }

    /// A reference to `rest` in this registry.
    pub(crate) fn image(&self, rest: &str) -> hap_manifest::ImageRef {
        format!("{}/{rest}", self.address).parse().unwrap()
    }

    /// What pins the image.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }
}

fn answer(content: &Content, path: &str) -> Response {
    let Some(path) = path.strip_prefix("/v2/") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if path.is_empty() {
        return StatusCode::OK.into_response();
    }
    if path.starts_with("private/") {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"private\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    if let Some((kind, manifest)) = content.manifests.get(path) {
        return ([(header::CONTENT_TYPE, *kind)], manifest.clone()).into_response();
    }
    match content.blobs.get(path) {
        Some(blob) => slowly(blob, content.pause),
        None => {
            let error = "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}";
            (
                StatusCode::NOT_FOUND,
                [(header::CONTENT_TYPE, "application/json")],
                error,
            )
                .into_response()
        }
    }
}

fn slowly(blob: &[u8], pause: Duration) -> Response {
    let pieces: Vec<Bytes> = blob
        .chunks(blob.len().div_ceil(16))
        .map(Bytes::copy_from_slice)
        .collect();
    let pieces = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(piece)
    });
    let mut response = Body::from_stream(pieces).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, blob.len().into());
    response
}

fn layer(unique: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let content = unique.repeat(200_000);
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(content.len() as u64);
    archive
        .append_data(&mut header, "light", content.as_bytes())
        .unwrap();
    archive.into_inner().unwrap()
}

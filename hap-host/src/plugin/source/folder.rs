//! Reads a plugin's folder.

use std::{ffi::OsStr, io, path::Path, sync::Arc};

use hap_manifest::{
    Manifest,
    package::{MANIFEST, folder::OpenFolder},
};

use crate::error::{Error, ErrorKind};

/// A manifest larger than this is none.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// A folder that was opened once: everything that is read of it afterwards is read of that one.
pub(super) struct PluginFolder {
    pub(super) open: Arc<OpenFolder>,
    pub(super) manifest: Manifest,
    /// The bytes of its manifest, as they were read.
    pub(super) text: Arc<[u8]>,
    /// Whether there is no Dockerfile in it.
    pub(super) lacks_dockerfile: bool,
}

/// Opens a folder and reads its `manifest.json`. Keys that this version does not know are logged
/// and otherwise ignored. It blocks on the file system.
pub(super) fn open(folder: &Path) -> Result<PluginFolder, Error> {
    let path = folder.join(MANIFEST);
    let refuse =
        |message: String| Error::new(ErrorKind::InvalidInput, format!("{}: {message}", path.display()));
    let missing = |error: io::Error| refuse(format!("{error}: a plugin's folder holds its manifest.json"));
    let open = OpenFolder::open(folder).map_err(|error| {
        let place = folder.display();
        let message = format!("the plugin's folder {place} cannot be opened: {error}");
        Error::new(ErrorKind::InvalidInput, message)
    })?;
    let file = open.file(OsStr::new(MANIFEST)).map_err(missing)?;
    let size = file.size();
    let bytes = file
        .read(MAX_MANIFEST_BYTES)
        .map_err(|error| refuse(error.to_string()))?
        .ok_or_else(|| {
            refuse(format!(
                "it has {size} bytes, at most {MAX_MANIFEST_BYTES} are read"
            ))
        })?;
    let text = str::from_utf8(&bytes).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
    let parsed =
        Manifest::from_json(text).map_err(|error| refuse(format!("\n{error}")).with_source(error))?;
    for warning in &parsed.warnings {
        tracing::warn!(manifest = %path.display(), pointer = warning.pointer(), "{}", warning.message());
    }
    let dockerfile = Path::new(parsed.manifest.dockerfile());
    let lacks_dockerfile =
        matches!(open.file_below(dockerfile), Err(error) if error.kind() == io::ErrorKind::NotFound);
    Ok(PluginFolder {
        lacks_dockerfile,
        open: Arc::new(open),
        manifest: parsed.manifest,
        text: bytes.into(),
    })
}

//! Users with a name, whose number only the image knows.

use std::io::Read as _;

use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::StreamExt as _;

use super::client::{CONTROL_DEADLINE, Client};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    observed::ContainerId,
    spec::ContainerSpec,
};

/// Where an image has its list of users.
const LIST: &str = "/etc/passwd";
/// Longest list that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// Refuses a name that stands for root in the image: nobody consented to that, however it is called.
///
/// The container has not run yet, so what it has there is what its image has, unless something is
/// mounted there.
pub(super) async fn refuse_root(
    client: &Client,
    spec: &ContainerSpec,
    container: &ContainerId,
    user: &str,
) -> Result<(), EngineError> {
    let refuse = |message: String| EngineError::new(EngineErrorKind::Rejected, "create", &spec.name, message);
    let name = user.split(':').next().unwrap_or_default();
    let mounted = spec
        .volumes
        .iter()
        .map(|mount| &mount.path)
        .chain(spec.tmpfs.iter().map(|mount| &mount.path));
    for path in mounted {
        if matches!(path.as_str(), "/etc" | LIST) {
            return Err(refuse(format!(
                "nobody can tell what number user {name:?} is where {path} is mounted over: name a number, in the \
                 manifest or in the image"
            )));
        }
    }
    let Some(list) = read(client, spec, container).await? else {
        // The engine finds no such user either, and says so when it starts.
        return Ok(());
    };
    if numbers(&list, name).any(|number| number == Some(0)) {
        return Err(refuse(format!(
            "its image calls root {name:?}: a plugin that has to be root asks for that by \"user\": \"0\" in its manifest"
        )));
    }
    Ok(())
}

/// Each number that a list of users has for a name; `None` for one that is none.
fn numbers<'a>(list: &'a str, name: &'a str) -> impl Iterator<Item = Option<u32>> + 'a {
    list.lines().filter_map(move |line| {
        let mut fields = line.trim().split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1).and_then(|number| number.parse().ok()))
    })
}

async fn read(
    client: &Client,
    spec: &ContainerSpec,
    container: &ContainerId,
) -> Result<Option<String>, EngineError> {
    let options = DownloadFromContainerOptionsBuilder::default().path(LIST).build();
    let mut pieces = client
        .docker()
        .download_from_container(container.as_str(), Some(options));
    let refuse = |message: &str| EngineError::new(EngineErrorKind::Rejected, "create", &spec.name, message);
    let reading = async {
        let mut archive = Vec::new();
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) => archive.extend_from_slice(&piece),
                Err(error) => {
                    let failure = client.failure("create", &spec.name, error);
                    return if failure.is(404) {
                        Ok(None)
                    } else {
                        Err(failure.into())
                    };
                }
            }
            if archive.len() as u64 > LONGEST {
                return Err(refuse("the list of users in its image is longer than 1 MiB"));
            }
        }
        let mut archive = tar::Archive::new(archive.as_slice());
        let entry = archive.entries().ok().and_then(|mut entries| entries.next());
        let Some(Ok(entry)) = entry.filter(|entry| {
            entry
                .as_ref()
                .is_ok_and(|entry| entry.header().entry_type().is_file())
        }) else {
            return Err(refuse("the list of users in its image is no plain file"));
        };
        let mut list = Vec::new();
        entry
            .take(LONGEST)
            .read_to_end(&mut list)
            .map_err(|_| refuse("the list of users in its image cannot be read"))?;
        Ok(Some(String::from_utf8_lossy(&list).into_owned()))
    };
    tokio::time::timeout(CONTROL_DEADLINE, reading)
        .await
        .unwrap_or_else(|_| {
            let message =
                format!("the engine did not hand out the list of users within {CONTROL_DEADLINE:?}");
            Err(EngineError::new(
                EngineErrorKind::Timeout,
                "create",
                &spec.name,
                message,
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_every_number_that_a_list_has_for_it() {
        let list = "root:x:0:0::/:\napp:x:1000:1000::/:\n  app:x:0:0\nother:x:none:\n";
        assert_eq!(numbers(list, "app").collect::<Vec<_>>(), [Some(1000), Some(0)]);
        assert_eq!(numbers(list, "other").collect::<Vec<_>>(), [None]);
        assert_eq!(numbers(list, "ap").count(), 0);
    }
}

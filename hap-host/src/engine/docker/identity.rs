//! What answers at an engine's address, and whether it is one that keeps plugins apart.

use std::time::Duration;

use bollard::models::{SystemInfo, SystemVersion};

use super::{
    client::{Client, maps_users, remaps_users},
    dialect::Api,
};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    info::EngineInfo,
};

/// The API of Docker 20.10, the oldest engine that is supported.
const OLDEST_API: Api = Api(1, 41);

/// Time for the description that an engine gives of itself, which takes it longer than its version.
const DESCRIPTION_DEADLINE: Duration = Duration::from_secs(2);

/// Asks the engine what it is.
pub(super) async fn info(client: &Client) -> Result<EngineInfo, EngineError> {
    let described = client.read_within(DESCRIPTION_DEADLINE, "info", "docker", client.docker().info());
    let (version, described) = tokio::join!(version(client), described);
    let version = version?;
    if let Ok(described) = &described {
        client.set_remaps_users(remaps_users(described));
    }
    // A description that comes late or cannot be read is nothing to fail for: it is for people.
    let described = described.unwrap_or_else(|failure| {
        tracing::debug!(reason = failure.message(), "the engine does not describe itself");
        SystemInfo::default()
    });
    Ok(told(&version, described))
}

/// Refuses what answers in Docker's language and does not isolate as Docker does.
pub(super) async fn check(client: &Client) -> Result<(), EngineError> {
    refusal(&version(client).await?, client.uri()).map_or(Ok(()), Err)
}

async fn version(client: &Client) -> Result<SystemVersion, EngineError> {
    let asked = client.docker().version();
    let version = client.read("version", "docker", asked).await?;
    if let Some(api) = version.api_version.as_deref().and_then(Api::parse) {
        client.agree_on_api(api);
    }
    Ok(version)
}

fn told(version: &SystemVersion, described: SystemInfo) -> EngineInfo {
    let components = version.components.iter().flatten();
    let of_component = |name: &str| {
        let mut named = components.clone().filter(|component| component.name == name);
        named.next().map(|component| component.version.clone())
    };
    let maps_users = maps_users(&described);
    let runtime = described.default_runtime.map(|name| match of_component(&name) {
        Some(version) => format!("{name} {version}"),
        None => name,
    });
    // Docker 29 keeps images in containerd unless told otherwise, and names what containerd
    // calls a snapshotter.
    let in_containerd = described
        .driver_status
        .iter()
        .flatten()
        .flatten()
        .any(|word| word.contains("containerd"));
    let storage = described.driver.map(|name| {
        if in_containerd {
            format!("{name} of containerd")
        } else {
            name
        }
    });
    let runtimes = described.runtimes.map(|all| {
        let mut names: Vec<_> = all.into_keys().collect();
        names.sort();
        names
    });
    EngineInfo {
        runtimes,
        maps_users,
        api: version.api_version.clone(),
        storage,
        cgroup: described
            .cgroup_version
            .map(|version| version.to_string())
            .filter(|text| !text.is_empty()),
        runtime,
        kernel: version.kernel_version.clone(),
        architecture: version.arch.clone(),
        ..EngineInfo::new("docker", version.version.as_deref().unwrap_or("unknown"))
    }
}

fn refusal(version: &SystemVersion, uri: &str) -> Option<EngineError> {
    let number = version.version.as_deref().unwrap_or("of an unknown version");
    let components = version.components.iter().flatten();
    let podman = components
        .map(|component| component.name.as_str())
        .find(|name| name.contains("Podman"));
    let api = version.api_version.as_deref().unwrap_or_default();
    let is_older = Api::parse(api).is_some_and(|api| api < OLDEST_API);
    let message = if let Some(name) = podman {
        format!(
            "what answers at {uri} is {name} {number}: its networks do not keep plugins apart from each other as \
             Docker's do, so no plugin would be isolated. Run Docker Engine 20.10 or later, and name its socket in \
             DOCKER_HOST"
        )
    } else if is_older {
        format!("the Docker engine at {uri} is {number} with API {api}: install 20.10 (API 1.41) or later")
    } else {
        return None;
    };
    Some(EngineError::new(
        EngineErrorKind::Unsupported,
        "connect",
        uri,
        message,
    ))
}

#[cfg(test)]
mod tests {
    use bollard::models::SystemVersionComponents;

    use super::*;

    const URI: &str = "unix:///run/x.sock";

    /// As the engines answered.
    fn answered(components: &[(&str, &str)], number: &str, api: &str) -> SystemVersion {
        let component = |(name, version): &(&str, &str)| SystemVersionComponents {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
            details: None,
        };
        SystemVersion {
            components: Some(components.iter().map(component).collect()),
            version: Some(number.to_owned()),
            api_version: Some(api.to_owned()),
            ..Default::default()
        }
    }

    #[test]
    fn docker_is_taken_from_20_10_on_and_what_tells_nothing_is_tried() {
        for (number, api) in [
            ("20.10.24+dfsg1", "1.41"),
            ("26.1.5", "1.45"),
            ("28.5.2", "1.51"),
            ("99.0", "2.0"),
        ] {
            let version = answered(&[("Engine", number), ("runc", "1.3.6")], number, api);
            assert!(refusal(&version, URI).is_none(), "{number}");
        }
        assert!(refusal(&SystemVersion::default(), URI).is_none());
    }

    #[test]
    fn podman_and_older_engines_are_refused_by_name_with_what_to_do() {
        let podman = answered(
            &[("Podman Engine", "5.4.2"), ("Conmon", "2.1.12")],
            "5.4.2",
            "1.41",
        );
        let error = refusal(&podman, URI).unwrap();
        assert_eq!(error.kind(), EngineErrorKind::Unsupported);
        for part in ["Podman Engine 5.4.2", URI, "DOCKER_HOST", "20.10"] {
            assert!(error.message().contains(part), "{error}");
        }
        let old = answered(&[("Engine", "19.03.15")], "19.03.15", "1.40");
        let error = refusal(&old, URI).unwrap();
        assert!(error.message().contains("19.03.15 with API 1.40"), "{error}");
    }

    #[test]
    fn the_runtime_is_told_with_its_version_and_the_image_store_by_name() {
        let version = answered(&[("Engine", "28.5.2"), ("runc", "1.3.6")], "28.5.2", "1.51");
        let mut described = SystemInfo {
            default_runtime: Some("runc".to_owned()),
            driver: Some("overlay2".to_owned()),
            ..Default::default()
        };
        let info = told(&version, described.clone());
        assert_eq!(
            info.to_string(),
            "docker 28.5.2 (API 1.51, storage overlay2, runtime runc 1.3.6)"
        );
        described.default_runtime = Some("crun".to_owned());
        described.driver = Some("overlayfs".to_owned());
        described.driver_status = Some(vec![vec![
            "driver-type".to_owned(),
            "io.containerd.snapshotter.v1".to_owned(),
        ]]);
        let info = told(&version, described);
        assert_eq!(info.runtime.as_deref(), Some("crun"));
        assert_eq!(info.storage.as_deref(), Some("overlayfs of containerd"));
    }
}

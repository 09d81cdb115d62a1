//! What the engine keeps for an instance, by its labels, and how one piece of it goes.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime},
};

use bollard::{
    auth::DockerCredentials,
    models::{ContainerSummary, ImageSummary, NetworkInspect},
    query_parameters::{
        InspectNetworkOptions, ListContainersOptionsBuilder, ListImagesOptionsBuilder,
        ListVolumesOptionsBuilder, RemoveImageOptionsBuilder,
    },
};
use hap_manifest::PluginId;

use super::{
    client::Client,
    container,
    convert::{observed::moment, owner::carries},
    layers, network,
};
use crate::engine::{
    cannot_remove,
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    labels,
    naming::image_prefix,
    not_of_instance,
    observed::ContainerId,
    resource::{Resource, ResourceKind},
};

pub(super) async fn list(
    client: &Client,
    instance: &InstanceName,
    kind: ResourceKind,
) -> Result<Vec<Resource>, EngineError> {
    match kind {
        ResourceKind::Container => containers(client, instance).await,
        ResourceKind::Network => networks(client, instance).await,
        ResourceKind::Volume => volumes(client, instance).await,
        ResourceKind::Image => images(client, instance).await,
    }
}

/// Looks whose it is once more, then removes it.
pub(super) async fn remove_resource(
    client: &Client,
    instance: &InstanceName,
    resource: &Resource,
) -> Result<u64, EngineError> {
    match resource.kind {
        ResourceKind::Container => {
            let id = ContainerId::new(resource.id.as_str());
            match container::labels_of(client, "remove resource", &id).await? {
                None => Ok(0),
                Some(labels) if is_whole(&labels, instance) => {
                    container::remove(client, &id).await.map(|()| 0)
                }
                Some(_) => Err(not_of_instance(instance, resource)),
            }
        }
        ResourceKind::Network => discard_network(client, instance, resource).await.map(|()| 0),
        ResourceKind::Image => discard_image(client, instance, resource).await,
        ResourceKind::Volume => Err(cannot_remove(resource)),
    }
}

/// Whether something carries every label that is put on whatever the supervisor makes.
fn is_whole(found: &HashMap<String, String>, instance: &InstanceName) -> bool {
    found.contains_key(labels::SCHEMA) && carries(found, instance, None)
}

/// The plugin that labels name.
fn plugin(found: &HashMap<String, String>, label: &str) -> Option<PluginId> {
    PluginId::new(found.get(label)?).ok()
}

/// The engine's clock and ours are one where both are on one machine; elsewhere a clock that is
/// ahead makes things young.
fn age(since: Option<SystemTime>) -> Option<Duration> {
    Some(since?.elapsed().unwrap_or_default())
}

fn of_seconds(seconds: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn label_filter(label: &str, instance: &InstanceName) -> HashMap<&'static str, Vec<String>> {
    HashMap::from([("label", vec![format!("{label}={instance}")])])
}

async fn all_containers(
    client: &Client,
    subject: &InstanceName,
    filters: &HashMap<&'static str, Vec<String>>,
) -> Result<Vec<ContainerSummary>, EngineError> {
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(filters)
        .build();
    let listed = client.docker().list_containers(Some(options));
    Ok(client.read_list("list", subject.as_str(), listed).await?)
}

async fn containers(client: &Client, instance: &InstanceName) -> Result<Vec<Resource>, EngineError> {
    let listed = all_containers(client, instance, &label_filter(labels::INSTANCE, instance)).await?;
    let ours = listed.into_iter().filter_map(|found| {
        let labels = found.labels.filter(|labels| is_whole(labels, instance))?;
        let id = found.id?;
        let name = found.names.into_iter().flatten().next();
        let name = name.map_or_else(|| id.clone(), |name| name.trim_start_matches('/').to_owned());
        Some(Resource {
            plugin: Some(plugin(&labels, labels::PLUGIN_ID)?),
            age: age(found.created.and_then(of_seconds)),
            ..Resource::new(ResourceKind::Container, id, name)
        })
    });
    Ok(ours.collect())
}

async fn networks(client: &Client, instance: &InstanceName) -> Result<Vec<Resource>, EngineError> {
    let mut resources = Vec::new();
    for found in network::find::unneeded(client, instance).await? {
        let Some(id) = found.id else { continue };
        // Only the details tell who is on it.
        let Some(details) = inspect_network(client, &id).await? else {
            continue;
        };
        resources.push(Resource {
            age: age(found.created.as_deref().and_then(moment)),
            in_use: details.containers.is_some_and(|attached| !attached.is_empty()),
            ..Resource::new(ResourceKind::Network, id.clone(), found.name.unwrap_or(id))
        });
    }
    Ok(resources)
}

async fn inspect_network(client: &Client, id: &str) -> Result<Option<NetworkInspect>, EngineError> {
    let looked = client.docker().inspect_network(id, None::<InspectNetworkOptions>);
    match client.read("inspect network", id, looked).await {
        Ok(details) => Ok(Some(details)),
        Err(failure) if failure.is(404) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

async fn discard_network(
    client: &Client,
    instance: &InstanceName,
    resource: &Resource,
) -> Result<(), EngineError> {
    let Some(details) = inspect_network(client, &resource.id).await? else {
        return Ok(());
    };
    let is_ours = details
        .labels
        .as_ref()
        .is_some_and(|labels| is_whole(labels, instance));
    let unneeded = network::find::unneeded(client, instance).await?;
    if !is_ours
        || !unneeded
            .iter()
            .any(|network| network.id.as_deref() == Some(&resource.id))
    {
        return Err(not_of_instance(instance, resource));
    }
    if network::remove::remove_unused(client, &resource.id, &resource.name).await? {
        Ok(())
    } else {
        Err(in_use("containers are attached to it", resource))
    }
}

async fn volumes(client: &Client, instance: &InstanceName) -> Result<Vec<Resource>, EngineError> {
    let mut filters = label_filter(labels::INSTANCE, instance);
    let all = list_volumes(client, instance, &filters).await?;
    filters.insert("dangling", vec!["true".to_owned()]);
    let free = list_volumes(client, instance, &filters).await?;
    let free: HashSet<_> = free.into_iter().map(|volume| volume.name).collect();
    let ours = all.into_iter().filter_map(|found| {
        if !is_whole(&found.labels, instance) {
            return None;
        }
        Some(Resource {
            plugin: Some(plugin(&found.labels, labels::PLUGIN_ID)?),
            age: age(found.created_at.as_deref().and_then(moment)),
            in_use: !free.contains(&found.name),
            ..Resource::new(ResourceKind::Volume, found.name.as_str(), found.name.as_str())
        })
    });
    Ok(ours.collect())
}

async fn list_volumes(
    client: &Client,
    instance: &InstanceName,
    filters: &HashMap<&'static str, Vec<String>>,
) -> Result<Vec<bollard::models::Volume>, EngineError> {
    let options = ListVolumesOptionsBuilder::default().filters(filters).build();
    let listed = client.docker().list_volumes(Some(options));
    let listed = client.read("list volumes", instance.as_str(), listed).await?;
    Ok(listed.volumes.unwrap_or_default())
}

/// An image carries the tag that it was built under, because an image that somebody builds `FROM`
/// one of ours inherits its labels, and is theirs: it has another tag. A tag is ours only where no
/// operator has one. Labels prove nothing: a stranger's image may carry ours, with the tag that its
/// operator gave it, and earlier versions tagged as manifests said.
fn is_our_image(found: &HashMap<String, String>, tags: &[String], instance: &InstanceName) -> bool {
    let of = found.get(labels::IMAGE_INSTANCE).map(String::as_str);
    let Some(tag) = found.get(labels::IMAGE_TAG) else {
        return false;
    };
    of == Some(instance.as_str())
        && tags
            .iter()
            .filter(|other| !other.starts_with("<none>"))
            .all(|other| other == tag && other.starts_with(&image_prefix(instance)))
}

async fn images(client: &Client, instance: &InstanceName) -> Result<Vec<Resource>, EngineError> {
    let options = ListImagesOptionsBuilder::default()
        .filters(&label_filter(labels::IMAGE_INSTANCE, instance))
        .build();
    let listed = client.docker().list_images(Some(options));
    let listed = client.read_list("list images", instance.as_str(), listed).await?;
    let containers = all_containers(client, instance, &HashMap::new()).await?;
    let used: HashSet<_> = containers
        .into_iter()
        .filter_map(|container| container.image_id)
        .collect();
    let ours = listed.into_iter().filter_map(|found: ImageSummary| {
        if !is_our_image(&found.labels, &found.repo_tags, instance) {
            return None;
        }
        let tag = found.repo_tags.iter().find(|tag| !tag.starts_with("<none>"));
        Some(Resource {
            plugin: Some(plugin(&found.labels, labels::IMAGE_PLUGIN)?),
            age: age(of_seconds(found.created)),
            bytes: u64::try_from(found.size).ok(),
            in_use: used.contains(&found.id),
            ..Resource::new(
                ResourceKind::Image,
                found.id.as_str(),
                tag.unwrap_or(&found.id).as_str(),
            )
        })
    });
    Ok(ours.collect())
}

async fn discard_image(
    client: &Client,
    instance: &InstanceName,
    resource: &Resource,
) -> Result<u64, EngineError> {
    let (id, subject) = (resource.id.as_str(), resource.name.as_str());
    let found = match client
        .read("inspect image", subject, client.docker().inspect_image(id))
        .await
    {
        Ok(found) => found,
        Err(failure) if failure.is(404) => return Ok(0),
        Err(failure) => return Err(failure.into()),
    };
    let labels = found
        .config
        .as_ref()
        .and_then(|config| config.labels.clone())
        .unwrap_or_default();
    let tags = found.repo_tags.clone().unwrap_or_default();
    if !is_our_image(&labels, &tags, instance) {
        return Err(not_of_instance(instance, resource));
    }
    let history = client
        .read_list("inspect image", subject, client.docker().image_history(id))
        .await?;
    let options = RemoveImageOptionsBuilder::default().force(false).build();
    let removal = client
        .docker()
        .remove_image(id, Some(options), None::<DockerCredentials>);
    match client.call("remove image", subject, removal).await {
        Ok(removed) => {
            let gone = removed.into_iter().filter_map(|item| item.deleted).collect();
            Ok(layers::freed(&found, &history, &gone))
        }
        Err(failure) if failure.is(404) => Ok(0),
        Err(failure) if failure.is(409) => Err(in_use(failure.message(), resource)),
        Err(failure) => Err(failure.into()),
    }
}

fn in_use(why: &str, resource: &Resource) -> EngineError {
    let message = format!("it is in use and stays: {why}");
    EngineError::new(
        EngineErrorKind::Conflict,
        "remove resource",
        &resource.name,
        message,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        let owned = |text: &&str| (*text).to_owned();
        pairs
            .iter()
            .map(|(name, value)| (owned(name), owned(value)))
            .collect()
    }

    #[test]
    fn an_image_is_ours_as_long_as_nobody_gave_it_a_tag_of_their_own() {
        let home = InstanceName::new("home").unwrap();
        let ours = labelled(&[
            (labels::IMAGE_INSTANCE, "home"),
            (labels::IMAGE_TAG, "hap/home/light:1"),
            (labels::IMAGE_PLUGIN, "light"),
        ]);
        let tags = |all: &[&str]| all.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        for mine in [&["hap/home/light:1"][..], &[], &["<none>:<none>"]] {
            assert!(is_our_image(&ours, &tags(mine), &home), "{mine:?}");
        }
        for theirs in [&["their-light:1"][..], &["hap/home/light:1", "kept:1"]] {
            assert!(!is_our_image(&ours, &tags(theirs), &home), "{theirs:?}");
        }
        assert!(!is_our_image(
            &ours,
            &tags(&["hap/home/light:1"]),
            &InstanceName::new("away").unwrap()
        ));
        // As a stranger's Dockerfile says, or as earlier versions tagged.
        let named = labelled(&[
            (labels::IMAGE_INSTANCE, "home"),
            (labels::IMAGE_TAG, "postgres:15"),
        ]);
        assert!(!is_our_image(&named, &tags(&["postgres:15"]), &home));
        let untagged = labelled(&[(labels::IMAGE_INSTANCE, "home")]);
        assert!(!is_our_image(&untagged, &[], &home));
    }

    #[test]
    fn copied_labels_that_are_not_all_there_are_not_ours() {
        let home = InstanceName::new("home").unwrap();
        let whole = labels::of_instance(&home).into_iter().collect();
        assert!(is_whole(&whole, &home));
        assert!(!is_whole(&labelled(&[(labels::INSTANCE, "home")]), &home));
        assert!(!is_whole(&whole, &InstanceName::new("away").unwrap()));
    }

    #[test]
    fn what_was_made_in_the_future_is_young_and_what_has_no_date_has_no_age() {
        assert_eq!(
            age(Some(SystemTime::now() + Duration::from_secs(60))),
            Some(Duration::ZERO)
        );
        assert_eq!(age(of_seconds(0)), None);
        assert!(age(of_seconds(1)).is_some_and(|age| age > Duration::from_secs(1_000_000)));
    }
}

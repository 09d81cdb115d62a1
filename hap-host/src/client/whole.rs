//! Calls about the host as a whole.

use hap_manifest::PluginId;
use serde_json::Value;

use super::{
    Client,
    answers::{
        DataRemoved, Health, HostEventView, InstallingList, OrphanList, PluginEventView, PluginList, Review,
        SupervisorEvent, Swept,
    },
    error::{ClientError, ClientErrorKind},
    follow::{Follow, Source},
    operation::Operation,
    options::{EventOptions, Package, PluginEventOptions},
};

/// What [`Client::follow_events`] tells of.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HostOrPlugin {
    /// Something that happened to a plugin.
    Plugin(SupervisorEvent),
    /// Something that happened to the host as a whole.
    Host(HostEventView),
}

impl Client {
    /// Returns all installed plugins, by id.
    ///
    /// # Errors
    /// Any [`ClientError`], as of every other method.
    pub async fn list_plugins(&self) -> Result<PluginList, ClientError> {
        self.call(Operation::ListPlugins).answer().await
    }

    /// Returns what a plugin would ask for, and what stands against it with these grants. Nothing is installed.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn review_manifest(&self, package: Package, grants: &[String]) -> Result<Review, ClientError> {
        let mut call = self.call(Operation::ReviewManifest).package(package);
        for grant in grants {
            call = call.query("grant", grant);
        }
        call.answer().await
    }

    /// Returns the installations that are under way.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn list_installing(&self) -> Result<InstallingList, ClientError> {
        self.call(Operation::ListInstalling).answer().await
    }

    /// Returns what the engine keeps for this host that belongs to no plugin.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn list_orphans(&self) -> Result<OrphanList, ClientError> {
        self.call(Operation::ListOrphans).answer().await
    }

    /// Removes the containers and networks among the orphans that are at least so old, in seconds.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn sweep_orphans(&self, minimum_age_s: u32) -> Result<Swept, ClientError> {
        let call = self.call(Operation::SweepOrphans).empty();
        call.query("minimum_age_s", &minimum_age_s.to_string())
            .answer()
            .await
    }

    /// Removes the images that were built for plugins and that none runs any more.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn prune_images(&self) -> Result<Swept, ClientError> {
        self.call(Operation::PruneImages).empty().answer().await
    }

    /// Removes the volumes that an uninstalled plugin left.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn remove_orphaned_data(&self, plugin: &PluginId) -> Result<DataRemoved, ClientError> {
        let call = self.call(Operation::RemoveOrphanedData);
        call.query("plugin", plugin.as_str()).answer().await
    }

    /// Returns everything that the host counts, in the OpenMetrics format.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_metrics(&self) -> Result<String, ClientError> {
        let bytes = self.call(Operation::GetMetrics).bytes().await?;
        String::from_utf8(bytes.to_vec())
            .map_err(|_| ClientError::new(ClientErrorKind::InvalidReply, "the metrics are no text"))
    }

    /// Returns how the host itself does.
    ///
    /// # Errors
    /// Any [`ClientError`]; one that is refused with the code `engine` where its engine does not answer.
    pub async fn get_health(&self) -> Result<Health, ClientError> {
        self.call(Operation::GetHealth).answer().await
    }

    /// Returns the OpenAPI document of the host's own version.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_openapi(&self) -> Result<Value, ClientError> {
        self.call(Operation::GetOpenapi).answer().await
    }

    /// Returns what happens to plugins, and to the host, from now on. What happens while the host cannot be
    /// reached is not told later.
    #[must_use]
    pub fn follow_events(&self, options: EventOptions) -> Follow<HostOrPlugin> {
        let source = Source::new(self, Operation::FollowEvents, None)
            .maybe("plugin", options.plugin.map(|plugin| plugin.to_string()));
        Follow::new(source, |name, data| match name {
            "event" => Some(serde_json::from_value(data).map(HostOrPlugin::Plugin)),
            "host" => Some(serde_json::from_value(data).map(HostOrPlugin::Host)),
            _ => None,
        })
    }

    /// Returns what plugins send, from the host's disk: none is missed while the host cannot be reached for less
    /// time than it keeps events.
    #[must_use]
    pub fn follow_plugin_events(&self, options: PluginEventOptions) -> Follow<PluginEventView> {
        let source = Source::new(self, Operation::FollowPluginEvents, None)
            .maybe("plugin", options.plugin.map(|plugin| plugin.to_string()))
            .maybe("type_prefix", options.type_prefix)
            .maybe("after", options.after);
        Follow::new(source, |name, data| {
            (name == "event").then(|| serde_json::from_value(data))
        })
    }
}

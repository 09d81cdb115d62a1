//! Every operation of the API: its name, its method, its path, and the time that it may take.

use std::time::Duration;

use hyper::Method;

/// Makes [`Operation`] of its rows: the variant, the name in the OpenAPI document, method, path and seconds.
macro_rules! operations {
    ($($variant:ident $name:literal $method:ident $path:literal $seconds:expr;)*) => {
        /// An operation of the management API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Operation { $($variant),* }

        impl Operation {
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$variant),*];

            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            pub(super) fn method(self) -> Method {
                match self { $(Self::$variant => Method::$method),* }
            }

            /// With `{id}` in the place of a plugin's id.
            pub(super) const fn path(self) -> &'static str {
                match self { $(Self::$variant => $path),* }
            }

            /// How long it may take in all, a little more than the host's own bound.
            pub(super) const fn limit(self) -> Duration {
                match self { $(Self::$variant => Duration::from_secs($seconds)),* }
            }
        }
    };
}

/// What only looks.
const QUICK: u64 = 65;
const CONFIG: u64 = 160;
const COMMAND: u64 = 11 * 60 + 10;
const ORPHANS: u64 = 16 * 60;
/// A host waits for dependencies too, an hour at most by default.
const LIFE: u64 = 80 * 60;
const INSTALL: u64 = 46 * 60;
const UPDATE: u64 = 5 * 60 * 60;

operations! {
    ListPlugins "list_plugins" GET "/v1/plugins" QUICK;
    InstallPlugin "install_plugin" POST "/v1/plugins" INSTALL;
    GetPlugin "get_plugin" GET "/v1/plugins/{id}" QUICK;
    UninstallPlugin "uninstall_plugin" DELETE "/v1/plugins/{id}" LIFE;
    StartPlugin "start_plugin" POST "/v1/plugins/{id}/start" LIFE;
    StopPlugin "stop_plugin" POST "/v1/plugins/{id}/stop" LIFE;
    RestartPlugin "restart_plugin" POST "/v1/plugins/{id}/restart" LIFE;
    SetDesired "set_desired" PUT "/v1/plugins/{id}/desired" QUICK;
    RotateSecrets "rotate_secrets" POST "/v1/plugins/{id}/rotate-secrets" LIFE;
    UpdatePlugin "update_plugin" POST "/v1/plugins/{id}/update" UPDATE;
    RollBackPlugin "roll_back_plugin" POST "/v1/plugins/{id}/roll-back" UPDATE;
    ForgetPreviousVersion "forget_previous_version" DELETE "/v1/plugins/{id}/previous-version" QUICK;
    GetLimits "get_limits" GET "/v1/plugins/{id}/limits" QUICK;
    SetLimits "set_limits" PUT "/v1/plugins/{id}/limits" LIFE;
    SetBoot "set_boot" PUT "/v1/plugins/{id}/boot" QUICK;
    GetEnv "get_env" GET "/v1/plugins/{id}/env" QUICK;
    SetEnv "set_env" PUT "/v1/plugins/{id}/env" LIFE;
    GetActivity "get_activity" GET "/v1/plugins/{id}/activity" QUICK;
    GetPermissions "get_permissions" GET "/v1/plugins/{id}/permissions" QUICK;
    SetGrants "set_grants" PUT "/v1/plugins/{id}/grants" QUICK;
    SendCommand "send_command" POST "/v1/plugins/{id}/command" COMMAND;
    GetConfig "get_config" GET "/v1/plugins/{id}/config" QUICK;
    SetConfig "set_config" PUT "/v1/plugins/{id}/config" CONFIG;
    GetStatus "get_status" GET "/v1/plugins/{id}/status" QUICK;
    GetLastStatus "get_last_status" GET "/v1/plugins/{id}/last-status" QUICK;
    GetUsage "get_usage" GET "/v1/plugins/{id}/usage" QUICK;
    GetLogs "get_logs" GET "/v1/plugins/{id}/logs" QUICK;
    FollowLogs "follow_logs" GET "/v1/plugins/{id}/logs/stream" QUICK;
    FollowEvents "follow_events" GET "/v1/events" QUICK;
    FollowPluginEvents "follow_plugin_events" GET "/v1/plugin-events" QUICK;
    ReviewManifest "review_manifest" POST "/v1/policy/review" INSTALL;
    ListInstalling "list_installing" GET "/v1/installing" QUICK;
    ListOrphans "list_orphans" GET "/v1/orphans" ORPHANS;
    SweepOrphans "sweep_orphans" POST "/v1/orphans/sweep" ORPHANS;
    PruneImages "prune_images" POST "/v1/orphans/prune-images" ORPHANS;
    RemoveOrphanedData "remove_orphaned_data" DELETE "/v1/orphans/data" ORPHANS;
    GetMetrics "get_metrics" GET "/v1/metrics" QUICK;
    GetHealth "get_health" GET "/v1/health" QUICK;
    GetOpenapi "get_openapi" GET "/openapi.json" QUICK;
}

//! Every route, once.

use axum::routing::{delete, get, post, put};
use hap_manifest::{
    Manifest,
    wire::{CommandRequest, CommandResponse, Map, StatusReport, WireError},
};

use super::{
    calls, lifecycle, observe, orphans, overrides,
    params::TAIL,
    permissions, plugins,
    route::{Input, Kind, Limit, Output, Parameter, Route, Shape, Verb, shape},
    streams, versions,
    view::{
        access::{Permissions, Review},
        activity::{ActivityView, InstallingList},
        answer::{ConfigAnswer, Health, KeptConfig, LastStatus, Removed},
        event::{PluginEventView, SupervisorEvent},
        log::{LogLineView, LogLines},
        orphan::{DataRemoved, OrphanList, Swept},
        overrides::{Limits, OperatorEnv, WantedBoot, WantedLimits},
        plugin::{PluginDetails, PluginList, PluginStateView, Updated},
        progress::{Counted, Ended, ProgressView},
        request::{WantedGrants, WantedState},
        usage::UsageView,
    },
};
use crate::{error::ErrorKind, supervisor::Supervisor};

/// A read with the usual bounds; what a route has of its own stands at the route.
const READ: Route = Route {
    verb: Verb::Get,
    path: "",
    operation: "",
    summary: "",
    parameters: &[],
    input: Input::None,
    output: Output::Document,
    errors: &[],
    asks_plugin: false,
    limit: Limit::Quick,
    serve: || get(observe::document),
};

/// A change of one plugin that takes nothing in its body and answers where the plugin is.
const ACT: Route = Route {
    verb: Verb::Post,
    input: Input::Empty,
    output: Output::Json(&[200], shape::<PluginStateView>),
    errors: RECORDED,
    limit: Limit::Life,
    ..READ
};

/// How recording what is wanted may fail.
const RECORDED: &[ErrorKind] = &[ErrorKind::Store, ErrorKind::Gone, ErrorKind::Busy];
/// How a start may.
const STARTED: &[ErrorKind] = &[
    ErrorKind::Failed,
    ErrorKind::Dependency,
    ErrorKind::NotPermitted,
    ErrorKind::Timeout,
    ErrorKind::Store,
    ErrorKind::Gone,
    ErrorKind::Busy,
];
/// How asking a plugin may.
const ASKED: &[ErrorKind] = &[
    ErrorKind::NotRunning,
    ErrorKind::Unreachable,
    ErrorKind::Interrupted,
    ErrorKind::InvalidReply,
    ErrorKind::Timeout,
    ErrorKind::Busy,
];
/// How a command may.
const COMMANDED: &[ErrorKind] = &[
    ErrorKind::InvalidInput,
    ErrorKind::NotRunning,
    ErrorKind::Unreachable,
    ErrorKind::Interrupted,
    ErrorKind::InvalidReply,
    ErrorKind::Timeout,
    ErrorKind::Busy,
];
const INSTALLED: &[ErrorKind] = &[
    ErrorKind::InvalidInput,
    ErrorKind::NotPermitted,
    ErrorKind::Dependency,
    ErrorKind::AlreadyInstalled,
    ErrorKind::Busy,
    ErrorKind::Image,
    ErrorKind::Timeout,
    ErrorKind::Engine,
    ErrorKind::Store,
];

/// How an update, or a way back, may.
const UPDATED: &[ErrorKind] = &[
    ErrorKind::Failed,
    ErrorKind::InvalidInput,
    ErrorKind::NotPermitted,
    ErrorKind::Dependency,
    ErrorKind::Image,
    ErrorKind::Timeout,
    ErrorKind::Engine,
    ErrorKind::Store,
    ErrorKind::Gone,
    ErrorKind::Busy,
];
/// How asking the engine and the store what belongs to nobody may.
const SWEPT: &[ErrorKind] = &[ErrorKind::Engine, ErrorKind::Timeout, ErrorKind::Store];

const fn query(name: &'static str, kind: Kind, about: &'static str) -> Parameter {
    Parameter {
        name,
        header: false,
        required: false,
        kind,
        about,
    }
}

const fn in_header(name: &'static str, about: &'static str) -> Parameter {
    Parameter {
        name,
        header: true,
        required: false,
        kind: Kind::Text,
        about,
    }
}

const GRANT: Parameter = query(
    "grant",
    Kind::Texts,
    "Grants a permission by its short name, such as `network` or `device:/dev/ttyUSB0`. What the manifest does not ask for is left out.",
);
const GRANT_ALL: Parameter = query(
    "grant_all",
    Kind::Flag,
    "Grants everything that the manifest asks for. Show it to the owner first: `POST /v1/policy/review`.",
);
const SINCE: Parameter = query(
    "since",
    Kind::Time,
    "Only lines written at or after this time, by RFC 3339.",
);
const LAST_EVENT_ID: Parameter = in_header(
    "last-event-id",
    "Where a reader that comes again goes on: the id of the last item that it has. Browsers send it by themselves. It overrides the query.",
);

const LINE: (&str, Shape) = ("line", shape::<LogLineView>);
const MISSED: (&str, Shape) = ("missed", shape::<Counted>);
const FAILED: (&str, Shape) = ("failed", shape::<WireError>);
const END: (&str, Shape) = ("end", shape::<Ended>);

pub(super) static ROUTES: [Route; 39] = [
    Route {
        path: "/v1/plugins",
        operation: "list_plugins",
        summary: "All installed plugins, by id.",
        output: Output::Json(&[200], shape::<PluginList>),
        serve: || get(plugins::list),
        ..READ
    },
    Route {
        verb: Verb::Post,
        path: "/v1/plugins",
        operation: "install_plugin",
        summary: "Installs a plugin without starting it, from an uploaded package or by the manifest of an image. Whoever accepts `text/event-stream` is told what is done meanwhile; the last event is `installed` or `refused`. When the caller goes away it is given up, and the plugin is installed as a whole or not at all.",
        parameters: &[GRANT, GRANT_ALL],
        input: Input::Package(shape::<Manifest>),
        output: Output::JsonOrEvents(
            &[201],
            shape::<PluginDetails>,
            &[
                ("progress", shape::<ProgressView>),
                ("installed", shape::<PluginDetails>),
                ("refused", shape::<WireError>),
                END,
            ],
        ),
        errors: INSTALLED,
        limit: Limit::Install,
        serve: || post(plugins::install),
        ..READ
    },
    Route {
        path: "/v1/plugins/{id}",
        operation: "get_plugin",
        summary: "Everything that is known of one plugin.",
        output: Output::Json(&[200], shape::<PluginDetails>),
        serve: || get(plugins::get),
        ..READ
    },
    Route {
        verb: Verb::Delete,
        path: "/v1/plugins/{id}",
        operation: "uninstall_plugin",
        summary: "Stops the plugin and removes it. Its data stays unless told otherwise.",
        parameters: &[
            query(
                "remove_data",
                Kind::Flag,
                "Removes its volumes too. There is no way back.",
            ),
            query(
                "even_if_needed",
                Kind::Flag,
                "Removes it also when others depend on it.",
            ),
        ],
        output: Output::Json(&[200], shape::<Removed>),
        errors: &[
            ErrorKind::Dependency,
            ErrorKind::Timeout,
            ErrorKind::Store,
            ErrorKind::Gone,
            ErrorKind::Busy,
        ],
        limit: Limit::Life,
        serve: || delete(plugins::uninstall),
        ..READ
    },
    Route {
        path: "/v1/plugins/{id}/start",
        operation: "start_plugin",
        summary: "Makes the plugin run, and answers when it is healthy, or with the diagnosis in `details.failure`. Fine when it is already.",
        errors: STARTED,
        serve: || post(lifecycle::start),
        ..ACT
    },
    Route {
        path: "/v1/plugins/{id}/stop",
        operation: "stop_plugin",
        summary: "Stops the plugin, and answers when it is down. Fine when it is already.",
        errors: &[
            ErrorKind::Timeout,
            ErrorKind::Store,
            ErrorKind::Gone,
            ErrorKind::Busy,
        ],
        serve: || post(lifecycle::stop),
        ..ACT
    },
    Route {
        path: "/v1/plugins/{id}/restart",
        operation: "restart_plugin",
        summary: "Stops the plugin, starts it again and answers when it is healthy.",
        errors: &[
            ErrorKind::NotRunning,
            ErrorKind::Failed,
            ErrorKind::Dependency,
            ErrorKind::NotPermitted,
            ErrorKind::Timeout,
            ErrorKind::Store,
            ErrorKind::Gone,
            ErrorKind::Busy,
        ],
        serve: || post(lifecycle::restart),
        ..ACT
    },
    Route {
        verb: Verb::Put,
        path: "/v1/plugins/{id}/desired",
        operation: "set_desired",
        summary: "Records what is wanted of the plugin and answers at once; what follows happens in the background.",
        input: Input::Json(shape::<WantedState>),
        output: Output::Json(&[202], shape::<PluginStateView>),
        limit: Limit::Quick,
        serve: || put(lifecycle::set_desired),
        ..ACT
    },
    Route {
        path: "/v1/plugins/{id}/rotate-secrets",
        operation: "rotate_secrets",
        summary: "Gives the plugin a new token and a new webhook secret, and answers when it runs with them. It is started again for that. The keys are never shown.",
        errors: STARTED,
        serve: || post(lifecycle::rotate_secrets),
        ..ACT
    },
    Route {
        verb: Verb::Post,
        path: "/v1/plugins/{id}/update",
        operation: "update_plugin",
        summary: "Brings the plugin to another version, from an uploaded package or by the manifest of an image, and answers when that has proven itself. Otherwise the old version, its settings and its data come back, and the refusal says why. Whoever accepts `text/event-stream` is told what is done meanwhile; the last event is `updated` or `refused`. When the caller goes away before the plugin is stopped, nothing has changed; later it goes on.",
        parameters: &[
            GRANT,
            GRANT_ALL,
            query(
                "allow_downgrade",
                Kind::Flag,
                "Takes also a version that is lower than the one that it has.",
            ),
            query(
                "without_snapshot",
                Kind::Flag,
                "Leaves out the copy of its data: a version that fails leaves behind what it wrote.",
            ),
            query(
                "even_if_dependants_break",
                Kind::Flag,
                "Takes also a version that plugins which depend on it do not accept.",
            ),
        ],
        input: Input::Package(shape::<Manifest>),
        output: Output::JsonOrEvents(
            &[200],
            shape::<Updated>,
            &[
                ("progress", shape::<ProgressView>),
                ("updated", shape::<Updated>),
                ("refused", shape::<WireError>),
                END,
            ],
        ),
        errors: UPDATED,
        limit: Limit::Update,
        serve: || post(versions::update),
        ..READ
    },
    Route {
        path: "/v1/plugins/{id}/roll-back",
        operation: "roll_back_plugin",
        summary: "Goes back to the version before the last update, and answers when that has proven itself. While an update is on probation, that is the end of it: its data comes back in any case.",
        parameters: &[query(
            "restore_data",
            Kind::Flag,
            "Puts back the data as that version left it. What was written since is lost.",
        )],
        output: Output::Json(&[200], shape::<Updated>),
        errors: UPDATED,
        limit: Limit::Update,
        serve: || post(versions::roll_back),
        ..ACT
    },
    Route {
        verb: Verb::Delete,
        path: "/v1/plugins/{id}/previous-version",
        operation: "forget_previous_version",
        summary: "Forgets the version before the last update, and removes the copy of its data. There is no way back. Fine when there is none.",
        output: Output::Json(&[200], shape::<PluginStateView>),
        errors: RECORDED,
        serve: || delete(versions::forget_previous),
        ..READ
    },
    Route {
        path: "/v1/plugins/{id}/limits",
        operation: "get_limits",
        summary: "The limits that hold for the plugin, and which of them the operator gave it.",
        output: Output::Json(&[200], shape::<Limits>),
        serve: || get(overrides::limits),
        ..READ
    },
    Route {
        verb: Verb::Put,
        path: "/v1/plugins/{id}/limits",
        operation: "set_limits",
        summary: "Replaces the limits that the operator gives the plugin in place of its manifest's, and answers when its container has them. `{}` takes them back.",
        input: Input::Json(shape::<WantedLimits>),
        output: Output::Json(&[200], shape::<Limits>),
        errors: &[
            ErrorKind::NotPermitted,
            ErrorKind::Timeout,
            ErrorKind::Store,
            ErrorKind::Gone,
            ErrorKind::Busy,
        ],
        serve: || put(overrides::set_limits),
        ..ACT
    },
    Route {
        verb: Verb::Put,
        path: "/v1/plugins/{id}/boot",
        operation: "set_boot",
        summary: "Says what becomes of the plugin when the host starts. It changes nothing now.",
        input: Input::Json(shape::<WantedBoot>),
        limit: Limit::Quick,
        serve: || put(overrides::set_boot),
        ..ACT
    },
    Route {
        path: "/v1/plugins/{id}/env",
        operation: "get_env",
        summary: "The environment variables that the operator sets for the plugin, without the values of secret ones.",
        output: Output::Json(&[200], shape::<OperatorEnv>),
        serve: || get(overrides::env),
        ..READ
    },
    Route {
        verb: Verb::Put,
        path: "/v1/plugins/{id}/env",
        operation: "set_env",
        summary: "Replaces the environment variables that the operator sets for the plugin, and answers when it runs with them, or with the diagnosis in `details.failure`. It is started again for that, unless they are the same.",
        input: Input::Json(shape::<OperatorEnv>),
        output: Output::Json(&[200], shape::<OperatorEnv>),
        errors: &[
            ErrorKind::InvalidInput,
            ErrorKind::Failed,
            ErrorKind::Dependency,
            ErrorKind::NotPermitted,
            ErrorKind::Timeout,
            ErrorKind::Store,
            ErrorKind::Gone,
            ErrorKind::Busy,
        ],
        serve: || put(overrides::set_env),
        ..ACT
    },
    Route {
        path: "/v1/plugins/{id}/activity",
        operation: "get_activity",
        summary: "What is going on with the plugin: the operation on the engine that is under way, and the calls that wait for it, each with its beginning.",
        output: Output::Json(&[200], shape::<ActivityView>),
        serve: || get(observe::activity),
        ..READ
    },
    Route {
        path: "/v1/plugins/{id}/permissions",
        operation: "get_permissions",
        summary: "What the plugin asks for beyond what every plugin gets, and what became of it.",
        output: Output::Json(&[200], shape::<Permissions>),
        serve: || get(permissions::permissions),
        ..READ
    },
    Route {
        verb: Verb::Put,
        path: "/v1/plugins/{id}/grants",
        operation: "set_grants",
        summary: "Replaces what the plugin was granted. A plugin that may no longer run is stopped; one that was held back by the lack of a grant and is wanted running starts.",
        input: Input::Json(shape::<WantedGrants>),
        output: Output::Json(&[200], shape::<Permissions>),
        limit: Limit::Quick,
        serve: || put(permissions::set_grants),
        ..ACT
    },
    Route {
        verb: Verb::Post,
        path: "/v1/plugins/{id}/command",
        operation: "send_command",
        summary: "Sends a command and answers what the plugin answers. It is sent once, unless an idempotency key says that the plugin knows repetitions. Of the failures, `not_running`, `unreachable` and `busy` mean that it was not delivered; after `interrupted`, `timeout` and `invalid_reply` it may have been carried out.",
        parameters: &[
            query(
                "timeout_ms",
                Kind::Number(calls::TIMEOUT_MS.0, calls::TIMEOUT_MS.1),
                "How long the plugin may take, repetitions included. Default 30000.",
            ),
            in_header(
                "idempotency-key",
                "Allows the command to be sent up to three times when the connection to the plugin fails, each time with this key: 1 to 128 visible ASCII characters.",
            ),
            in_header(
                "x-request-id",
                "The name of this call in logs on both sides: 1 to 128 visible ASCII characters.",
            ),
            in_header(
                "traceparent",
                "The caller's place in a trace, by W3C Trace Context.",
            ),
        ],
        input: Input::Json(shape::<CommandRequest>),
        output: Output::Json(&[200], shape::<CommandResponse>),
        errors: COMMANDED,
        asks_plugin: true,
        limit: Limit::Command,
        serve: || post(calls::command),
    },
    Route {
        path: "/v1/plugins/{id}/config",
        operation: "get_config",
        summary: "The settings that are kept for the plugin, without their secrets.",
        output: Output::Json(&[200], shape::<KeptConfig>),
        errors: &[ErrorKind::Busy],
        serve: || get(calls::config),
        ..READ
    },
    Route {
        verb: Verb::Put,
        path: "/v1/plugins/{id}/config",
        operation: "set_config",
        summary: "Replaces the plugin's settings: the body is the settings object itself. Checked against the manifest's `config_schema`, kept, and given to the plugin: 200 when it has them, 202 when it gets them once it is healthy. What the plugin refuses is forgotten. A secret that says `[REDACTED]`, as it is read, stays as it is.",
        input: Input::Json(shape::<Map>),
        output: Output::Json(&[200, 202], shape::<ConfigAnswer>),
        errors: &[
            ErrorKind::InvalidInput,
            ErrorKind::InvalidReply,
            ErrorKind::Timeout,
            ErrorKind::Busy,
            ErrorKind::Store,
        ],
        asks_plugin: true,
        limit: Limit::Config,
        serve: || put(calls::configure),
        ..READ
    },
    Route {
        path: "/v1/plugins/{id}/status",
        operation: "get_status",
        summary: "Asks the plugin for its status.",
        output: Output::Json(&[200], shape::<StatusReport>),
        errors: ASKED,
        asks_plugin: true,
        serve: || get(calls::status),
        ..READ
    },
    Route {
        path: "/v1/plugins/{id}/last-status",
        operation: "get_last_status",
        summary: "The last status that the plugin sent on its own, without asking it.",
        output: Output::Json(&[200], shape::<LastStatus>),
        errors: &[ErrorKind::Store],
        serve: || get(calls::last_status),
        ..READ
    },
    Route {
        path: "/v1/plugins/{id}/usage",
        operation: "get_usage",
        summary: "What the plugin uses now, and its CPU use since the sample before.",
        output: Output::Json(&[200], shape::<UsageView>),
        errors: &[ErrorKind::NotRunning, ErrorKind::Engine, ErrorKind::Timeout],
        serve: || get(observe::usage),
        ..READ
    },
    Route {
        path: "/v1/plugins/{id}/logs",
        operation: "get_logs",
        summary: "The newest lines of the plugin's output, oldest first; without a container none.",
        parameters: &[
            query(
                "tail",
                Kind::Number(TAIL.0, TAIL.1),
                "At most so many lines. Default 200.",
            ),
            SINCE,
        ],
        output: Output::Json(&[200], shape::<LogLines>),
        errors: &[ErrorKind::Engine, ErrorKind::Timeout],
        serve: || get(observe::logs),
        ..READ
    },
    Route {
        path: "/v1/plugins/{id}/logs/stream",
        operation: "follow_logs",
        summary: "The plugin's output as it comes. It ends when the plugin's container does; come again for the next run.",
        parameters: &[
            query(
                "tail",
                Kind::Number(0, TAIL.1),
                "Earlier lines to begin with. Default 100, and with `since` all.",
            ),
            SINCE,
            LAST_EVENT_ID,
        ],
        output: Output::Events(&[LINE, FAILED, END]),
        serve: || get(streams::logs),
        ..READ
    },
    Route {
        path: "/v1/events",
        operation: "follow_events",
        summary: "What happens to plugins from now on. A reader that is too slow is told how many events it missed; the state of every plugin is exact all the same.",
        parameters: &[query("plugin", Kind::Text, "Only what happens to this plugin.")],
        output: Output::Events(&[("event", shape::<SupervisorEvent>), MISSED, END]),
        serve: || get(streams::events),
        ..READ
    },
    Route {
        path: "/v1/plugin-events",
        operation: "follow_plugin_events",
        summary: "What plugins send: their events and status reports, from the disk. The id of each is its cursor. Without one to go on after, from now on.",
        parameters: &[
            query("plugin", Kind::Text, "Only events of this plugin."),
            query(
                "type_prefix",
                Kind::Text,
                "Only events whose type starts so, such as `device.`.",
            ),
            query(
                "after",
                Kind::Text,
                "Starts after this cursor: `0` for everything that is kept.",
            ),
            LAST_EVENT_ID,
        ],
        output: Output::Events(&[("event", shape::<PluginEventView>), MISSED, FAILED, END]),
        errors: &[ErrorKind::InvalidInput],
        serve: || get(streams::plugin_events),
        ..READ
    },
    Route {
        verb: Verb::Post,
        path: "/v1/policy/review",
        operation: "review_manifest",
        summary: "What a plugin with this manifest would ask for, and what stands against it. Nothing is installed. Whether it may be built here is judged when it is.",
        parameters: &[GRANT],
        input: Input::Manifest(shape::<Manifest>),
        output: Output::Json(&[200], shape::<Review>),
        serve: || post(permissions::review),
        ..READ
    },
    Route {
        path: "/v1/installing",
        operation: "list_installing",
        summary: "The installations that are under way, by id: what they are doing, and since when.",
        output: Output::Json(&[200], shape::<InstallingList>),
        serve: || get(observe::installing),
        ..READ
    },
    Route {
        path: "/v1/orphans",
        operation: "list_orphans",
        summary: "What the engine keeps for this supervisor that belongs to no plugin, and what becomes of each: the dry run of a sweep.",
        output: Output::Json(&[200], shape::<OrphanList>),
        errors: SWEPT,
        limit: Limit::Orphans,
        serve: || get(orphans::list),
        ..READ
    },
    Route {
        path: "/v1/orphans/sweep",
        operation: "sweep_orphans",
        summary: "Removes the containers and networks among the orphans that are old enough. Images and data stay.",
        parameters: &[query(
            "minimum_age_s",
            Kind::Number(orphans::MINIMUM_AGE_S.0, orphans::MINIMUM_AGE_S.1),
            "How old they have to be, in seconds: 0 takes all.",
        )
        .required()],
        output: Output::Json(&[200], shape::<Swept>),
        errors: SWEPT,
        limit: Limit::Orphans,
        serve: || post(orphans::sweep),
        ..ACT
    },
    Route {
        path: "/v1/orphans/prune-images",
        operation: "prune_images",
        summary: "Removes the images that were built here for plugins and that none runs any more.",
        output: Output::Json(&[200], shape::<Swept>),
        errors: SWEPT,
        limit: Limit::Orphans,
        serve: || post(orphans::prune_images),
        ..ACT
    },
    Route {
        verb: Verb::Delete,
        path: "/v1/orphans/data",
        operation: "remove_orphaned_data",
        summary: "Removes the volumes that an uninstalled plugin left. There is no way back. Fine when there are none.",
        parameters: &[query("plugin", Kind::Text, "The plugin that left them.").required()],
        output: Output::Json(&[200], shape::<DataRemoved>),
        errors: &[
            ErrorKind::AlreadyInstalled,
            ErrorKind::Engine,
            ErrorKind::Timeout,
            ErrorKind::Store,
            ErrorKind::Busy,
        ],
        serve: || delete(orphans::remove_data),
        ..READ
    },
    Route {
        path: "/v1/metrics",
        operation: "get_metrics",
        summary: "Everything that is counted, in the OpenMetrics format.",
        output: Output::Text(Supervisor::METRICS_CONTENT_TYPE),
        serve: || get(observe::metrics),
        ..READ
    },
    Route {
        path: "/v1/health",
        operation: "get_health",
        summary: "Whether the supervisor works and its engine answers.",
        output: Output::Json(&[200], shape::<Health>),
        errors: &[ErrorKind::Engine],
        serve: || get(observe::health),
        ..READ
    },
    Route {
        path: "/openapi.json",
        operation: "get_openapi",
        summary: "This document.",
        ..READ
    },
];

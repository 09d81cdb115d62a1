//! Every route, once.

use axum::routing::{MethodFilter, on};
use hap_manifest::{
    Manifest,
    wire::{CommandRequest, CommandResponse, Map, StatusReport, WireError},
};

use super::{
    calls, lifecycle, observe, orphans, overrides,
    params::TAIL,
    permissions, plugins,
    role::Role,
    route::{
        Input, Kind, Limit, Output, Parameter, Route, Shape, body, flag, in_header, json, query, shape, text,
    },
    streams, versions,
    view::{
        access::{Permissions, Review},
        activity::{ActivityView, InstallingList},
        answer::{ConfigAnswer, Health, KeptConfig, LastStatus, Removed},
        event::{PluginEventView, SupervisorEvent},
        isolation::HostEventView,
        log::{LogLineView, LogLines},
        orphan::{DataRemoved, OrphanList, Swept},
        overrides::{Limits, OperatorEnv, WantedBoot, WantedLimits},
        plugin::{PluginDetails, PluginList, PluginStateView, Updated},
        progress::{Counted, Ended, ProgressView},
        request::{WantedGrants, WantedState},
        usage::UsageView,
    },
};
use crate::error::ErrorKind::{self, *};

/// Makes the routes of a table whose rows are the method, the path, the operation, the least role
/// that may have it, its handler and its answer; then what differs from [`Route::new`]. The comment on a row is its summary.
macro_rules! routes {
    ($(
        $(#[doc = $line:literal])+
        $method:ident $path:literal $operation:ident for $role:ident => $serve:path, $output:expr
        $(; $($field:ident: $value:expr),+)?;
    )*) => {
        [$({
            let summary = concat!($($line),+);
            let serve = || on(MethodFilter::$method, $serve);
            #[allow(unused_mut, reason = "a route may have nothing of its own")]
            let mut route = Route::new(stringify!($method), $path, stringify!($operation), Role::$role, summary, $output, serve);
            $($(route.$field = $value;)+)?
            route
        }),*]
    };
}

/// How recording what is wanted may fail.
const RECORDED: &[ErrorKind] = &[Store, Gone, Busy];
/// How a start may.
const STARTED: &[ErrorKind] = &[Failed, Dependency, NotPermitted, Timeout, Store, Gone, Busy];
/// How asking a plugin may.
const ASKED: &[ErrorKind] = &[NotRunning, Unreachable, Interrupted, InvalidReply, Timeout, Busy];
/// How a command may.
const COMMANDED: &[ErrorKind] = &[
    InvalidInput,
    NotRunning,
    Unreachable,
    Interrupted,
    InvalidReply,
    Timeout,
    Busy,
];
const REVIEWED: &[ErrorKind] = &[InvalidInput, NotPermitted, Busy, Timeout, Engine, Store];
/// How an installation may.
const INSTALLED: &[ErrorKind] = &[
    InvalidInput,
    NotPermitted,
    Dependency,
    AlreadyInstalled,
    ForeignData,
    Busy,
    Image,
    Timeout,
    Engine,
    Store,
];

/// How an update, or a way back, may.
const UPDATED: &[ErrorKind] = &[
    Failed,
    InvalidInput,
    PublisherChanged,
    NotPermitted,
    Dependency,
    Image,
    Timeout,
    Engine,
    Store,
    Gone,
    Busy,
];
/// How asking the engine and the store what belongs to nobody may.
const SWEPT: &[ErrorKind] = &[Engine, Timeout, Store];

const GRANT: Parameter = query(
    "grant",
    Kind::Texts,
    "Grants a permission by its short name, such as `network` or `device:/dev/ttyUSB0`. What the manifest does not ask for is left out.",
);
const GRANT_ALL: Parameter = flag(
    "grant_all",
    "Grants everything that the plugin asks for, also to run its author's program while its image is built. Show it to the owner first: `POST /v1/policy/review`.",
);
const FORCE: Parameter = flag(
    "force",
    "Kills the plugin at once, also when it is stopping already. Otherwise it is asked to stop, and has the time that its manifest says, 60 s at most unless the host's policy says otherwise.",
);
const WITHOUT_SNAPSHOT: Parameter = flag(
    "without_snapshot",
    "Leaves out the copy of its data: a version that fails leaves behind what it wrote.",
);
const MAX_SNAPSHOT: Parameter = query(
    "max_snapshot_mib",
    Kind::Number(versions::SNAPSHOT_MIB.0, versions::SNAPSHOT_MIB.1),
    "Most that the copy of its data may take, in MiB; more is refused before anything stops. Default: half of what is free on the disk with the engine's volumes.",
);
const ADOPT_DATA: Parameter = flag(
    "adopt_data",
    "Gives the plugin the data that an earlier one of its id left, whoever published that. `DELETE /v1/orphans/data` removes such data.",
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
const PROGRESS: (&str, Shape) = ("progress", shape::<ProgressView>);
const REFUSED: (&str, Shape) = ("refused", shape::<WireError>);
const FAILED: (&str, Shape) = ("failed", shape::<WireError>);
const END: (&str, Shape) = ("end", shape::<Ended>);

pub(super) static ROUTES: [Route; 39] = routes! {
    /// All installed plugins, by id.
    GET "/v1/plugins" list_plugins for Viewer => plugins::list, json::<PluginList>();

    /// Installs a plugin without starting it, from an uploaded package or by the manifest of an
    /// image. Whoever accepts `text/event-stream` is told what is done meanwhile; the last event is
    /// `installed` or `refused`. When the caller goes away it is given up, and the plugin is
    /// installed as a whole or not at all.
    POST "/v1/plugins" install_plugin for Admin => plugins::install,
        Output::JsonOrEvents(&[201], shape::<PluginDetails>, &[PROGRESS, ("installed", shape::<PluginDetails>), REFUSED, END]);
        input: Input::Package(shape::<Manifest>), parameters: &[GRANT, GRANT_ALL, ADOPT_DATA],
        errors: INSTALLED, limit: Limit::Install;

    /// Everything that is known of one plugin.
    GET "/v1/plugins/{id}" get_plugin for Viewer => plugins::get, json::<PluginDetails>();

    /// Stops the plugin and removes it. Its data stays unless told otherwise.
    DELETE "/v1/plugins/{id}" uninstall_plugin for Admin => plugins::uninstall, json::<Removed>();
        parameters: &[
            flag("remove_data", "Removes its volumes too. There is no way back."),
            flag("even_if_needed", "Removes it also when others depend on it."),
            FORCE,
        ],
        errors: &[Dependency, Timeout, Store, Gone, Busy], limit: Limit::Life;

    /// Makes the plugin run, and answers when it is healthy, or with the diagnosis in
    /// `details.failure`. Fine when it is already.
    POST "/v1/plugins/{id}/start" start_plugin for Operator => lifecycle::start, json::<PluginStateView>();
        input: Input::Empty, errors: STARTED, limit: Limit::Life;

    /// Stops the plugin, and answers when it is down. Fine when it is already.
    POST "/v1/plugins/{id}/stop" stop_plugin for Operator => lifecycle::stop, json::<PluginStateView>();
        input: Input::Empty, parameters: &[FORCE], errors: &[Timeout, Store, Gone, Busy], limit: Limit::Life;

    /// Stops the plugin, starts it again and answers when it is healthy.
    POST "/v1/plugins/{id}/restart" restart_plugin for Operator => lifecycle::restart, json::<PluginStateView>();
        input: Input::Empty, parameters: &[FORCE],
        errors: &[NotRunning, Failed, Dependency, NotPermitted, Timeout, Store, Gone, Busy],
        limit: Limit::Life;

    /// Records what is wanted of the plugin and answers at once; what follows happens in the
    /// background.
    PUT "/v1/plugins/{id}/desired" set_desired for Operator => lifecycle::set_desired,
        Output::Json(&[202], shape::<PluginStateView>);
        input: body::<WantedState>(), errors: RECORDED;

    /// Gives the plugin a new token and a new webhook secret, and answers when it runs with them.
    /// It is started again for that. The keys are never shown.
    POST "/v1/plugins/{id}/rotate-secrets" rotate_secrets for Admin => lifecycle::rotate_secrets,
        json::<PluginStateView>();
        input: Input::Empty, errors: STARTED, limit: Limit::Life;

    /// Brings the plugin to another version, from an uploaded package or by the manifest of an
    /// image, and answers when that has proven itself. Otherwise the old version, its settings and
    /// its data come back, and the refusal says why. Whoever accepts `text/event-stream` is told
    /// what is done meanwhile; the last event is `updated` or `refused`. When the caller goes away
    /// before the plugin is stopped, nothing has changed; later it goes on.
    POST "/v1/plugins/{id}/update" update_plugin for Admin => versions::update,
        Output::JsonOrEvents(&[200], shape::<Updated>, &[PROGRESS, ("updated", shape::<Updated>), REFUSED, END]);
        input: Input::Package(shape::<Manifest>),
        parameters: &[
            GRANT,
            GRANT_ALL,
            text("accept_publisher", "Lets this publisher go on with a plugin of another one, named as the refusal `publisher_changed` and the review name it: `signed:` and the key, `image:` and the repository, `folder` or `unsigned`. What was granted does not pass on."),
            flag("allow_downgrade", "Takes also a version that is lower than the one that it has."),
            flag("allow_same_version", "Takes also the version that it has, for a rebuild of it."),
            WITHOUT_SNAPSHOT,
            MAX_SNAPSHOT,
            flag("even_if_dependants_break", "Takes also a version that plugins which depend on it do not accept."),
            in_header(versions::SETTINGS_HEADER, "The plugin's settings from this version on, for a `config_schema` that the kept ones do not fit: the object as JSON, at most 32 KiB, letters beyond ASCII escaped. A secret that says `[REDACTED]` stays as it is. Without it the kept ones stay."),
        ],
        errors: UPDATED, limit: Limit::Update;

    /// Goes back to the version before the last update, and answers when that has proven itself.
    /// While an update is on probation, that is the end of it: its data comes back in any case.
    POST "/v1/plugins/{id}/roll-back" roll_back_plugin for Admin => versions::roll_back, json::<Updated>();
        input: Input::Empty,
        parameters: &[
            flag("restore_data", "Puts back the data as that version left it. What was written since is lost."),
            WITHOUT_SNAPSHOT,
            MAX_SNAPSHOT,
        ],
        errors: UPDATED, limit: Limit::Update;

    /// Forgets the version before the last update, and removes the copy of its data. There is no
    /// way back. Fine when there is none.
    DELETE "/v1/plugins/{id}/previous-version" forget_previous_version for Admin => versions::forget_previous,
        json::<PluginStateView>();
        errors: RECORDED;

    /// The limits that hold for the plugin, and which of them the operator gave it.
    GET "/v1/plugins/{id}/limits" get_limits for Viewer => overrides::limits, json::<Limits>();

    /// Replaces the limits that the operator gives the plugin in place of its manifest's, and
    /// answers when its container has them. `{}` takes them back.
    PUT "/v1/plugins/{id}/limits" set_limits for Admin => overrides::set_limits, json::<Limits>();
        input: body::<WantedLimits>(), errors: &[NotPermitted, Timeout, Store, Gone, Busy],
        limit: Limit::Life;

    /// Says what becomes of the plugin when the host starts. It changes nothing now.
    PUT "/v1/plugins/{id}/boot" set_boot for Admin => overrides::set_boot, json::<PluginStateView>();
        input: body::<WantedBoot>(), errors: RECORDED;

    /// The environment variables that the operator sets for the plugin, without the values of
    /// secret ones.
    GET "/v1/plugins/{id}/env" get_env for Viewer => overrides::env, json::<OperatorEnv>();

    /// Replaces the environment variables that the operator sets for the plugin, and answers when
    /// it runs with them, or with the diagnosis in `details.failure`. It is started again for that,
    /// unless they are the same.
    PUT "/v1/plugins/{id}/env" set_env for Admin => overrides::set_env, json::<OperatorEnv>();
        input: body::<OperatorEnv>(),
        errors: &[InvalidInput, Failed, Dependency, NotPermitted, Timeout, Store, Gone, Busy],
        limit: Limit::Life;

    /// What is going on with the plugin: the operation on the engine that is under way, and the
    /// calls that wait for it, each with its beginning.
    GET "/v1/plugins/{id}/activity" get_activity for Viewer => observe::activity, json::<ActivityView>();

    /// What the plugin asks for beyond what every plugin gets, and what became of it.
    GET "/v1/plugins/{id}/permissions" get_permissions for Viewer => permissions::permissions,
        json::<Permissions>();

    /// Replaces what the plugin was granted. A plugin that may no longer run is stopped; one that
    /// was held back by the lack of a grant and is wanted running starts.
    PUT "/v1/plugins/{id}/grants" set_grants for Admin => permissions::set_grants, json::<Permissions>();
        input: body::<WantedGrants>(), errors: RECORDED;

    /// Sends a command and answers what the plugin answers. It is sent once, unless an idempotency
    /// key says that the plugin knows repetitions. Of the failures, `not_running`, `unreachable`
    /// and `busy` mean that it was not delivered; after `interrupted`, `timeout` and
    /// `invalid_reply` it may have been carried out.
    POST "/v1/plugins/{id}/command" send_command for Operator => calls::command, json::<CommandResponse>();
        input: body::<CommandRequest>(),
        parameters: &[
            query("timeout_ms", Kind::Number(calls::TIMEOUT_MS.0, calls::TIMEOUT_MS.1), "How long the plugin may take, repetitions included. Default 30000."),
            in_header("idempotency-key", "Allows the command to be sent up to three times when the connection to the plugin fails, each time with this key: 1 to 128 visible ASCII characters."),
            in_header("x-request-id", "The name of this call in logs on both sides: 1 to 128 visible ASCII characters."),
            in_header("traceparent", "The caller's place in a trace, by W3C Trace Context."),
        ],
        errors: COMMANDED, asks_plugin: true, limit: Limit::Command;

    /// The settings that are kept for the plugin, without their secrets.
    GET "/v1/plugins/{id}/config" get_config for Viewer => calls::config, json::<KeptConfig>();
        errors: &[Busy];

    /// Replaces the plugin's settings: the body is the settings object itself. Checked against the
    /// manifest's `config_schema`, kept, and given to the plugin: 200 when it has them, 202 when it
    /// gets them once it is healthy. What the plugin refuses is forgotten. A secret that says
    /// `[REDACTED]`, as it is read, stays as it is.
    PUT "/v1/plugins/{id}/config" set_config for Operator => calls::configure,
        Output::Json(&[200, 202], shape::<ConfigAnswer>);
        input: body::<Map>(), errors: &[InvalidInput, InvalidReply, Timeout, Busy, Store],
        asks_plugin: true, limit: Limit::Config;

    /// Asks the plugin for its status.
    GET "/v1/plugins/{id}/status" get_status for Viewer => calls::status, json::<StatusReport>();
        errors: ASKED, asks_plugin: true;

    /// The last status that the plugin sent on its own, without asking it.
    GET "/v1/plugins/{id}/last-status" get_last_status for Viewer => calls::last_status, json::<LastStatus>();
        errors: &[Store];

    /// What the plugin uses now, and its CPU use since the sample before.
    GET "/v1/plugins/{id}/usage" get_usage for Viewer => observe::usage, json::<UsageView>();
        errors: &[NotRunning, Engine, Timeout];

    /// The newest lines of the plugin's output, oldest first; without a container none.
    GET "/v1/plugins/{id}/logs" get_logs for Viewer => observe::logs, json::<LogLines>();
        parameters: &[
            query("tail", Kind::Number(TAIL.0, TAIL.1), "At most so many lines. Default 200."),
            SINCE,
        ],
        errors: &[Engine, Timeout];

    /// The plugin's output as it comes, over all of its runs, with a line of the source `host` between
    /// two of them. It waits while there is no container, and ends when the plugin is uninstalled.
    GET "/v1/plugins/{id}/logs/stream" follow_logs for Viewer => streams::logs,
        Output::Events(&[LINE, FAILED, END]);
        parameters: &[
            query("tail", Kind::Number(0, TAIL.1), "Earlier lines to begin with. Default 100, and with `since` all."),
            SINCE,
            LAST_EVENT_ID,
        ];

    /// What happens to plugins, and to the host as a whole, from now on. A reader that is too slow is told how many events it
    /// missed; the state of every plugin is exact all the same.
    GET "/v1/events" follow_events for Viewer => streams::events,
        Output::Events(&[("event", shape::<SupervisorEvent>), ("host", shape::<HostEventView>), MISSED, END]);
        parameters: &[query("plugin", Kind::Plugin, "Only what happens to this plugin, and to the host as a whole.")];

    /// What plugins send: their events and status reports, from the disk. The id of each is its
    /// cursor. Without one to go on after, from now on.
    GET "/v1/plugin-events" follow_plugin_events for Viewer => streams::plugin_events,
        Output::Events(&[("event", shape::<PluginEventView>), MISSED, FAILED, END]);
        parameters: &[
            query("plugin", Kind::Plugin, "Only events of this plugin."),
            text("type_prefix", "Only events whose type starts so, such as `device.`."),
            text("after", "Starts after this cursor: `0` for everything that is kept."),
            LAST_EVENT_ID,
        ],
        errors: &[InvalidInput];

    /// What a plugin from this package, or with this manifest, would ask for, and what stands
    /// against it. Nothing is installed and nothing is built. Whether a package's image may be
    /// built here is judged by its Dockerfile.
    POST "/v1/policy/review" review_manifest for Admin => permissions::review, json::<Review>();
        input: Input::Package(shape::<Manifest>), parameters: &[GRANT],
        errors: REVIEWED, limit: Limit::Install;

    /// The installations that are under way, by id: what they are doing, and since when.
    GET "/v1/installing" list_installing for Viewer => observe::installing, json::<InstallingList>();

    /// What the engine keeps for this supervisor that belongs to no plugin, and what becomes of
    /// each: the dry run of a sweep.
    GET "/v1/orphans" list_orphans for Viewer => orphans::list, json::<OrphanList>();
        errors: SWEPT, limit: Limit::Orphans;

    /// Removes the containers and networks among the orphans that are old enough. Images and data
    /// stay.
    POST "/v1/orphans/sweep" sweep_orphans for Admin => orphans::sweep, json::<Swept>();
        input: Input::Empty,
        parameters: &[
            query("minimum_age_s", Kind::Number(orphans::MINIMUM_AGE_S.0, orphans::MINIMUM_AGE_S.1), "How old they have to be, in seconds: 0 takes all.").required(),
        ],
        errors: SWEPT, limit: Limit::Orphans;

    /// Removes the images that were built here for plugins and that none runs any more.
    POST "/v1/orphans/prune-images" prune_images for Admin => orphans::prune_images, json::<Swept>();
        input: Input::Empty, errors: SWEPT, limit: Limit::Orphans;

    /// Removes the volumes that an uninstalled plugin left. There is no way back. Fine when there
    /// are none.
    DELETE "/v1/orphans/data" remove_orphaned_data for Admin => orphans::remove_data, json::<DataRemoved>();
        parameters: &[query("plugin", Kind::Plugin, "The plugin that left them.").required()],
        errors: &[AlreadyInstalled, Engine, Timeout, Store, Busy];

    /// Everything that is counted, in the OpenMetrics format; as plain text to whoever accepts that
    /// and no OpenMetrics.
    GET "/v1/metrics" get_metrics for Viewer => observe::metrics, Output::Text(&observe::METRICS);

    /// Whether the supervisor works and its engine answers.
    GET "/v1/health" get_health for Viewer => observe::health, json::<Health>();
        errors: &[Engine];

    /// This document.
    GET "/openapi.json" get_openapi for Viewer => observe::document, Output::Document;
};

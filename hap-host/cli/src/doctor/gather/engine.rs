//! What the engine says of itself and of what it has.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hap_host::engine::{DockerEngine, FreeSubnets, labels};
use hap_manifest::rfc3339;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    super::facts::{Described, Drift, EngineAddress, EngineFacts, Left, Unreached, User, Way},
    blocking::blocking,
    disk,
    http::{Trouble, WITHIN, ask},
    user,
};

/// Containers of runs that may still go on are younger.
const OLD: Duration = Duration::from_secs(60 * 60);
/// What names of runs of `hap` begin with.
const OF_RUNS: &str = "test-";
/// `{"label":["hap.instance"]}`.
const OF_HAP: &str = "filters=%7B%22label%22%3A%5B%22hap.instance%22%5D%7D";

/// Asks the engine all that it can be asked without a container.
pub(super) async fn look(
    address: &EngineAddress,
    user: &User,
    instance: &str,
) -> Result<EngineFacts, Unreached> {
    let way = &address.way;
    if matches!(way, Way::None | Way::Refused(_)) {
        return Err(Unreached::NotAsked);
    }
    let (status, version) = ask(way, "/version").await.map_err(|trouble| match trouble {
        Trouble::NotThere => Unreached::NoSocket,
        Trouble::Refused => Unreached::Refused,
        Trouble::Forbidden => Unreached::Forbidden(match way {
            Way::Socket(socket) => user::owner_of(socket, user),
            _ => Default::default(),
        }),
        Trouble::Silent => Unreached::Silent(WITHIN),
        Trouble::Odd(what) => Unreached::Odd(what),
    })?;
    let text = |name: &str| version.get(name).and_then(Value::as_str);
    let Some(api) = text("ApiVersion").filter(|_| status == 200) else {
        return Err(Unreached::Odd(
            "it does not tell the version of its API".to_owned(),
        ));
    };
    let components = version.get("Components").and_then(Value::as_array);
    let podman = components.into_iter().flatten().find_map(|component| {
        let name = component.get("Name")?.as_str()?;
        name.contains("Podman")
            .then(|| format!("{name} {}", text("Version").unwrap_or_default()))
    });
    let (described, pool, networks, containers) = tokio::join!(
        describe(way),
        pool(&address.uri),
        list(way, "/networks", "networks"),
        list(way, "/containers/json?all=1", "containers"),
    );
    let gateways = networks
        .as_deref()
        .map_or_else(|_| Vec::new(), |all| gateways(all, instance));
    let left = networks.and_then(|networks| Ok(left(&networks, &containers?, SystemTime::now())));
    Ok(EngineFacts {
        version: text("Version").unwrap_or("unknown").to_owned(),
        api: api.to_owned(),
        podman,
        described,
        pool,
        gateways,
        left,
    })
}

async fn describe(way: &Way) -> Result<Described, String> {
    let before = SystemTime::now();
    let (status, info) = ask(way, "/info")
        .await
        .map_err(|trouble| untold("itself", &trouble))?;
    if status != 200 {
        return Err(format!(
            "the engine answers {status} when it is to describe itself"
        ));
    }
    let after = SystemTime::now();
    let text = |name: &str| info.get(name).and_then(Value::as_str).map(str::to_owned);
    let is = |name: &str| info.get(name).and_then(Value::as_bool).unwrap_or_default();
    let options = info.get("SecurityOptions").and_then(Value::as_array);
    let options = options.into_iter().flatten().filter_map(Value::as_str);
    let security = options.flat_map(|option| option.split(',').filter_map(|part| part.strip_prefix("name=")));
    let root = text("DockerRootDir").filter(|root| matches!(way, Way::Socket(_)) && Path::new(root).is_dir());
    let disk = match root {
        Some(root) => blocking(move || disk::of(Path::new(&root)))
            .await
            .and_then(Result::ok),
        None => None,
    };
    Ok(Described {
        cgroup: text("CgroupVersion").filter(|version| !version.is_empty()),
        memory_limit: is("MemoryLimit"),
        swap_limit: is("SwapLimit"),
        pids_limit: is("PidsLimit"),
        cpu_limit: is("CpuCfsQuota"),
        security: security.map(str::to_owned).collect(),
        architecture: text("Architecture").unwrap_or_default(),
        clock: text("SystemTime")
            .and_then(|time| rfc3339::parse(&time).ok())
            .map(|time| drift(time, before, after)),
        disk,
    })
}

/// How far a time is from a span of time in which it was told.
fn drift(told: SystemTime, before: SystemTime, after: SystemTime) -> Drift {
    if let Ok(ahead) = told.duration_since(after) {
        return Drift::Ahead(ahead);
    }
    Drift::Behind(before.duration_since(told).unwrap_or_default())
}

fn untold(what: &str, trouble: &Trouble) -> String {
    match trouble {
        Trouble::Silent => format!("the engine does not tell of {what} within {} s", WITHIN.as_secs()),
        Trouble::Odd(why) => format!("the engine does not tell of {what}: {why}"),
        Trouble::NotThere | Trouble::Refused | Trouble::Forbidden => {
            format!("the engine went away when it was to tell of {what}")
        }
    }
}

async fn pool(uri: &str) -> Result<FreeSubnets, String> {
    let asked = async {
        let engine = DockerEngine::connect_to(uri).await?;
        engine.free_subnets().await
    };
    let asked = timeout(WITHIN, asked).await;
    let asked = asked.map_err(|_| untold("its networks", &Trouble::Silent))?;
    asked.map_err(|error| error.message().to_owned())
}

async fn list(way: &Way, path: &str, what: &str) -> Result<Vec<Value>, String> {
    let sign = if path.contains('?') { '&' } else { '?' };
    let asked = ask(way, &format!("{path}{sign}{OF_HAP}")).await;
    match asked.map_err(|trouble| untold(&format!("its {what}"), &trouble))? {
        (200, Value::Array(all)) => Ok(all),
        (status, _) => Err(format!(
            "the engine answers {status} when it is to list its {what}"
        )),
    }
}

fn label(thing: &Value) -> Option<&str> {
    thing.get("Labels")?.get(labels::INSTANCE)?.as_str()
}

/// The host's addresses on the networks of an instance.
fn gateways(networks: &[Value], instance: &str) -> Vec<IpAddr> {
    let own = networks.iter().filter(|network| label(network) == Some(instance));
    let ranges = own
        .filter_map(|network| network.pointer("/IPAM/Config")?.as_array())
        .flatten();
    ranges
        .filter_map(|range| range.get("Gateway")?.as_str()?.split('/').next()?.parse().ok())
        .collect()
}

/// What runs of `hap` left that are over for long.
fn left(networks: &[Value], containers: &[Value], now: SystemTime) -> Vec<Left> {
    let mut found = BTreeMap::<&str, usize>::new();
    for thing in networks.iter().chain(containers) {
        let made = thing.get("Created").and_then(|made| match made {
            Value::String(text) => rfc3339::parse(text).ok(),
            made => Some(UNIX_EPOCH + Duration::from_secs(made.as_u64()?)),
        });
        let is_old = made.is_some_and(|made| now.duration_since(made).is_ok_and(|age| age > OLD));
        if let Some(instance) = label(thing).filter(|name| is_old && name.starts_with(OF_RUNS)) {
            *found.entry(instance).or_default() += 1;
        }
    }
    let left = found.into_iter().map(|(instance, things)| Left {
        instance: instance.to_owned(),
        things,
    });
    left.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_is_old_and_of_a_run_that_was_killed() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let container = |instance: &str, age: u64| json!({"Created": 1_800_000_000 - age, "Labels": {"hap.instance": instance}});
        let containers = [
            container("test-0123456789ab", 7200),
            container("test-0123456789ab", 60),
            container("default", 7200),
            json!({"Created": 0}),
        ];
        let network =
            json!({"Created": "2026-01-31T08:00:00.5Z", "Labels": {"hap.instance": "test-0123456789ab"}});
        let left = left(&[network], &containers, now);
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(
            (left[0].instance.as_str(), left[0].things),
            ("test-0123456789ab", 2)
        );
    }

    #[test]
    fn gateways_are_those_of_the_instances_own_networks() {
        let network = |instance: &str, gateway: &str| json!({"Labels": {"hap.instance": instance}, "IPAM": {"Config": [{"Gateway": gateway}]}});
        let all = [
            network("default", "10.213.7.1"),
            network("other", "10.213.8.1"),
            network("default", "10.213.9.1/24"),
        ];
        let found: Vec<_> = gateways(&all, "default")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["10.213.7.1", "10.213.9.1"]);
    }

    #[test]
    fn a_time_within_the_question_is_no_drift() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(drift(at(101), at(100), at(102)), Drift::Behind(Duration::ZERO));
        assert_eq!(
            drift(at(110), at(100), at(102)),
            Drift::Ahead(Duration::from_secs(8))
        );
        assert_eq!(
            drift(at(90), at(100), at(102)),
            Drift::Behind(Duration::from_secs(10))
        );
    }
}

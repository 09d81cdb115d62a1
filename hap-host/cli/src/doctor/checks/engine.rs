//! Whether there is an engine, and one that is taken.

use super::{
    super::{
        check::{Check, Group, Verdict},
        facts::{Facts, SocketOwner, Unreached, Way},
    },
    quote::quoted,
};

pub(super) const ADDRESS: Check = Check {
    id: "engine.address",
    group: Group::Engine,
    what: "Where the engine is looked for. A host runs beside its engine: `DOCKER_HOST` and `engine` of the configuration \
           may name a socket of this machine, or a port of it. Contexts of the `docker` command are not followed.",
    bounds: "*fix*: another machine, or a kind of address that is not taken. *warn*: a context of `docker` is chosen, and \
             nothing names its engine to hap.",
    fix: "`unset DOCKER_HOST`, or name the socket of this machine",
    probes: false,
    judge: |facts| {
        let address = &facts.address;
        let named_by = address.named_by.as_deref().unwrap_or("the usual socket");
        match &address.way {
            Way::None => return Verdict::ok("the configuration names the process engine"),
            Way::Refused(why) => {
                let fix = match address.named_by.as_deref() {
                    Some("DOCKER_HOST") | None => "unset DOCKER_HOST",
                    Some(_) => "sed -i 's|^engine *=.*|engine = \"docker\"|' \"$HAP_CONFIG\"",
                };
                return Verdict::fix(format!("{} ({named_by}) is not taken: {why}", address.uri), fix);
            }
            Way::Socket(_) | Way::Tcp(_) => {}
        }
        match &address.context {
            Some(context) if address.named_by.is_none() => Verdict::warn(
                format!(
                    "the docker command follows its context {context}, hap uses {}",
                    address.uri
                ),
                format!(
                    "export DOCKER_HOST=$(docker context inspect {} --format '{{{{.Endpoints.docker.Host}}}}')",
                    quoted(context)
                ),
            ),
            _ => Verdict::ok(format!("{} ({named_by})", address.uri)),
        }
    },
};

pub(super) const REACH: Check = Check {
    id: "engine.reach",
    group: Group::Engine,
    what: "Whether an engine answers this user.",
    bounds: "*fix*: no socket, nobody who listens, no permission, no answer within 5 s, or something that is no engine.",
    fix: "`sudo systemctl start docker`, or `sudo usermod -aG docker \"$USER\"` and a new login",
    probes: false,
    judge: |facts| {
        let uri = &facts.address.uri;
        let unreached = match (&facts.address.way, &facts.engine) {
            (Way::None, _) => return Verdict::unknown("no engine is needed, see engine.address"),
            (_, Ok(_)) => return Verdict::ok(format!("an engine answers {}", facts.user.name)),
            (_, Err(unreached)) => unreached,
        };
        // Where nobody named an address, an engine is missing; elsewhere the name may be the mistake.
        let start = match &facts.address.named_by {
            Some(by) if by == "DOCKER_HOST" => "unset DOCKER_HOST",
            Some(_) | None => "sudo systemctl start docker",
        };
        match unreached {
            Unreached::NotAsked => Verdict::unknown("no engine is asked, see engine.address"),
            Unreached::NoSocket => Verdict::fix(format!("there is no engine: nothing is at {uri}"), start),
            Unreached::Refused => Verdict::fix(format!("no engine runs: nobody listens at {uri}"), start),
            Unreached::Forbidden(owner) => Verdict::fix(
                format!("{} may not open {uri}", facts.user.name),
                open_to(owner, &facts.user.name),
            ),
            Unreached::Silent(after) => Verdict::fix(
                format!(
                    "the engine at {uri} hangs: no answer within {} s",
                    after.as_secs()
                ),
                "sudo systemctl restart docker",
            ),
            Unreached::Odd(what) => Verdict::fix(format!("what is at {uri} is no engine: {what}"), start),
        }
    },
};

/// The command by which a user may open a socket of its group.
fn open_to(owner: &SocketOwner, user: &str) -> String {
    match &owner.group {
        Some(group) if owner.is_member => format!("newgrp {}", quoted(group)),
        Some(group) if group != "root" => {
            format!(
                "sudo usermod -aG {} {} && newgrp {0}",
                quoted(group),
                quoted(user)
            )
        }
        // Nobody is to be put into the group of root.
        _ => "sudo groupadd -f docker && sudo systemctl restart docker.socket docker".to_owned(),
    }
}

pub(super) const KIND: Check = Check {
    id: "engine.kind",
    group: Group::Engine,
    what: "Whether it is Docker. Podman answers in its language, and its networks do not keep plugins apart.",
    bounds: "*fix*: Podman.",
    fix: "install Docker Engine, and name its socket in `DOCKER_HOST`",
    probes: false,
    judge: |facts| match &facts.engine {
        Err(_) => Verdict::unknown("the engine is not reached, see engine.reach"),
        Ok(engine) => match &engine.podman {
            Some(podman) => Verdict::fix(
                format!("{podman} does not keep plugins apart, Docker does"),
                "sudo apt-get install docker.io && export DOCKER_HOST=unix:///var/run/docker.sock",
            ),
            None => Verdict::ok("it is Docker"),
        },
    },
};

/// The API of Docker 20.10.
const OLDEST: (u32, u32) = (1, 41);
/// The last engines that gave the host no address on an internal network.
const UNUSABLE: [&str; 4] = ["25.0.0", "25.0.1", "25.0.2", "25.0.3"];

pub(super) const VERSION: Check = Check {
    id: "engine.version",
    group: Group::Engine,
    what: "Whether the engine is one that is supported, see [engines](engines.md).",
    bounds: "*fix*: an API before 1.41, which is Docker 20.10, and 25.0.0 to 25.0.3, whose hosts do not reach isolated \
             plugins. *warn*: a version that cannot be read.",
    fix: "`sudo apt-get install --only-upgrade docker-ce`, or `docker.io` of Debian",
    probes: false,
    judge: |facts| {
        let engine = match facts.engine() {
            Ok(engine) => engine,
            Err(why) => return Verdict::unknown(why),
        };
        let upgrade = "sudo apt-get update && sudo apt-get install docker.io";
        let told = format!("Docker {}, API {}", engine.version, engine.api);
        let api = engine.api.split_once('.');
        let api =
            api.and_then(|(major, minor)| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)));
        match api {
            None => Verdict::warn(format!("{told} is no version that is known"), upgrade),
            Some(api) if api < OLDEST => {
                Verdict::fix(format!("{told} is too old: 20.10 (API 1.41) is needed"), upgrade)
            }
            Some(_) if UNUSABLE.contains(&engine.version.as_str()) => Verdict::fix(
                format!("{told} cuts the host off from isolated plugins: take 25.0.4 or later"),
                upgrade,
            ),
            Some(_) => Verdict::ok(told),
        }
    },
};

pub(super) const ROOT: Check = Check {
    id: "engine.root",
    group: Group::Engine,
    what: "Whether the engine is the machine's own. One without root has its networks in a namespace of its own, where a host \
           outside does not reach plugins.",
    bounds: "*fix*: the engine runs without root.",
    fix: "use the machine's engine: `export DOCKER_HOST=unix:///var/run/docker.sock`",
    probes: false,
    judge: |facts| match facts.described() {
        Err(why) => Verdict::unknown(why),
        Ok(described) if described.security.iter().any(|name| name == "rootless") => Verdict::fix(
            "the engine runs without root, so its networks are not this machine's",
            "sudo systemctl start docker && export DOCKER_HOST=unix:///var/run/docker.sock",
        ),
        Ok(_) => Verdict::ok("the engine runs as root of this machine"),
    },
};

pub(super) const LEFTOVERS: Check = Check {
    id: "engine.leftovers",
    group: Group::Engine,
    what: "Containers and networks of runs of `hap test` and of the doctor that were killed. They take subnets of the pool. A \
           host sweeps its own by itself.",
    bounds: "*warn*: any that is older than an hour.",
    fix: "remove what carries their label `hap.instance=NAME`, as the finding says",
    probes: false,
    judge: |facts: &Facts| {
        let left = match facts
            .engine()
            .and_then(|engine| engine.left.as_ref().map_err(Clone::clone))
        {
            Ok(left) => left,
            Err(why) => return Verdict::unknown(why),
        };
        let count: usize = left.iter().map(|left| left.things).sum();
        let names: Vec<_> = left.iter().map(|left| quoted(&left.instance)).collect();
        if names.is_empty() {
            return Verdict::ok("nothing is left of runs that were killed");
        }
        Verdict::warn(
            format!("{count} containers and networks are left of runs that were killed"),
            format!(
                "for i in {}; do docker ps -aq --filter label=hap.instance=$i | xargs -r docker rm -f; docker network prune \
                 -f --filter label=hap.instance=$i; done",
                names.join(" ")
            ),
        )
    },
};

//! Whether plugins reach the host, and nothing else.

use super::super::{
    check::{Check, Group, Verdict},
    facts::{Answer, Facts, Probe, Probed},
};

pub(super) const BRIDGES: Check = Check {
    id: "network.bridges",
    group: Group::Network,
    what: "Whether the kernel shows the engine's rules what stays on one bridge. Without, plugins of one network reach each \
           other, and a host refuses to start.",
    bounds: "*fix*: `net.bridge.bridge-nf-call-iptables` is 0.",
    fix: "`sudo sysctl -w net.bridge.bridge-nf-call-iptables=1`, and find out what sets it to 0",
    probes: false,
    judge: |facts| match facts.bridges_are_filtered {
        Some(false) => Verdict::fix(
            "net.bridge.bridge-nf-call-iptables is 0: plugins reach each other",
            "sudo sysctl -w net.bridge.bridge-nf-call-iptables=1",
        ),
        Some(true) => Verdict::ok("the kernel shows the engine's rules what stays on one bridge"),
        // The engine loads the module when it makes its first network.
        None => Verdict::ok("the kernel filters no bridges yet; the engine has it do so"),
    },
};

/// Networks that a host needs.
const NEEDED: usize = 2;

pub(super) const POOL: Check = Check {
    id: "network.pool",
    group: Group::Network,
    what: "Free subnets of the pool from which networks of plugins are taken, 10.213.0.0/16. Routes of this machine, such as \
           a VPN's, and networks of the engine take them.",
    bounds: "*fix*: less than the two that a host needs, and it has no networks yet. *warn*: less than ten.",
    fix: "end the VPN whose route it is, or remove networks that nobody uses: `docker network prune`",
    probes: false,
    judge: |facts| {
        let engine = match facts.engine() {
            Ok(engine) => engine,
            Err(why) => return Verdict::unknown(why),
        };
        let pool = match &engine.pool {
            Ok(pool) => pool,
            Err(why) => return Verdict::unknown(why),
        };
        let told = format!("{} of {} subnets are free", pool.free, pool.total);
        let (first, more) = (pool.in_the_way.first(), pool.in_the_way.len().saturating_sub(1));
        let in_the_way = first.map_or_else(String::new, |first| match more {
            0 => format!(": in the way is {first}"),
            more => format!(": in the way is {first} and {more} more"),
        });
        let route = pool.in_the_way.iter().find_map(|what| {
            let rest = what.strip_prefix("the route to ")?;
            rest.split_once(" by ")
        });
        // Networks of Docker have routes of their own; the widest thing in the way is what is to go.
        let fix = match route {
            Some((to, interface)) if first.is_some_and(|first| first.starts_with("the route")) => {
                format!("sudo ip route del {to} dev {interface}")
            }
            _ => "docker network prune".to_owned(),
        };
        let has_networks = engine.gateways.len() >= NEEDED;
        match pool.free {
            free if free < NEEDED && !has_networks => Verdict::fix(format!("{told}{in_the_way}"), fix),
            free if free < 10 && !has_networks => Verdict::warn(format!("{told}{in_the_way}"), fix),
            _ => Verdict::ok(told),
        }
    },
};

/// What containers found, or why none were started.
fn probe(facts: &Facts) -> Result<&Probe, Verdict> {
    match &facts.probe {
        Probed::Done(probe) => Ok(probe),
        Probed::Not(why) => Err(Verdict::unknown(why)),
    }
}

const RELOAD: &str = "sudo systemctl restart docker";

pub(super) const ISOLATION: Check = Check {
    id: "network.isolation",
    group: Group::Network,
    what: "Whether plugins are kept apart, see [security](security.md#when-isolation-is-lost): containers try to reach each \
           other. Where a host runs it is asked what it measured.",
    bounds: "*fix*: one reaches another.",
    fix: "`sudo systemctl restart docker`; where its `daemon.json` says `\"iptables\": false`, take that out first",
    probes: true,
    judge: |facts| {
        let answer = facts.state.socket.as_ref().map(|socket| &socket.answer);
        if let Some(Answer::Healthy(health)) = answer {
            let message = health
                .isolation_message
                .as_deref()
                .unwrap_or("it does not say why");
            return match health.isolation.as_str() {
                "holds" => Verdict::ok("the host that runs here measured that it holds"),
                "lost" => Verdict::fix(
                    format!("the host that runs here says that it is lost: {message}"),
                    RELOAD,
                ),
                "absent" => Verdict::ok("the host's engine keeps nothing apart, as its configuration says"),
                _ => Verdict::unknown(format!("the host that runs here does not know it: {message}")),
            };
        }
        match probe(facts).map(|probe| &probe.isolation) {
            Err(verdict) => verdict,
            Ok(Err(why)) => Verdict::unknown(why),
            Ok(Ok(None)) => Verdict::ok("no container reached another"),
            Ok(Ok(Some((message, hint)))) => {
                let off =
                    "sudo sed -i '/\"iptables\"/d' /etc/docker/daemon.json; sudo systemctl restart docker";
                let bridges = "sudo sysctl -w net.bridge.bridge-nf-call-iptables=1";
                let fix = if hint.contains("bridge-nf") { bridges } else { off };
                Verdict::fix(message, fix)
            }
        }
    },
};

pub(super) const WAY_IN: Check = Check {
    id: "network.way_in",
    group: Group::Network,
    what: "Whether containers reach the host, to which plugins post their events: one of each network connects to a port that \
           the doctor opens for a moment.",
    bounds: "*fix*: one does not reach it: a firewall drops what comes in from containers.",
    fix: "let them in: `sudo iptables -I INPUT -s 10.213.0.0/16 -p tcp -j ACCEPT`, and the same in your firewall's own rules",
    probes: true,
    judge: |facts| match probe(facts) {
        Err(verdict) => verdict,
        Ok(probe) => match &probe.cut_off {
            Err(why) => Verdict::unknown(why),
            Ok(cut_off) if cut_off.is_empty() => Verdict::ok("containers reach the host"),
            Ok(cut_off) => Verdict::fix(
                format!(
                    "a firewall keeps containers from the host: port {} was not reached from the {}",
                    probe.port,
                    cut_off.join(" and the ")
                ),
                "sudo iptables -I INPUT -s 10.213.0.0/16 -p tcp -j ACCEPT",
            ),
        },
    },
};

pub(super) const EVENTS_PORT: Check = Check {
    id: "network.events_port",
    group: Group::Network,
    what: "Whether the port is free on which plugins reach the host, where `events_port` of the configuration names one.",
    bounds: "*fix*: another program listens there, at all addresses or at the host's on a network of plugins.",
    fix: "end that program, or name another `events_port`",
    probes: false,
    judge: |facts| {
        let Some(port) = facts.config.events_port else {
            return Verdict::ok("a free one is taken");
        };
        if facts.has_host() {
            return Verdict::ok(format!("port {port} is the host's that runs here"));
        }
        let Some(listeners) = &facts.listeners else {
            return Verdict::unknown("this system does not tell who listens");
        };
        let gateways = facts.engine.as_ref().map_or(&[][..], |engine| &engine.gateways);
        let taken = listeners.iter().find(|listener| {
            let ip = listener.address.ip();
            listener.address.port() == port && (ip.is_unspecified() || gateways.contains(&ip))
        });
        match taken {
            None => Verdict::ok(format!("port {port} is free")),
            Some(listener) => {
                let program = listener.program.as_deref().unwrap_or("another program");
                Verdict::fix(
                    format!("port {port} is taken by {program}"),
                    format!("sudo fuser -k {port}/tcp"),
                )
            }
        }
    },
};

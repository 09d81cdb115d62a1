//! The host, as it runs or would be configured.

use std::{net::SocketAddr, time::Duration};

use super::{
    super::{
        check::{Check, Group, Verdict},
        facts::Answer,
    },
    quote::quoted,
};

pub(super) const CONFIG: Check = Check {
    id: "host.config",
    group: Group::Host,
    what: "Whether a host takes the configuration file: `--config`, `HAP_CONFIG`, else `/etc/hap/hap.toml` of root, \
           `~/.config/hap/hap.toml` of others. `hap up --check-config` tells the same.",
    bounds: "*fix*: it was named and is not there, or `hap up` refuses it.",
    fix: "mend the line that the finding names",
    probes: false,
    judge: |facts| match (&facts.config.path, &facts.config.trouble) {
        (None, None) => Verdict::ok("there is no configuration file, defaults hold"),
        (Some(path), None) => Verdict::ok(path.display().to_string()),
        (path, Some(trouble)) => {
            let path = path
                .as_ref()
                .map(|path| path.display().to_string())
                .unwrap_or_default();
            Verdict::fix(trouble, format!("${{EDITOR:-vi}} {}", quoted(&path)))
        }
    },
};

pub(super) const HEALTH: Check = Check {
    id: "host.health",
    group: Group::Host,
    what: "What the host that runs here says of itself, see [operations](operations.md#what-is-wrong-with-the-host-itself).",
    bounds: "*fix*: it says that it does not reach its engine, or refuses to tell. *warn*: it has a problem.",
    fix: "as the host says",
    probes: false,
    judge: |facts| match facts.state.socket.as_ref().map(|socket| &socket.answer) {
        Some(Answer::Healthy(health)) => match health.problems.first() {
            None => Verdict::ok("the host is healthy"),
            Some(first) => Verdict::warn(first, "journalctl -u hap -n 50"),
        },
        Some(Answer::Unhealthy(why)) => {
            Verdict::fix(format!("the host says: {why}"), "journalctl -u hap -n 50")
        }
        Some(Answer::Silent(_) | Answer::Odd(_) | Answer::Forbidden) => {
            Verdict::unknown("the host does not answer, see state.socket")
        }
        Some(Answer::Nobody) | None => Verdict::ok("no host runs here: `hap up` starts one"),
    },
};

pub(super) const LISTEN: Check = Check {
    id: "host.listen",
    group: Group::Host,
    what: "Whether the address is free on which the management API is served, where `listen` of `[api]` names one.",
    bounds: "*fix*: another program listens there, or it is no address.",
    fix: "end that program, or name another address",
    probes: false,
    judge: |facts| {
        let Some(listen) = &facts.config.listen else {
            return Verdict::ok("the management API is served on the socket alone");
        };
        let path = facts.config.path.as_ref().map(|path| path.display().to_string());
        let edit = format!("${{EDITOR:-vi}} {}", quoted(&path.unwrap_or_default()));
        let Ok(address) = listen.parse::<SocketAddr>() else {
            return Verdict::fix(
                format!("listen = {listen:?} of [api] is no address such as 127.0.0.1:8443"),
                edit,
            );
        };
        if facts.has_host() {
            return Verdict::ok(format!("{address} is the host's that runs here"));
        }
        let Some(listeners) = &facts.listeners else {
            return Verdict::unknown("this system does not tell who listens");
        };
        let taken = listeners.iter().find(|listener| {
            let (there, here) = (listener.address.ip(), address.ip());
            listener.address.port() == address.port()
                && address.port() != 0
                && (there == here || there.is_unspecified() || here.is_unspecified())
        });
        match taken {
            None => Verdict::ok(format!("{address} is free")),
            Some(listener) => {
                let program = listener.program.as_deref().unwrap_or("another program");
                Verdict::fix(
                    format!("{address} is taken by {program}"),
                    format!("sudo fuser -k {}/tcp", address.port()),
                )
            }
        }
    },
};

/// Time before the end of a certificate in which it has to be renewed.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const DAY: u64 = 24 * 60 * 60;

pub(super) const CERTIFICATE: Check = Check {
    id: "host.certificate",
    group: Group::Host,
    what: "The certificate of the management API, where `certificate` and `key` of `[api]` name one.",
    bounds: "*fix*: it cannot be read, has ended or not begun, or the key is another's. *warn*: it ends within 14 days.",
    fix: "renew it, then `systemctl reload hap`",
    probes: false,
    judge: |facts| {
        let certificate = match &facts.certificate {
            None => return Verdict::ok("none is configured"),
            Some(Ok(certificate)) => certificate,
            Some(Err(why)) => return Verdict::fix(why, "sudo certbot renew && sudo systemctl reload hap"),
        };
        let renew = "sudo certbot renew && sudo systemctl reload hap";
        match &certificate.fits {
            Err(why) => return Verdict::fix(why, renew),
            Ok(false) => return Verdict::fix("the key is not that of the certificate", renew),
            Ok(true) => {}
        }
        if let Ok(early) = certificate.not_before.duration_since(facts.now)
            && !early.is_zero()
        {
            let sentence = format!(
                "the certificate holds in {} days only: is the clock right?",
                early.as_secs() / DAY
            );
            return Verdict::fix(sentence, "sudo timedatectl set-ntp true");
        }
        match certificate.not_after.duration_since(facts.now) {
            Err(late) => {
                let days = late.duration().as_secs() / DAY;
                Verdict::fix(format!("the certificate ended {days} days ago"), renew)
            }
            Ok(left) if left < SOON => Verdict::warn(
                format!("the certificate ends in {} days", left.as_secs() / DAY),
                renew,
            ),
            Ok(left) => Verdict::ok(format!("the certificate holds for {} days", left.as_secs() / DAY)),
        }
    },
};

//! Where the engine is looked for.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener, ToSocketAddrs as _},
    path::PathBuf,
};

use serde_json::Value;

use super::super::facts::{EngineAddress, Way};

const USUAL: &str = "unix:///var/run/docker.sock";

/// Finds the engine's address: that of the configuration, of `DOCKER_HOST`, or the usual one.
pub(super) fn find(configured: Option<&str>) -> EngineAddress {
    let of_environment = env::var("DOCKER_HOST").ok().filter(|uri| !uri.is_empty());
    let verifies = env::var("DOCKER_TLS_VERIFY").is_ok_and(|verify| !verify.is_empty());
    let (uri, named_by) = match (configured, of_environment) {
        (Some(uri), _) if uri != "docker" => (uri.to_owned(), Some("the configuration".to_owned())),
        (_, Some(uri)) => (uri, Some("DOCKER_HOST".to_owned())),
        (_, None) => (USUAL.to_owned(), None),
    };
    let way = way(&uri, verifies);
    EngineAddress {
        uri,
        named_by,
        context: context(),
        way,
    }
}

fn way(uri: &str, verifies: bool) -> Way {
    let refused = |why: &str| Way::Refused(why.to_owned());
    if uri == "process" {
        return Way::None;
    }
    if let Some(path) = uri.strip_prefix("unix://") {
        return match path.starts_with('/') {
            true => Way::Socket(PathBuf::from(path)),
            false => refused("the path of a socket begins with a slash"),
        };
    }
    let Some(rest) = uri.strip_prefix("tcp://").or_else(|| uri.strip_prefix("http://")) else {
        return refused("hap takes unix://, tcp:// and http:// of this machine");
    };
    if uri.starts_with("tcp://") && verifies {
        return refused("DOCKER_TLS_VERIFY asks for TLS, which hap does not speak to an engine");
    }
    let host = rest.split('/').next().unwrap_or(rest);
    let port = if uri.starts_with("tcp://") { 2375 } else { 80 };
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let host = if has_port {
        host.to_owned()
    } else {
        format!("{}:{port}", host.trim_end_matches(':'))
    };
    // A name is not looked up: whoever answers for it may be away.
    let host = host.replacen("localhost:", "127.0.0.1:", 1);
    match host.parse::<SocketAddr>() {
        Ok(address) if is_of_this_machine(address) => Way::Tcp(address),
        Ok(_) => refused("it is another machine's, and a host runs beside its engine"),
        Err(_) => refused("a host runs beside its engine: name it by an address of this machine"),
    }
}

/// An address can be listened on where it is this machine's.
fn is_of_this_machine(address: SocketAddr) -> bool {
    let any_port = (address.ip(), 0).to_socket_addrs();
    any_port.is_ok_and(|mut addresses| addresses.any(|address| TcpListener::bind(address).is_ok()))
}

/// The context that the `docker` command follows, where somebody chose one.
fn context() -> Option<String> {
    let chosen = env::var("DOCKER_CONTEXT").ok().filter(|name| !name.is_empty());
    let chosen = chosen.or_else(|| {
        let folder = env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".docker")))?;
        let text = fs::read_to_string(folder.join("config.json")).ok()?;
        let config: Value = serde_json::from_str(&text).ok()?;
        config.get("currentContext")?.as_str().map(str::to_owned)
    });
    chosen.filter(|name| name != "default" && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_of_this_machine_is_taken_and_no_other() {
        let taken = |uri: &str| way(uri, false);
        assert_eq!(taken("unix:///run/x.sock"), Way::Socket("/run/x.sock".into()));
        assert_eq!(
            taken("tcp://127.0.0.1"),
            Way::Tcp("127.0.0.1:2375".parse().unwrap())
        );
        assert_eq!(
            taken("tcp://localhost:99/"),
            Way::Tcp("127.0.0.1:99".parse().unwrap())
        );
        assert_eq!(
            taken("http://127.0.0.1"),
            Way::Tcp("127.0.0.1:80".parse().unwrap())
        );
        assert_eq!(taken("process"), Way::None);
        for (uri, verifies) in [
            ("tcp://192.0.2.7:2375", false),
            ("tcp://box:2375", false),
            ("ssh://box", false),
            ("unix://run/x.sock", false),
            ("tcp://127.0.0.1", true),
        ] {
            assert!(matches!(way(uri, verifies), Way::Refused(_)), "{uri}");
        }
    }
}

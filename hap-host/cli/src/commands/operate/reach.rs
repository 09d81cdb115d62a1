use std::{path::PathBuf, time::Duration};

use clap::Args;
use hap_host::client::{Client, ClientError, ClientErrorKind};
use hap_manifest::ApiToken;
use serde_json::Value;

use crate::{
    failure::{Exit, Failure},
    site,
    terminal::{Console, harmless},
};

/// The variable with the token for a host at an address. It is no argument, which others on this machine could read.
const TOKEN: &str = "HAP_TOKEN";
/// Most lines of a plugin's output that a failure shows.
const LAST_LINES: usize = 10;

/// Which host is meant.
#[derive(Debug, Args)]
pub(super) struct Reach {
    /// A host at an address, such as https://home.example.com:8443; `HAP_TOKEN` has its token
    #[arg(long, value_name = "URL", env = "HAP_HOST")]
    host: Option<String>,

    /// The folder with the state of a host on this machine
    #[arg(long, value_name = "DIR", env = "HAP_STATE")]
    state: Option<PathBuf>,

    /// Gives up after so many seconds; what was asked may still happen
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: Option<u64>,
}

impl Reach {
    /// Returns a client of the host that is meant. Nothing is connected yet.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let named = self.host.as_deref().filter(|host| !host.is_empty());
        let mut client = match named {
            Some(url) => Client::at(url).map_err(|error| failure(&error))?,
            None => Client::unix(site::socket(&site::state_folder(self.state.as_deref())?)),
        };
        if let Some(token) = std::env::var_os(TOKEN).filter(|token| !token.is_empty()) {
            let token = ApiToken::parse(token.to_str().unwrap_or_default()).map_err(|error| {
                Failure::new(Exit::Usage, "bad_token", format!("{TOKEN} is no token: {error}"))
                    .help("set it to what `hap user add` printed")
            })?;
            client = client.token(token);
        }
        if let Some(seconds) = self.timeout {
            client = client.timeout(Duration::from_secs(seconds));
        }
        Ok(client)
    }
}

/// Waits for a host's answer, and shows on a terminal what it does meanwhile.
pub(super) fn waited<T>(
    console: &Console,
    what: String,
    answer: impl Future<Output = Result<T, ClientError>>,
) -> impl Future<Output = Result<T, Failure>> {
    let answer = Box::pin(answer);
    async move {
        let progress = console.progress(what);
        let answer = answer.await;
        drop(progress);
        answer.map_err(|error| failure(&error))
    }
}

/// Why a host did not do what was asked, and what to do about it.
pub(super) fn failure(error: &ClientError) -> Failure {
    let text = harmless(&error.to_string());
    match error.kind() {
        ClientErrorKind::Unreachable => Failure::new(
            Exit::Unreachable,
            "no_host",
            format!("no host answers: {text}"),
        )
        .help("start one with `hap up`, or name the one that is meant: --host URL, --state DIR; `hap doctor` looks for what is wrong"),
        ClientErrorKind::Timeout => Failure::new(Exit::OutOfTime, "timeout", text)
            .help("look what became of it: `hap ps`"),
        ClientErrorKind::Refused => refused(error, text),
        ClientErrorKind::Usage => Failure::new(Exit::Usage, "bad_host", text),
        _ => Failure::new(Exit::Failed, "invalid_reply", text)
            .help("look whether the address is that of a host, and which version `hap` and the host have"),
    }
}

fn refused(error: &ClientError, text: String) -> Failure {
    let code = error.code().unwrap_or_default().to_owned();
    let exit = match code.as_str() {
        "not_installed" | "not_found" => Exit::NotFound,
        "not_permitted" | "forbidden_role" | "unauthorized" | "cross_site" | "unknown_host" => Exit::Refused,
        "already_installed" | "busy" | "gone" | "not_running" | "foreign_data" | "publisher_changed"
        | "dependency" | "too_many_streams" => Exit::Conflict,
        "engine" | "shutting_down" | "unreachable" => Exit::Unreachable,
        "timeout" => Exit::OutOfTime,
        _ => Exit::Failed,
    };
    let help = match code.as_str() {
        "not_installed" => Some("`hap ps` lists the plugins that are installed".to_owned()),
        "unauthorized" => Some(format!("set {TOKEN} to what `hap user add` printed on that host")),
        "forbidden_role" => Some("ask whoever runs that host for another role".to_owned()),
        "foreign_data" => {
            Some("give it that data with --adopt-data, or remove the data: hap orphans rm-data ID".to_owned())
        }
        "not_running" => Some("start it first: hap start ID".to_owned()),
        "publisher_changed" => {
            Some("let that publisher go on with --accept-publisher, if you trust it".to_owned())
        }
        _ => diagnosis(error).and_then(|failure| text_of(failure, "hint")),
    };
    let mut message = text;
    if let Some(lines) = diagnosis(error).and_then(|failure| failure.get("last_lines")?.as_array()) {
        let skipped = lines.len().saturating_sub(LAST_LINES);
        for line in lines.iter().skip(skipped).filter_map(Value::as_str) {
            message.push_str(&format!("\n  | {}", harmless(line)));
        }
    }
    let failure = Failure::new(exit, code, message).details(error.details().clone());
    match help {
        Some(help) => failure.help(harmless(&help)),
        None => failure,
    }
}

fn diagnosis(error: &ClientError) -> Option<&Value> {
    error
        .details()
        .get("failure")
        .filter(|failure| failure.is_object())
}

fn text_of(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

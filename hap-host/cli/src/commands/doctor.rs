use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::{
    doctor::{CHECKS, Check, Finding, Health, Request, explain, gather, report},
    failure::{Exit, Failure},
    host::HostConfig,
    site,
    terminal::{Console, Interrupt},
};

/// Finds what is wrong with this machine, and the command that mends it
///
/// It works where no host runs and tells why none would start; a host that runs is asked how it does and is not disturbed. The exit code is 1 where something has to be mended.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap doctor
    hap doctor --quick
    hap doctor --only engine.reach,network.pool
    hap doctor --explain network.isolation
    hap doctor --json")]
pub(crate) struct Doctor {
    /// Starts no containers
    #[arg(long)]
    quick: bool,

    /// Looks at these checks alone
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,

    /// The folder with the host's state [default: that of this user]
    #[arg(long, value_name = "DIR", env = "HAP_STATE")]
    state: Option<PathBuf>,

    /// The host's configuration file [default: that of this user]
    #[arg(long, value_name = "FILE", env = "HAP_CONFIG")]
    config: Option<PathBuf>,

    /// Explains a check: what it looks at, from where on it finds something, what mends it
    #[arg(long, value_name = "ID", conflicts_with_all = ["quick", "only"])]
    explain: Option<String>,
}

impl Doctor {
    pub(crate) async fn run(self, console: &Console, interrupt: &Interrupt) -> Result<Exit, Failure> {
        if let Some(id) = &self.explain {
            let check = named(id)?;
            console.result("doctor", &about(check), explain(check));
            return Ok(Exit::Done);
        }
        let only = self
            .only
            .iter()
            .map(|id| Ok(named(id)?.id))
            .collect::<Result<Vec<_>, Failure>>()?;
        let checks = CHECKS
            .iter()
            .filter(|check| only.is_empty() || only.contains(&check.id));
        let checks: Vec<&Check> = checks
            .copied()
            .filter(|check| !(self.quick && check.probes))
            .collect();
        if checks.is_empty() {
            let message = "--quick leaves out all that --only names: they start containers";
            return Err(Failure::new(Exit::Usage, "nothing_to_do", message).help("leave --quick out"));
        }
        let request = Request {
            state: absolute(site::state_folder(self.state.as_deref())?),
            config: site::configuration(self.config.as_deref()),
            judge: |file, state| {
                HostConfig::read(Some(file), state)
                    .err()
                    .map(|failure| failure.to_string())
            },
            may_probe: checks.iter().any(|check| check.probes),
        };
        let progress = console.progress("looking at this machine");
        let facts = Box::pin(gather(request, interrupt)).await;
        drop(progress);
        let facts = facts?;
        let concerned = checks.iter().filter(|check| check.concerns(&facts));
        let findings: Vec<_> = concerned.map(|check| check.judge(&facts)).collect();
        let count = |health| findings.iter().filter(|finding| finding.health == health).count();
        let fixes = count(Health::Fix);
        let result = json!({
            "findings": findings.iter().map(to_json).collect::<Vec<_>>(),
            "fix": fixes,
            "warn": count(Health::Warn),
            "unknown": count(Health::Unknown),
        });
        console.result("doctor", &result, report(&findings));
        Ok(if fixes == 0 { Exit::Done } else { Exit::Failed })
    }
}

/// Commands of findings are typed elsewhere too.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn named(id: &str) -> Result<&'static Check, Failure> {
    CHECKS
        .iter()
        .copied()
        .find(|check| check.id == id)
        .ok_or_else(|| {
            let known: Vec<_> = CHECKS.iter().map(|check| check.id).collect();
            let message = format!("{id:?} is no check");
            Failure::new(Exit::Usage, "no_such_check", message)
                .help(format!("there are {}", known.join(", ")))
        })
}

fn about(check: &Check) -> Value {
    json!({
        "id": check.id,
        "group": check.group.to_string(),
        "what": check.what,
        "found": check.bounds,
        "fix": check.fix,
        "probes": check.probes,
    })
}

fn to_json(finding: &Finding) -> Value {
    json!({
        "id": finding.id,
        "group": finding.group.to_string(),
        "result": finding.health.word(),
        "message": finding.sentence,
        "fix": finding.fix,
    })
}

//! Health and status.

use super::case::{Case, case};
use crate::{
    bench::{Bench, Reply, SOON},
    http::Request,
    outcome::{Stop, Verdict},
};

pub(super) const CASES: &[Case] = &[
    case!(
        "health.shape",
        "P-HEALTH-2",
        (r, r),
        Shared,
        "the health report names the plugin and its state",
        "answer {\"status\":\"healthy\",\"plugin_id\":\"<PLUGIN_ID>\"}",
        shape
    ),
    case!(
        "health.open", "P-HEALTH-5", (-, R), Shared,
        "health is answered without a token",
        "ask for the token on all paths but /health",
        open
    ),
    case!(
        "health.while-busy", "P-HEALTH-6", (-, R), Shared,
        "health is answered while a command runs",
        "serve requests on several threads, or carry long commands out beside the server",
        while_busy
    ),
    case!(
        "status.shape",
        "P-STATUS-1",
        (R, R),
        Shared,
        "the status names the plugin and its state in a word",
        "answer GET /status with {\"plugin_id\":\"<PLUGIN_ID>\",\"status\":\"running\",\"data\":{}}",
        status
    ),
];

async fn shape(bench: &mut Bench) -> Verdict {
    let id = bench.declared().id.to_string();
    let asked = bench.health().await;
    let expected =
        format!("an object with \"plugin_id\": {id:?} and \"status\": \"healthy\" or \"degraded\"");
    let holds = |reply: &Reply| {
        let word = reply.field("status").and_then(|word| word.as_str());
        is_id(bench, reply) && matches!(word, Some("healthy" | "degraded"))
    };
    asked.check(holds, &expected)
}

/// Whether the answer has the plugin's id. One that nobody has named may have any.
fn is_id(bench: &Bench, reply: &Reply) -> bool {
    let id = reply.field("plugin_id").and_then(|id| id.as_str());
    match id {
        Some(id) if bench.declared().is_named => id == bench.declared().id.as_str(),
        Some(id) => !id.is_empty(),
        None => false,
    }
}

async fn open(bench: &mut Bench) -> Verdict {
    let request = Request::get(&bench.declared().paths.health);
    let asked = bench
        .send(bench.at(), &request, bench.declared().health_timeout)
        .await;
    asked.check(Reply::is_good, "a 2xx")
}

async fn while_busy(bench: &mut Bench) -> Verdict {
    let Some(slow) = bench.declared().inputs.slow_command.clone() else {
        return Err(Stop::not_declared("a command that takes a second (slow_command)"));
    };
    let (command, health) = tokio::join!(bench.command(&slow), async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        bench.health().await
    });
    command.reply()?;
    let waited = health.took > command.took.saturating_sub(std::time::Duration::from_millis(300));
    let sent = format!("{}, and 200 ms later {}", command.sent, health.sent);
    if health.came.is_err() || health.took > SOON || waited {
        let came = format!(
            "{} after {:?}; the command took {:?}",
            health.shown(),
            health.took,
            command.took
        );
        return Err(Stop::fail(
            sent,
            came,
            "an answer that does not wait for the command",
        ));
    }
    health.check(Reply::is_good, "a 2xx")
}

async fn status(bench: &mut Bench) -> Verdict {
    let asked = bench.ask(Request::get(&bench.declared().paths.status)).await;
    let holds = |reply: &Reply| {
        let word = reply.field("status").and_then(|word| word.as_str());
        reply.is_success() && is_id(bench, reply) && word.is_some_and(|word| !word.is_empty())
    };
    let expected = "200 and an object with the plugin's id as \"plugin_id\" and a word as \"status\"";
    asked.check(holds, expected)
}

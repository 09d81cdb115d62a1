//! Settings.

use std::time::Duration;

use serde_json::{Value, json};

use super::case::{Case, case};
use crate::{
    bench::{Bench, Exchange, Reply},
    http::Request,
    outcome::{Stop, Verdict},
};

pub(super) const CASES: &[Case] = &[
    case!(
        "config.valid",
        "P-CONFIG-1",
        (R, R),
        Shared,
        "settings that fit are taken",
        "answer with 200 and {\"success\":true,\"message\":\"Configuration updated\"}",
        valid
    ),
    case!(
        "config.again", "P-CONFIG-5", (-, R), Own,
        "the same settings are taken again",
        "do not refuse settings because they are in force already",
        again
    ),
    case!(
        "config.invalid", "P-CONFIG-3", (-, R), Shared,
        "settings that do not fit are refused",
        "check the settings against your schema, and answer 422 with the shape of refusals",
        invalid
    ),
    case!(
        "config.invalid-keeps", "P-CONFIG-3", (-, R), Shared,
        "refused settings change nothing that the status shows",
        "check all settings first, then put them in force together",
        invalid_keeps
    ),
    case!(
        "config.replaces", "P-CONFIG-2", (-, R), Own,
        "settings replace those of before as a whole",
        "start from your defaults at each POST /config, not from the settings in force",
        replaces
    ),
    case!(
        "config.not-an-object",
        "P-CONFIG-4",
        (r, R),
        Shared,
        "settings that are no object are refused",
        "answer 422 where the body is no JSON object",
        not_an_object
    ),
    case!(
        "config.again-after-restart", "P-START-1", (-, R), Started,
        "after a restart the same settings are taken",
        "take POST /config at any time, also as the first call after a start",
        after_restart
    ),
];

fn declared_valid(bench: &Bench) -> Result<Value, Stop> {
    let valid = bench.facts().valid_config.clone();
    valid.ok_or_else(|| Stop::not_declared("settings that it takes (config.valid, or a config_schema)"))
}

fn declared_invalid(bench: &Bench) -> Result<Value, Stop> {
    let invalid = bench.facts().invalid_config.clone();
    invalid.ok_or_else(|| Stop::not_declared("settings that it refuses (config.invalid, or a config_schema)"))
}

async fn configure(bench: &Bench, settings: &Value) -> Exchange {
    bench
        .ask(Request::json(&bench.declared().paths.config, settings))
        .await
}

async fn valid(bench: &mut Bench) -> Verdict {
    let asked = configure(bench, &declared_valid(bench)?).await;
    asked.check(
        Reply::is_success,
        "200 and an object that does not say \"success\": false",
    )
}

async fn again(bench: &mut Bench) -> Verdict {
    let settings = declared_valid(bench)?;
    let first = configure(bench, &settings).await;
    // Whether they are taken at all is another case.
    first.reply()?;
    let second = configure(bench, &settings).await;
    if second.verdict() != first.verdict() {
        let expected = format!("the answer of the first time: {}", first.shown());
        return Err(Stop::fail(
            format!("{}, twice", second.sent),
            second.shown(),
            expected,
        ));
    }
    Ok(())
}

async fn invalid(bench: &mut Bench) -> Verdict {
    let asked = configure(bench, &declared_invalid(bench)?).await;
    asked.check(Reply::is_client_error, "a 4xx")
}

async fn invalid_keeps(bench: &mut Bench) -> Verdict {
    let (valid, invalid) = (declared_valid(bench)?, declared_invalid(bench)?);
    configure(bench, &valid).await;
    let status = || bench.ask(Request::get(&bench.declared().paths.status));
    let before = status().await;
    // A status that moves by itself shows nothing.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let still = status().await;
    let body = |exchange: &Exchange| exchange.came.as_ref().ok().and_then(|reply| reply.json.clone());
    if body(&before) != body(&still) {
        return Err(Stop::NotApplicable("its status changes by itself".to_owned()));
    }
    let refused = configure(bench, &invalid).await;
    if !refused.came.as_ref().is_ok_and(Reply::is_refusal) {
        return Err(Stop::NotApplicable(
            "settings that do not fit are not refused".to_owned(),
        ));
    }
    let after = status().await;
    if body(&after) != body(&before) {
        let sent = format!("{}, which was refused, then {}", refused.sent, after.sent);
        return Err(Stop::fail(
            sent,
            after.shown(),
            format!("the status of before: {}", before.shown()),
        ));
    }
    Ok(())
}

/// As far as the status shows the settings: with none, with those that are declared, and with none again.
async fn replaces(bench: &mut Bench) -> Verdict {
    let (none, valid) = (json!({}), declared_valid(bench)?);
    let mut seen = Vec::new();
    for settings in [&none, &none, &valid, &none] {
        let asked = configure(bench, settings).await;
        if !asked.came.as_ref().is_ok_and(Reply::is_success) {
            return Err(Stop::NotApplicable(
                "it does not take {}, or not its valid settings".to_owned(),
            ));
        }
        seen.push(bench.ask(Request::get(&bench.declared().paths.status)).await);
    }
    let body = |exchange: &Exchange| exchange.came.as_ref().ok().and_then(|reply| reply.json.clone());
    let [first, still, with, after] = &seen[..] else {
        return Err(Stop::Error("four were asked for".to_owned()));
    };
    if body(first) != body(still) || body(first) == body(with) {
        return Err(Stop::NotApplicable(
            "its status does not show its settings alone".to_owned(),
        ));
    }
    if body(after) != body(first) {
        let sent = format!("the settings {valid}, then {{}}, then {}", after.sent);
        let expected = format!("the status with {{}} alone: {}", first.shown());
        return Err(Stop::fail(sent, after.shown(), expected));
    }
    Ok(())
}

async fn not_an_object(bench: &mut Bench) -> Verdict {
    if bench.facts().valid_config.is_none() && !bench.is_ours() {
        return Err(Stop::not_declared("that it has settings (config)"));
    }
    for settings in [json!([1, 2]), json!("text"), json!(7)] {
        let asked = configure(bench, &settings).await;
        // A plugin without settings need not have the path.
        if bench.facts().valid_config.is_none()
            && asked.came.as_ref().is_ok_and(|reply| reply.status() == 404)
        {
            return Err(Stop::not_declared("that it has settings (config)"));
        }
        asked.check(Reply::is_client_error, "a 4xx")?;
    }
    Ok(())
}

async fn after_restart(bench: &mut Bench) -> Verdict {
    let settings = declared_valid(bench)?;
    let before = configure(bench, &settings).await;
    before.reply()?;
    bench.stop_at_once().await;
    bench.start_healthy().await?;
    let after = configure(bench, &settings).await;
    if after.verdict() != before.verdict() {
        let expected = format!("the answer of before the restart: {}", before.shown());
        return Err(Stop::fail(
            format!("a restart, then {}", after.sent),
            after.shown(),
            expected,
        ));
    }
    Ok(())
}

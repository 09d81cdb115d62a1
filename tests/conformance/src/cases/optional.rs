//! Calls that a plugin may lack.

use hap_manifest::ConfigSchema;
use serde_json::Value;

use super::case::{Case, case};
use crate::{
    bench::{Bench, Exchange, Reply},
    http::Request,
    outcome::{Stop, Verdict},
};

pub(super) const CASES: &[Case] = &[
    case!("describe.shape", "P-DESCRIBE-2", (-, R), Shared, "its description has the shape of the protocol", "answer GET /describe as the protocol says, or with 404", describe),
    case!("metrics.text", "P-METRICS-1", (-, o), Shared, "its metrics are Prometheus text", "answer GET /metrics with lines of `name{labels} value`, or with 404", metrics),
    case!("openapi.valid", "P-OPENAPI-1", (-, o), Shared, "its OpenAPI document is one", "answer GET /openapi.json with an object that has openapi, info and paths, or with 404", openapi),
];

/// Asks for what may not be there; a 404 is not applicable.
async fn ask(bench: &Bench, path: &str) -> Result<Exchange, Stop> {
    let asked = bench.ask(Request::get(path)).await;
    let lacks = |reply: &Reply| matches!(reply.status(), 404 | 405 | 501);
    if asked.came.as_ref().is_ok_and(lacks) {
        return Err(Stop::NotApplicable(format!("it has no {path}")));
    }
    Ok(asked)
}

async fn describe(bench: &mut Bench) -> Verdict {
    let asked = ask(bench, "/describe").await?;
    asked.check(
        |reply| reply.is_good() && reply.json.as_ref().is_some_and(Value::is_object),
        "200 and an object, or 404",
    )?;
    let told = asked.reply()?;
    let versions = told.field("protocol").and_then(Value::as_array);
    let speaks_1 =
        versions.is_some_and(|versions| versions.iter().any(|version| version.as_f64() == Some(1.0)));
    if !speaks_1 {
        return Err(asked.failed("\"protocol\": a list with 1 in it"));
    }
    if told.field("plugin_id").and_then(Value::as_str).is_none() {
        return Err(asked.failed("\"plugin_id\": a text"));
    }
    for name in ["commands", "config", "status"] {
        let Some(schema) = told.field(name).filter(|schema| !schema.is_null()) else {
            continue;
        };
        if let Err(error) = ConfigSchema::new(schema, Vec::<String>::new()) {
            let came = format!("{name:?}: {error}");
            return Err(Stop::fail(&asked.sent, came, "a JSON Schema, or null"));
        }
    }
    Ok(())
}

async fn metrics(bench: &mut Bench) -> Verdict {
    let asked = ask(bench, "/metrics").await?;
    let reply = asked.reply()?;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let odd = text
        .lines()
        .find(|line| !line.is_empty() && !line.starts_with('#') && !is_sample(line));
    match odd {
        Some(line) => Err(Stop::fail(
            &asked.sent,
            line,
            "lines of `name{labels} value`, and comments",
        )),
        None => asked.check(Reply::is_good, "200, or 404"),
    }
}

/// Whether a line is a name, labels, a number and perhaps a time.
fn is_sample(line: &str) -> bool {
    let (name, rest) = match line.split_once('{') {
        Some((name, rest)) => match rest.rsplit_once('}') {
            Some((_, value)) => (name, value),
            None => return false,
        },
        None => match line.split_once(' ') {
            Some((name, rest)) => (name, rest),
            None => return false,
        },
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let value = rest.split_whitespace().next().unwrap_or_default();
    !name.is_empty() && name.chars().all(is_name) && value.trim_start_matches('+').parse::<f64>().is_ok()
}

async fn openapi(bench: &mut Bench) -> Verdict {
    let asked = ask(bench, "/openapi.json").await?;
    let holds = |reply: &Reply| {
        let version = reply.field("openapi").and_then(Value::as_str);
        reply.is_good()
            && version.is_some_and(|version| version.starts_with("3."))
            && reply.field("info").is_some_and(Value::is_object)
            && reply.field("paths").is_some_and(Value::is_object)
    };
    asked.check(
        holds,
        "an object with \"openapi\": \"3....\", \"info\" and \"paths\"",
    )
}

#[cfg(test)]
mod tests {
    use super::is_sample;

    #[test]
    fn a_sample_has_a_name_and_a_number() {
        for good in ["a 1", "a_b{c=\"d } e\"} 2.5", "a +Inf", "a NaN 1700000000"] {
            assert!(is_sample(good), "{good}");
        }
        for bad in ["<html>", "a", "a{b 1", "a-b 1", "a b"] {
            assert!(!is_sample(bad), "{bad}");
        }
    }
}

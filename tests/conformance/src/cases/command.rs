//! Commands.

use hap_manifest::wire::CommandRequest;
use serde_json::{Value, json};

use super::case::{Case, case};
use crate::{
    bench::{Bench, Exchange, Reply},
    http::Request,
    outcome::{Stop, Verdict},
};

pub(super) const CASES: &[Case] = &[
    case!(
        "command.known",
        "P-COMMAND-1",
        (R, R),
        Shared,
        "a declared command is carried out",
        "answer with 200 and {\"success\":true,\"result\":...}",
        known
    ),
    case!(
        "command.params-empty",
        "P-COMMAND-4",
        (R, R),
        Shared,
        "a command without parameters takes {} for them",
        "treat {} as no parameters",
        params_empty
    ),
    case!(
        "command.params-null",
        "P-COMMAND-4",
        (r, R),
        Shared,
        "a command without parameters takes null for them",
        "treat null as {}: body.get(\"params\") or {}, body.params ?? {}",
        params_null
    ),
    case!(
        "command.params-absent",
        "P-COMMAND-4",
        (r, R),
        Shared,
        "a command without parameters takes none for them",
        "treat an absent params as {}: body.get(\"params\") or {}, body.params ?? {}",
        params_absent
    ),
    case!(
        "command.extra-field",
        "P-COMMAND-11",
        (r, R),
        Shared,
        "a field that it does not know is passed over",
        "look at \"command\" and \"params\" alone, and pass over the rest of the object",
        extra_field
    ),
    case!(
        "command.unknown",
        "P-COMMAND-5",
        (R, R),
        Shared,
        "a command that does not exist is refused",
        "answer commands that you do not know with 404 and {\"success\":false,\"error\":\"unknown command ...\"}",
        unknown
    ),
    case!(
        "command.refusal-shape",
        "P-REFUSAL-1",
        (r, R),
        Shared,
        "a refusal has the shape of refusals",
        "answer with a 4xx or 5xx and {\"success\":false,\"error\":\"text for people\"}",
        refusal_shape
    ),
    case!(
        "command.concurrent",
        "P-HTTP-10",
        (r, R),
        Shared,
        "calls at the same time are all answered",
        "serve each connection on a thread or task of its own (ThreadingHTTPServer, app.run(threaded=True))",
        concurrent
    ),
    case!(
        "command.no-time", "P-COMMAND-9", (-, o), Shared,
        "a command whose caller waits no more is not begun",
        "answer 504 where x-request-timeout-ms is 0",
        no_time
    ),
    case!(
        "command.odd-timeout", "P-COMMAND-10", (-, R), Shared,
        "a timeout that is no number counts as absent",
        "read x-request-timeout-ms as a whole number, and pass over anything else",
        odd_timeout
    ),
    case!(
        "command.idempotency-key", "P-COMMAND-7", (-, r), Shared,
        "a command under an idempotency key is carried out, sent twice too",
        "take the header Idempotency-Key, or pass over it",
        idempotency_key
    ),
    case!(
        "reply.bounds", "P-LIMIT-1", (-, R), Shared,
        "replies are within the bounds of the platform",
        "keep replies below 4 MiB",
        bounds
    ),
    case!(
        "reply.depth", "P-LIMIT-2", (-, R), Shared,
        "replies are JSON nested at most 127 deep",
        "nest less, or put deep data into a text",
        depth
    ),
    case!(
        "reply.uncompressed", "P-HTTP-4", (-, R), Shared,
        "replies are not compressed",
        "compress only for callers that send accept-encoding",
        uncompressed
    ),
    case!(
        "reply.content-type",
        "P-HTTP-5",
        (r, r),
        Shared,
        "replies say that they are JSON",
        "send content-type: application/json",
        content_type
    ),
];

async fn known(bench: &mut Bench) -> Verdict {
    bench.known_command()?;
    let all = &bench.facts().commands;
    // Those without parameters have cases of their own.
    let (plain, with): (Vec<_>, Vec<_>) = all.iter().partition(|command| is_plain(command));
    for command in if with.is_empty() { plain } else { with } {
        let asked = bench.command(command).await;
        asked.check(
            Reply::is_success,
            "200 and an object that does not say \"success\": false",
        )?;
    }
    Ok(())
}

async fn params_empty(bench: &mut Bench) -> Verdict {
    same_with(bench, Some(json!({}))).await
}

async fn params_null(bench: &mut Bench) -> Verdict {
    same_with(bench, Some(Value::Null)).await
}

async fn params_absent(bench: &mut Bench) -> Verdict {
    same_with(bench, None).await
}

async fn same_with(bench: &Bench, params: Option<Value>) -> Verdict {
    let plain: Vec<_> = bench
        .facts()
        .commands
        .iter()
        .filter(|command| is_plain(command))
        .collect();
    if plain.is_empty() {
        return Err(Stop::not_declared("a command without parameters (commands)"));
    }
    for command in plain {
        let body = match &params {
            Some(params) => json!({ "command": command.command, "params": params }),
            None => json!({ "command": command.command }),
        };
        let asked = bench
            .ask(Request::json(&bench.declared().paths.command, &body))
            .await;
        asked.check(
            |reply| reply.is_good() && !reply.is_refusal(),
            "the command carried out, as with any other way to write no parameters",
        )?;
    }
    Ok(())
}

fn is_plain(command: &CommandRequest) -> bool {
    command.params.is_null() || command.params.as_object().is_some_and(serde_json::Map::is_empty)
}

async fn extra_field(bench: &mut Bench) -> Verdict {
    let command = bench.known_command()?;
    let body = json!({
        "command": command.command,
        "params": if command.params.is_null() { json!({}) } else { command.params },
        "no_such_field": [1, {"of": "any version"}],
    });
    let asked = bench
        .ask(Request::json(&bench.declared().paths.command, &body))
        .await;
    asked.check(
        |reply| reply.is_good() && !reply.is_refusal(),
        "the command carried out",
    )
}

async fn unknown(bench: &mut Bench) -> Verdict {
    let asked = bench.ask(bench.unknown_command()).await;
    asked.check(Reply::is_refusal, "a 4xx or 5xx, or \"success\": false")
}

async fn refusal_shape(bench: &mut Bench) -> Verdict {
    let asked = bench.ask(bench.unknown_command()).await;
    // Whether it is refused at all is another case.
    if asked.came.as_ref().is_ok_and(|reply| !reply.is_refusal()) {
        return Err(Stop::NotApplicable(
            "an unknown command is not refused".to_owned(),
        ));
    }
    asked.check(
        Reply::has_refusal_shape,
        "{\"success\": false, \"error\": \"text for people\"}",
    )
}

/// Calls at once. Some servers have room for five connections that wait, so there are no more.
const AT_ONCE: usize = 4;
const ROUNDS: usize = 15;

async fn concurrent(bench: &mut Bench) -> Verdict {
    let request = bench.ordinary();
    let alone = bench.ask(request.clone()).await;
    alone.reply()?;
    for _ in 0..ROUNDS {
        let asked: Vec<Exchange> =
            futures_util::future::join_all((0..AT_ONCE).map(|_| bench.ask(request.clone()))).await;
        for exchange in asked {
            let sent = format!("{AT_ONCE} at once, each {}", exchange.sent);
            let expected = format!("the answer that one alone gets: {}", alone.shown());
            match &exchange.came {
                Ok(_) if exchange.verdict() == alone.verdict() => {}
                _ => return Err(Stop::fail(sent, exchange.shown(), expected)),
            }
        }
    }
    Ok(())
}

async fn no_time(bench: &mut Bench) -> Verdict {
    let command = bench.known_command()?;
    let request = bench.command_request(&command).with("x-request-timeout-ms", "0");
    let asked = bench.ask(request).await;
    asked.check(|reply| reply.status() == 504, "504")
}

async fn odd_timeout(bench: &mut Bench) -> Verdict {
    let command = bench.known_command()?;
    let request = bench
        .command_request(&command)
        .with("x-request-timeout-ms", "soon");
    let asked = bench.ask(request).await;
    asked.check(
        |reply| reply.is_good() && !reply.is_refusal(),
        "the command carried out",
    )
}

async fn idempotency_key(bench: &mut Bench) -> Verdict {
    let command = bench.known_command()?;
    let key = format!("hap-conformance-{:016x}", fastrand::u64(..));
    for _ in 0..2 {
        let request = bench.command_request(&command).with("idempotency-key", &key);
        let asked = bench.ask(request).await;
        asked.check(
            |reply| reply.is_good() && !reply.is_refusal(),
            "the command carried out, or its answer again",
        )?;
    }
    Ok(())
}

/// All calls that a plugin without a mistake answers.
fn all_calls(bench: &Bench) -> Vec<Request> {
    let paths = &bench.declared().paths;
    let mut calls = vec![Request::get(&paths.health), Request::get(&paths.status)];
    let commands = bench.facts().commands.iter();
    calls.extend(commands.map(|command| bench.command_request(command)));
    calls
}

async fn bounds(bench: &mut Bench) -> Verdict {
    for call in all_calls(bench) {
        let asked = bench.ask(call).await;
        let bytes = match &asked.came {
            Ok(reply) => reply.body.len(),
            Err(crate::http::Broken::TooLarge) => usize::MAX,
            Err(_) => continue,
        };
        if bytes > 4 << 20 {
            let came = format!("{} bytes or more", bytes.min(crate::http::MOST_BODY));
            return Err(Stop::fail(asked.sent, came, "a reply of at most 4 MiB"));
        }
    }
    Ok(())
}

async fn depth(bench: &mut Bench) -> Verdict {
    for call in all_calls(bench) {
        let asked = bench.ask(call).await;
        if let Ok(reply) = &asked.came
            && reply.nesting > 127
        {
            let came = format!("JSON nested {} deep", reply.nesting);
            return Err(Stop::fail(asked.sent, came, "JSON nested at most 127 deep"));
        }
    }
    Ok(())
}

async fn uncompressed(bench: &mut Bench) -> Verdict {
    for call in all_calls(bench) {
        let asked = bench.ask(call).await;
        let encoding = asked
            .came
            .as_ref()
            .ok()
            .and_then(|reply| reply.head.header("content-encoding"));
        if let Some(encoding) = encoding.filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            let came = format!("a body with content-encoding: {encoding}");
            return Err(Stop::fail(
                &asked.sent,
                came,
                "a body as it is: accept-encoding was not sent",
            ));
        }
    }
    Ok(())
}

async fn content_type(bench: &mut Bench) -> Verdict {
    for call in all_calls(bench) {
        let asked = bench.ask(call).await;
        let Ok(reply) = &asked.came else { continue };
        let kind = reply.head.header("content-type").unwrap_or("none");
        let media = kind.split(';').next().unwrap_or_default().trim();
        if !reply.body.is_empty() && !media.eq_ignore_ascii_case("application/json") {
            return Err(Stop::fail(
                &asked.sent,
                format!("content-type: {kind}"),
                "application/json",
            ));
        }
    }
    Ok(())
}

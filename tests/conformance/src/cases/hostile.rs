//! What no proper client sends.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::case::{Case, case};
use crate::{
    bench::{Bench, CALL, Exchange, Reply, SOON},
    http::{Broken, Connection, Request},
    outcome::{Stop, Verdict},
};

pub(super) const CASES: &[Case] = &[
    case!(
        "hostile.bad-json",
        "P-COMMAND-6",
        (r, R),
        Shared,
        "a body that is no JSON is refused",
        "catch the error of your JSON parser and answer 400",
        bad_json
    ),
    case!(
        "hostile.empty",
        "P-COMMAND-6",
        (r, R),
        Shared,
        "an empty body is refused",
        "answer 400 where the body is empty",
        empty
    ),
    case!(
        "hostile.array",
        "P-COMMAND-6",
        (r, R),
        Shared,
        "an array is refused as a command",
        "check that the body is an object before you look into it",
        array
    ),
    case!(
        "hostile.text",
        "P-COMMAND-6",
        (r, R),
        Shared,
        "a text is refused as a command",
        "check that the body is an object before you look into it",
        text
    ),
    case!(
        "hostile.no-command",
        "P-COMMAND-6",
        (r, R),
        Shared,
        "an object without a command is refused",
        "check that \"command\" is there and a text",
        no_command
    ),
    case!(
        "hostile.number-command",
        "P-COMMAND-6",
        (r, R),
        Shared,
        "a number as a command is refused",
        "check that \"command\" is there and a text",
        number_command
    ),
    case!(
        "hostile.not-utf8",
        "P-COMMAND-6",
        (r, R),
        Shared,
        "a body that is no UTF-8 is refused",
        "catch the error of decoding and answer 400",
        not_utf8
    ),
    case!(
        "hostile.deep",
        "P-LIMIT-7",
        (r, R),
        Shared,
        "JSON nested 5000 deep is carried out or refused",
        "catch what your JSON parser throws at deep nesting (RecursionError in Python), and answer 400",
        deep
    ),
    case!("hostile.refusal-shape", "P-REFUSAL-1", (-, R), Shared, "these refusals have the shape of refusals", "answer a body that is no command with 400 or 422 and the shape of refusals, before anything of it is used", refusal_shape),
    case!(
        "hostile.survives",
        "P-LIMIT-7",
        (R, R),
        Shared,
        "it is healthy after all of these, and works",
        "no request may end the process: catch what a handler throws, and answer 500",
        survives
    ),
    case!(
        "hostile.huge-body",
        "P-LIMIT-6",
        (r, R),
        Shared,
        "8 MiB are answered or cut off, and it stays healthy",
        "refuse a content-length above 1 MiB with 413 before you read it",
        huge_body
    ),
    case!(
        "hostile.slow-client",
        "P-HTTP-9",
        (R, R),
        Shared,
        "half a request keeps nobody from being answered",
        "serve each connection on a thread or task of its own (ThreadingHTTPServer, app.run(threaded=True))",
        slow_client
    ),
    case!("hostile.pipelined", "P-HTTP-8", (-, R), Shared, "requests one behind the other are answered in their order", "use an HTTP/1.1 server that keeps connections (protocol_version = \"HTTP/1.1\" in Python)", pipelined),
    case!("hostile.keep-alive", "P-HTTP-1", (-, r), Shared, "a hundred calls fit on one connection", "use an HTTP/1.1 server that keeps connections (protocol_version = \"HTTP/1.1\" in Python)", keep_alive),
    case!(
        "path.unknown",
        "P-HTTP-11",
        (r, r),
        Shared,
        "a path that does not exist is answered with 404",
        "answer 404 for paths that you do not have",
        unknown_path
    ),
    case!(
        "method.wrong",
        "P-HTTP-11",
        (r, r),
        Shared,
        "a method that a path does not take is refused",
        "answer 405 for methods that you do not take",
        wrong_method
    ),
];

const BAD_JSON: &[u8] = b"{\"command\": \"turn_on\", ";
const NOT_UTF8: &[u8] = b"{\"command\":\"\xff\xfe\"}";

fn deep_body() -> Vec<u8> {
    let (open, close) = ("[".repeat(5000), "]".repeat(5000));
    format!("{{\"command\":\"turn_on\",\"params\":{open}{close}}}").into_bytes()
}

/// All bodies that are no command, each with what it is called.
fn bodies() -> [(&'static str, Vec<u8>); 8] {
    [
        ("no JSON", BAD_JSON.to_vec()),
        ("an empty body", Vec::new()),
        ("an array", b"[1]".to_vec()),
        ("a text", b"\"turn_on\"".to_vec()),
        ("an object without a command", b"{\"params\":{}}".to_vec()),
        ("a number as a command", b"{\"command\":7}".to_vec()),
        ("no UTF-8", NOT_UTF8.to_vec()),
        ("JSON nested 5000 deep", deep_body()),
    ]
}

async fn send(bench: &Bench, body: &[u8]) -> Exchange {
    bench
        .ask(Request::post(&bench.declared().paths.command, body))
        .await
}

async fn refused(bench: &Bench, body: &[u8]) -> Verdict {
    send(bench, body).await.check(Reply::is_client_error, "a 4xx")
}

async fn bad_json(bench: &mut Bench) -> Verdict {
    refused(bench, BAD_JSON).await
}

async fn empty(bench: &mut Bench) -> Verdict {
    refused(bench, b"").await
}

async fn array(bench: &mut Bench) -> Verdict {
    refused(bench, b"[1]").await
}

async fn text(bench: &mut Bench) -> Verdict {
    refused(bench, b"\"turn_on\"").await
}

async fn no_command(bench: &mut Bench) -> Verdict {
    refused(bench, b"{\"params\":{}}").await
}

async fn number_command(bench: &mut Bench) -> Verdict {
    refused(bench, b"{\"command\":7}").await
}

async fn not_utf8(bench: &mut Bench) -> Verdict {
    refused(bench, NOT_UTF8).await
}

async fn deep(bench: &mut Bench) -> Verdict {
    // Some parsers have no trouble with it.
    let asked = send(bench, &deep_body()).await;
    asked.check(
        |reply| reply.is_good() || reply.is_client_error(),
        "the command carried out, or a 4xx",
    )
}

async fn refusal_shape(bench: &mut Bench) -> Verdict {
    for (_, body) in bodies() {
        let asked = send(bench, &body).await;
        // Whether it is refused at all is another case.
        if let Ok(reply) = &asked.came
            && reply.is_refusal()
            && !reply.has_refusal_shape()
        {
            return Err(asked.failed("{\"success\": false, \"error\": \"text for people\"}"));
        }
    }
    Ok(())
}

async fn survives(bench: &mut Bench) -> Verdict {
    let before = bench.ask(bench.ordinary()).await;
    for (name, body) in bodies() {
        send(bench, &body).await;
        if let Some(exit) = bench.exit(Duration::ZERO).await {
            return Err(Stop::fail(name, exit.to_string(), "a plugin that goes on"));
        }
    }
    let sent = "bodies that are no command, one after another, then ";
    let health = bench.health().await;
    if !health.came.as_ref().is_ok_and(Reply::is_good) {
        return Err(Stop::fail(
            format!("{sent}{}", health.sent),
            health.shown(),
            "a 2xx",
        ));
    }
    let after = bench.ask(bench.ordinary()).await;
    if after.verdict().is_none() || after.verdict() != before.verdict() {
        let expected = format!("the answer of before: {}", before.shown());
        return Err(Stop::fail(
            format!("{sent}{}", after.sent),
            after.shown(),
            expected,
        ));
    }
    Ok(())
}

async fn huge_body(bench: &mut Bench) -> Verdict {
    let filling = "x".repeat(8 << 20);
    let body = format!("{{\"command\":\"turn_on\",\"params\":{{\"x\":\"{filling}\"}}}}");
    let asked = send(bench, body.as_bytes()).await;
    match &asked.came {
        Ok(_) | Err(Broken::Closed(_)) => {}
        _ => return Err(asked.failed("an answer such as 413, or the end of the connection")),
    }
    let health = bench.health().await;
    health.check(Reply::is_good, "a 2xx after a body of 8 MiB")
}

async fn slow_client(bench: &mut Bench) -> Verdict {
    let whole = bench.with_token(bench.ordinary()).bytes(&bench.at().to_string());
    let posted = bench.unknown_command().bytes(&bench.at().to_string());
    let half = |bytes: &[u8]| bytes.get(..bytes.len() - 10).unwrap_or_default().to_vec();
    let mut silent = Vec::new();
    for bytes in [half(&whole), half(&posted), Vec::new()] {
        let broken = |broken: Broken| Stop::Error(format!("half a request could not be sent: {broken}"));
        let mut connection = Connection::open(bench.at()).await.map_err(broken)?;
        connection.send(&bytes).await.map_err(broken)?;
        silent.push(connection);
    }
    sleep(Duration::from_millis(100)).await;
    let sent = "half a request on each of three connections, then silence; meanwhile ";
    for request in [Request::get(&bench.declared().paths.health), bench.ordinary()] {
        let asked = bench.ask_within(request, SOON).await;
        if asked.came.is_err() {
            let expected = format!("an answer within {SOON:?}");
            return Err(Stop::fail(
                format!("{sent}{}", asked.sent),
                asked.shown(),
                expected,
            ));
        }
    }
    drop(silent);
    Ok(())
}

async fn pipelined(bench: &mut Bench) -> Verdict {
    let host = bench.at().to_string();
    let requests = [
        bench.with_token(Request::get(&bench.declared().paths.status)),
        bench.with_token(Request::get("/no/such/path")),
        bench.with_token(Request::get(&bench.declared().paths.status)),
    ];
    let sent = "three requests in one write: status, a path that does not exist, status";
    let mut alone = Vec::new();
    for request in &requests {
        let asked = bench.send(bench.at(), request, CALL).await;
        alone.push(asked.reply()?.status());
    }
    let bytes: Vec<u8> = requests.iter().flat_map(|request| request.bytes(&host)).collect();
    let expected = format!("answers with the statuses {alone:?}, in this order");
    let failed = |came: String| Stop::fail(sent, came, expected.clone());
    let broken = |broken: Broken| failed(broken.to_string());
    let mut connection = Connection::open(bench.at()).await.map_err(broken)?;
    connection.send(&bytes).await.map_err(broken)?;
    for (index, status) in alone.iter().enumerate() {
        let (head, _) = connection.answer(CALL).await.map_err(broken)?;
        if head.status != *status {
            return Err(failed(format!(
                "answer {} has the status {}",
                index + 1,
                head.status
            )));
        }
        if head.closes() && index < 2 {
            return Err(failed(format!(
                "the end of the connection after answer {}",
                index + 1
            )));
        }
    }
    Ok(())
}

async fn keep_alive(bench: &mut Bench) -> Verdict {
    let request = Request::get(&bench.declared().paths.health);
    let bytes = request.bytes(&bench.at().to_string());
    let sent = "GET of the health path, a hundred times on one connection";
    let failed =
        |index: u32, broken: Broken| Stop::fail(sent, format!("call {index}: {broken}"), "an answer to each");
    let began = Instant::now();
    let mut connection = Connection::open(bench.at())
        .await
        .map_err(|broken| failed(1, broken))?;
    for index in 1..=100 {
        connection
            .send(&bytes)
            .await
            .map_err(|broken| failed(index, broken))?;
        let (head, _) = connection
            .answer(CALL)
            .await
            .map_err(|broken| failed(index, broken))?;
        if head.closes() && index < 100 {
            let came = format!("connection: close after call {index}");
            return Err(Stop::fail(sent, came, "a connection that is kept"));
        }
        if began.elapsed() > CALL {
            return Err(failed(index, Broken::Silent(CALL)));
        }
    }
    Ok(())
}

async fn unknown_path(bench: &mut Bench) -> Verdict {
    let asked = bench.ask(Request::get("/no/such/path")).await;
    asked.check(|reply| reply.status() == 404, "404")
}

async fn wrong_method(bench: &mut Bench) -> Verdict {
    let request = Request::new("PUT", &bench.declared().paths.health);
    let asked = bench.ask(request.with("content-length", "0")).await;
    asked.check(
        |reply| reply.is_client_error() || reply.status() == 501,
        "405, or another 4xx",
    )
}

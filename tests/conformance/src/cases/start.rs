//! Where a plugin listens, and when.

use super::case::{Case, case};
use crate::{
    bench::{Bench, Started},
    http::Request,
    outcome::{Stop, Verdict},
};

pub(super) const CASES: &[Case] = &[
    case!(
        "start.healthy",
        "P-LISTEN-4",
        (R, R),
        Shared,
        "it is healthy within its start period",
        "answer GET /health with 200 as soon as the server listens; if it needs longer, say so in health_check.start_period",
        healthy
    ),
    case!(
        "env.port",
        "P-LISTEN-2",
        (R, R),
        Shared,
        "it listens on the port of the variable PORT",
        "read the port from the environment: int(os.environ[\"PORT\"]), process.env.PORT, std::env::var(\"PORT\")",
        port
    ),
    case!(
        "start.listens-everywhere",
        "P-LISTEN-1",
        (R, R),
        Shared,
        "it listens on all addresses",
        "bind 0.0.0.0 in place of 127.0.0.1 or localhost",
        everywhere
    ),
    case!(
        "fs.read-only", "P-ENV-5", (-, R), Shared,
        "it is healthy with a read-only root file system",
        "write to /tmp and HAP_DATA_DIR alone",
        read_only
    ),
];

async fn healthy(bench: &mut Bench) -> Verdict {
    let period = bench.declared().start_period;
    let expected = format!("a 2xx within {period:?}");
    let output = last_lines(&bench.output());
    let alone = match bench.started() {
        Started::Never(_) => bench.listens_to_itself().await,
        _ => None,
    };
    let alone = alone.map_or_else(String::new, |address| {
        format!(
            "; it listens on {address} alone, which nobody outside of its container reaches: bind 0.0.0.0"
        )
    });
    match bench.started() {
        Started::Healthy | Started::OnWrongPort => Ok(()),
        Started::Ended(exit) => Err(Stop::fail("a start", format!("{exit}{output}"), expected)),
        Started::Never(last) => Err(Stop::fail(
            "a start, then GET of the health path again and again",
            format!("{last}{alone}{output}"),
            expected,
        )),
    }
}

/// The end of what a plugin wrote, as an annex to what came.
fn last_lines(output: &str) -> String {
    let lines: Vec<_> = output.lines().rev().take(8).collect();
    if lines.is_empty() {
        return "; it wrote nothing".to_owned();
    }
    let lines: Vec<_> = lines.into_iter().rev().collect();
    format!("; its last lines:\n{}", lines.join("\n"))
}

async fn port(bench: &mut Bench) -> Verdict {
    if !bench.is_ours() {
        return Err(Stop::NotApplicable("it was started by somebody else".to_owned()));
    }
    match bench.started() {
        Started::OnWrongPort => Err(Stop::fail(
            "a start with another PORT than its api_port",
            format!(
                "it listens on {}, the api_port of its manifest",
                bench.at().port()
            ),
            "an answer on the port of PORT",
        )),
        _ => Ok(()),
    }
}

async fn everywhere(bench: &mut Bench) -> Verdict {
    let Some(other) = bench.other_address() else {
        return if bench.is_isolated() {
            // It was asked by the address of its container all the time.
            Ok(())
        } else {
            Err(Stop::NotApplicable("it has one address only".to_owned()))
        };
    };
    let request = Request::get(&bench.declared().paths.health);
    let asked = bench.send(other, &request, bench.declared().health_timeout).await;
    let came = asked.came.as_ref().map(|_| ());
    came.map_err(|broken| {
        let sent = format!(
            "{} to {}, another address of this machine",
            asked.sent,
            other.ip()
        );
        Stop::fail(sent, broken.to_string(), "an answer there too")
    })
}

async fn read_only(bench: &mut Bench) -> Verdict {
    if !bench.is_isolated() {
        return Err(Stop::NotApplicable(
            "the target has the file system of this machine".to_owned(),
        ));
    }
    // It would not have become healthy.
    bench.health().await.check(crate::bench::Reply::is_good, "a 2xx")
}

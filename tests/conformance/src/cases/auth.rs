//! Who is asking.

use super::case::{Case, case};
use crate::{
    bench::{Bench, CALL, Exchange, Reply},
    http::Request,
    outcome::{Stop, Verdict},
};

pub(super) const CASES: &[Case] = &[
    case!("auth.missing", "P-AUTH-2", (-, R), Shared, "a call without a token is refused", "where HAP_API_TOKEN is set, answer 401 to calls without Authorization: Bearer <token>", missing),
    case!("auth.wrong", "P-AUTH-3", (-, R), Shared, "a call with another token is refused", "compare the whole token, in constant time (hmac.compare_digest, crypto.timingSafeEqual)", wrong),
    case!("auth.prefix", "P-AUTH-3", (-, R), Shared, "the beginning of the token is refused", "compare the whole token, not whether one begins with the other", prefix),
    case!("auth.alike", "P-AUTH-4", (-, r), Shared, "a wrong token is answered as a missing one", "answer both with the same status and body", alike),
];

/// A call with this in place of the token, on each path that asks for one.
async fn with(bench: &Bench, token: Option<&str>) -> Vec<Exchange> {
    let paths = &bench.declared().paths;
    let mut asked = Vec::new();
    for request in [
        Request::get(&paths.status),
        bench.unknown_command(),
        Request::post(&paths.config, "{}"),
    ] {
        let request = match token {
            Some(token) => request.bearer(token),
            None => request,
        };
        asked.push(bench.send(bench.at(), &request, CALL).await);
    }
    asked
}

/// The token that the plugin was given.
fn token(bench: &Bench) -> Result<&str, Stop> {
    bench
        .token()
        .ok_or_else(|| Stop::NotApplicable("its token is not known here".to_owned()))
}

async fn all_refused(bench: &Bench, token: Option<&str>, what: &str) -> Verdict {
    for mut exchange in with(bench, token).await {
        exchange.sent = format!("{}, {what}", exchange.sent);
        exchange.check(|reply| reply.status() == 401, "401")?;
    }
    Ok(())
}

async fn missing(bench: &mut Bench) -> Verdict {
    token(bench)?;
    all_refused(bench, None, "without a token").await
}

async fn wrong(bench: &mut Bench) -> Verdict {
    let wrong: String = token(bench)?.chars().rev().collect();
    all_refused(bench, Some(&wrong), "with another token").await
}

async fn prefix(bench: &mut Bench) -> Verdict {
    let token = token(bench)?.to_owned();
    let (half, _) = token.split_at(token.len() / 2);
    all_refused(bench, Some(half), "with the first half of its token").await?;
    let longer = format!("{token}x");
    all_refused(bench, Some(&longer), "with its token and one more character").await
}

async fn alike(bench: &mut Bench) -> Verdict {
    let wrong: String = token(bench)?.chars().rev().collect();
    let (missing, wrong) = (with(bench, None).await, with(bench, Some(&wrong)).await);
    let said = |exchange: &Exchange| {
        let reply = exchange.came.as_ref().ok();
        reply.map(|reply: &Reply| (reply.status(), reply.body.clone()))
    };
    for (missing, wrong) in missing.iter().zip(&wrong) {
        // Whether they are refused at all are other cases.
        let is_401 = |exchange: &Exchange| exchange.came.as_ref().is_ok_and(|reply| reply.status() == 401);
        let are_refused = is_401(missing) && is_401(wrong);
        if are_refused && said(missing) != said(wrong) {
            let sent = format!("{}, with another token", wrong.sent);
            return Err(Stop::fail(
                sent,
                wrong.shown(),
                format!("as without a token: {}", missing.shown()),
            ));
        }
    }
    Ok(())
}

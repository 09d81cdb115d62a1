//! What the plugin sends.

use std::{sync::atomic::Ordering, time::Duration};

use super::case::{Case, case};
use crate::{
    bench::Bench,
    outcome::{Stop, Verdict},
    platform::{Answer, Delivery, Problem, Proof, UNNAMED},
};

/// How long an event may be on its way.
const SENT: Duration = Duration::from_secs(5);
/// How long a repetition may be: the pauses of the protocol, and what a slow machine adds.
const REPEATED: Duration = Duration::from_secs(15);
/// The shortest pause before a repetition: the first of the protocol, and half of it for whoever counts otherwise.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) const CASES: &[Case] = &[
    case!("event.sent", "P-EVENT-1", (-, R), Sending, "an event is sent to PLATFORM_API_URL and /events behind it", "POST to os.environ[\"PLATFORM_API_URL\"] + \"/events\"", sent),
    case!("event.shape", "P-EVENT-2", (-, R), Sending, "its events have the shape of the protocol", "send {\"type\":\"...\",\"data\":{...}}, or a whole CloudEvents 1.0 event as JSON", shape),
    case!("event.structured", "P-EVENT-7", (-, R), Sending, "its events are in structured mode", "put all attributes into the JSON body, and send no header that begins with ce-", structured),
    case!("event.id", "P-DELIVERY-9", (-, r), Sending, "its events have an id, so that they are stored once", "give each event an id of its own (uuid), and keep it when you send the event again", id),
    case!("event.source", "P-FIELD-7", (-, R), Sending, "its events are in its own name", "leave source out, or send \"/plugins/\" + PLUGIN_ID", source),
    case!("event.time", "P-FIELD-8", (-, R), Sending, "the time of its events can be read", "write date, time with seconds, and Z or an offset (datetime.now(timezone.utc).isoformat()), or leave it out", time),
    case!("event.bounds", "P-FIELD-11", (-, R), Sending, "its events are within the bounds of the platform", "keep an event below 256 KiB, its type and id below 256 bytes", bounds),
    case!("event.proof", "P-PROOF-1", (-, R), Sending, "its events are signed, or carry the token", "send Authorization: Bearer <HAP_API_TOKEN>, or sign by Standard Webhooks", proof),
    case!("event.signature", "P-PROOF-5", (-, R), Sending, "a signature is made with the decoded secret", "take whsec_ off HAP_WEBHOOK_SECRET and decode the rest from base64: that is the key", signature),
    case!("event.retry-503", "P-DELIVERY-3", (-, R), Started, "an event that is answered with 503 is sent again", "keep an event until a 202 came for it; send it again with the same id after a pause", retry_503),
    case!("event.only-202", "P-DELIVERY-1", (-, R), Started, "an event that is answered with 200 is sent again", "take nothing but 202 for an acknowledgement", only_202),
    case!("event.retry-after", "P-DELIVERY-5", (-, r), Started, "it comes again no sooner than Retry-After says", "wait at least the seconds that Retry-After says", retry_after),
    case!("event.lost-answer", "P-DELIVERY-4", (-, R), Started, "an event whose answer is cut off is sent again", "treat a connection that ends before the answer as no answer, and send the event again", lost_answer),
    case!("event.after-restart", "P-DELIVERY-6", (-, R), Started, "events that wait outlive the end of the process", "write events to HAP_DATA_DIR before you send them, and delete them after the 202", after_restart),
    case!("event.keeps-after-401", "P-DELIVERY-10", (-, r), Started, "an event that is answered with 401 is kept, and sent again without a flood", "keep the event, and pause before the next attempt", keeps_after_401),
    case!("event.refused-goes-on", "P-DELIVERY-3", (-, r), Started, "an event that cannot be taken does not hold up the next", "give an event up after a 400, 413 or 415", refused_goes_on),
    case!("event.trace", "P-FIELD-10", (-, r), Sending, "an event of a command belongs to the trace of the command", "pass the command's traceparent on, as a member of the event or as a header", trace),
];

/// Has the plugin send an event and returns the first delivery after those that came before. That one comes at all is the
/// first case; the others are not applicable without.
async fn one(bench: &mut Bench) -> Result<(String, Delivery), Stop> {
    if !bench.is_ours() {
        return Err(Stop::NotApplicable("its platform is another".to_owned()));
    }
    let common = bench.common();
    if common.sends_nothing.load(Ordering::Relaxed) {
        return Err(no_event());
    }
    let before = bench.platform.received();
    let asked = bench.event_command().await?;
    match bench.platform.delivery(before, SENT).await {
        Some(delivery) => Ok((asked.sent, delivery)),
        None => Err(no_event()),
    }
}

fn no_event() -> Stop {
    Stop::NotApplicable("no event came, which is a case of its own".to_owned())
}

/// The problems of an event that one of these sentences is about.
fn check(sent: String, delivery: &Delivery, sentences: &[&str], expected: &str) -> Verdict {
    let ours = |problem: &&Problem| sentences.contains(&problem.sentence);
    match delivery.problems.iter().find(ours) {
        Some(problem) => {
            let came = format!(
                "an event; {}: {}",
                problem.text,
                crate::http::shown(&delivery.body, 400)
            );
            Err(Stop::fail(sent, came, expected))
        }
        None => Ok(()),
    }
}

async fn sent(bench: &mut Bench) -> Verdict {
    match one(bench).await {
        Ok(_) => Ok(()),
        Err(Stop::NotApplicable(_))
            if bench.is_ours() && !bench.declared().inputs.event_commands.is_empty() =>
        {
            bench.common().sends_nothing.store(true, Ordering::Relaxed);
            let came = format!("no event within {SENT:?}");
            Err(Stop::fail("a command that sends an event", came, "an event"))
        }
        Err(other) => Err(other),
    }
}

async fn shape(bench: &mut Bench) -> Verdict {
    let (sent, delivery) = one(bench).await?;
    let sentences = ["P-EVENT-2", "P-EVENT-4", "P-EVENT-6", "P-EVENT-8", "P-FIELD-4"];
    check(sent, &delivery, &sentences, "an event that the platform can read")
}

async fn structured(bench: &mut Bench) -> Verdict {
    let (sent, delivery) = one(bench).await?;
    check(sent, &delivery, &["P-EVENT-7"], "the whole event in the body")
}

async fn id(bench: &mut Bench) -> Verdict {
    let (sent, delivery) = one(bench).await?;
    if delivery.proof == Proof::Token && delivery.events.iter().any(|event| event.id.starts_with(UNNAMED)) {
        let came = format!(
            "an event without an id: {}",
            crate::http::shown(&delivery.body, 400)
        );
        return Err(Stop::fail(
            sent,
            came,
            "an id, so that an event that is sent twice is stored once",
        ));
    }
    let (sent, next) = one(bench).await?;
    let earlier = |id: &str| delivery.events.iter().find(|event| event.id == id);
    let twice = next.events.iter().find(|event| {
        // The same event may well come again.
        earlier(&event.id).is_some_and(|earlier| earlier.data != event.data || earlier.r#type != event.r#type)
    });
    if let Some(event) = twice {
        let came = format!(
            "another event under the id of the one before: {}",
            serde_json::to_string(event).unwrap_or_default()
        );
        return Err(Stop::fail(sent, came, "an id of its own for each event"));
    }
    Ok(())
}

async fn only_202(bench: &mut Bench) -> Verdict {
    again(bench, Answer::status(200)).await.map(drop)
}

async fn source(bench: &mut Bench) -> Verdict {
    let (sent, delivery) = one(bench).await?;
    check(sent, &delivery, &["P-FIELD-7"], "no source, or the plugin's own")
}

async fn time(bench: &mut Bench) -> Verdict {
    let (sent, delivery) = one(bench).await?;
    check(
        sent,
        &delivery,
        &["P-FIELD-8"],
        "no time, or one such as 2026-01-31T08:00:00Z",
    )
}

async fn bounds(bench: &mut Bench) -> Verdict {
    let (sent, delivery) = one(bench).await?;
    let sentences = ["P-FIELD-1", "P-FIELD-2", "P-FIELD-3", "P-FIELD-11"];
    check(sent, &delivery, &sentences, "an event within the bounds")
}

async fn proof(bench: &mut Bench) -> Verdict {
    let (sent, delivery) = one(bench).await?;
    check(
        sent,
        &delivery,
        &["P-PROOF-1", "P-PROOF-3"],
        "a signature, or the token",
    )
}

async fn signature(bench: &mut Bench) -> Verdict {
    let (sent, delivery) = one(bench).await?;
    let sentences = ["P-PROOF-4", "P-PROOF-7", "P-PROOF-8"];
    check(sent, &delivery, &sentences, "a signature that fits, made now")
}

/// Has the plugin send an event that is answered like this, and returns it and the time until it came again.
async fn again(bench: &mut Bench, answer: Answer) -> Result<(String, Duration), Stop> {
    let how = match &answer {
        Answer::Half => "by half an answer".to_owned(),
        Answer::Status { status, .. } => format!("by {status}"),
        _ => "not at all".to_owned(),
    };
    bench.platform.answer_next([answer]);
    let mut index = bench.platform.received() + 1;
    let (sent, first) = one(bench).await?;
    let sent = format!("{sent}; its event was answered {how}");
    loop {
        let Some(next) = bench.platform.delivery(index, REPEATED).await else {
            let came = format!("nothing more within {REPEATED:?}");
            return Err(Stop::fail(sent, came, "the same event again, under the same id"));
        };
        if next.repeats(&first) {
            return Ok((sent, next.at - first.at));
        }
        // Another event may come in between.
        index += 1;
    }
}

async fn retry_503(bench: &mut Bench) -> Verdict {
    let (sent, pause) = again(bench, Answer::status(503)).await?;
    not_at_once(sent, pause)
}

fn not_at_once(sent: String, pause: Duration) -> Verdict {
    if pause < PAUSE {
        let came = format!("the same event again after {pause:?}");
        return Err(Stop::fail(sent, came, "a pause of a second"));
    }
    Ok(())
}

async fn retry_after(bench: &mut Bench) -> Verdict {
    let asked = Duration::from_secs(2);
    let answer = Answer::Status {
        status: 429,
        retry_after: Some(asked),
    };
    let (sent, pause) = again(bench, answer).await?;
    if pause + Duration::from_millis(100) < asked {
        let came = format!("the same event again after {pause:?}");
        return Err(Stop::fail(
            format!("{sent} and retry-after: 2"),
            came,
            "a pause of two seconds",
        ));
    }
    Ok(())
}

async fn lost_answer(bench: &mut Bench) -> Verdict {
    again(bench, Answer::Half).await.map(drop)
}

async fn keeps_after_401(bench: &mut Bench) -> Verdict {
    let (sent, pause) = again(bench, Answer::status(401)).await?;
    not_at_once(sent, pause)
}

async fn after_restart(bench: &mut Bench) -> Verdict {
    if !bench.declared().keeps_data {
        return Err(Stop::not_declared("a data directory (volumes)"));
    }
    if bench.common().sends_nothing.load(Ordering::Relaxed) {
        return Err(no_event());
    }
    bench.platform.answer_with(Answer::Nothing);
    // What came before was acknowledged.
    let (platform, before) = (bench.platform.clone(), bench.platform.received());
    let request = bench.event_request()?;
    // A plugin may answer the command when its event is delivered, and that it is not.
    let first = tokio::select! {
        first = platform.delivery(before, SENT) => first.ok_or_else(no_event)?,
        _ = async {
            bench.ask(request).await;
            tokio::time::sleep(SENT).await;
        } => return Err(no_event()),
    };
    bench.stop_at_once().await;
    bench.platform.answer_with(Answer::status(202));
    let mut index = bench.platform.received();
    bench.start_healthy().await?;
    let sent = "a command that sends an event, which was not answered; then the process was killed and started again";
    loop {
        let Some(next) = bench.platform.delivery(index, REPEATED).await else {
            let came = format!("nothing within {REPEATED:?}");
            return Err(Stop::fail(sent, came, "the event again"));
        };
        if next.repeats(&first) {
            return Ok(());
        }
        index += 1;
    }
}

async fn refused_goes_on(bench: &mut Bench) -> Verdict {
    bench.platform.answer_next([Answer::status(400)]);
    let (sent, first) = one(bench).await?;
    let before = bench.platform.received();
    bench.event_command().await?;
    let mut index = before;
    loop {
        let Some(next) = bench.platform.delivery(index, REPEATED).await else {
            let came = format!("nothing more within {REPEATED:?}");
            let sent = format!("{sent}; its event was answered by 400; then the next event command");
            return Err(Stop::fail(sent, came, "the next event"));
        };
        if !next.repeats(&first) || next.events.len() > first.events.len() {
            return Ok(());
        }
        index += 1;
    }
}

async fn trace(bench: &mut Bench) -> Verdict {
    if !bench.is_ours() {
        return Err(Stop::NotApplicable("its platform is another".to_owned()));
    }
    let before = bench.platform.received();
    let trace_id = format!("{:016x}{:016x}", fastrand::u64(1..), fastrand::u64(1..));
    let header = format!("00-{trace_id}-{:016x}-01", fastrand::u64(1..));
    if bench.common().sends_nothing.load(Ordering::Relaxed) {
        return Err(no_event());
    }
    let request = bench.event_request()?.with("traceparent", header);
    let asked = bench.ask(request).await;
    asked.reply()?;
    let delivery = bench.platform.delivery(before, SENT).await;
    let delivery = delivery.ok_or_else(no_event)?;
    if delivery.events.is_empty() {
        return Err(Stop::NotApplicable("its event cannot be read".to_owned()));
    }
    let in_event = delivery.events.iter().any(|event| {
        let named = event.extra.get("traceparent").and_then(|named| named.as_str());
        named.is_some_and(|named| named.contains(&trace_id))
    });
    let in_header = delivery
        .traceparent
        .as_deref()
        .is_some_and(|named| named.contains(&trace_id));
    if in_event || in_header {
        return Ok(());
    }
    let came = format!(
        "an event without that trace: {}",
        crate::http::shown(&delivery.body, 400)
    );
    Err(Stop::fail(
        asked.sent,
        came,
        format!("a traceparent with the trace {trace_id}"),
    ))
}

use std::{
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{answer::Answer, check::check, delivery::Delivery, shared::Shared};
use crate::http::{Head, read_body, read_head};

const MOST_BODY: usize = 4 << 20;
/// How long a connection may be idle, and how long an answer that never comes is owed.
const IDLE: Duration = Duration::from_secs(120);
const BODY: Duration = Duration::from_secs(15);

/// Serves until its task is aborted, and ends its connections then.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // A plugin that went away; there is nobody to tell.
            let _ = connection(stream, &shared).await;
        });
    }
}

async fn connection(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut rest = Vec::new();
    loop {
        let head = timeout(IDLE, read_head(&mut stream, &mut rest, false)).await??;
        let Some(head) = head else { return Ok(()) };
        if head
            .header("expect")
            .is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue"))
        {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = timeout(BODY, read_body(&mut stream, &mut rest, &head, MOST_BODY)).await??;
        let Some(body) = body else {
            let refusal = refusal("body_too_large", "at most 4 MiB are taken in one request", None);
            return answer(&mut stream, 413, &refusal, "connection: close\r\n").await;
        };
        if !respond(&mut stream, shared, &head, body).await? || head.closes() {
            return Ok(());
        }
    }
}

/// Answers one request. Returns whether the connection goes on.
async fn respond(stream: &mut TcpStream, shared: &Shared, head: &Head, body: Vec<u8>) -> io::Result<bool> {
    if head.path != format!("{}/events", shared.path()) {
        let text = "there is nothing here; events go to PLATFORM_API_URL and /events after it";
        answer(stream, 404, &refusal("not_found", text, None), "").await?;
        return Ok(true);
    }
    if head.method != "POST" {
        let refusal = refusal("method_not_allowed", "events are sent with POST", None);
        answer(stream, 405, &refusal, "").await?;
        return Ok(true);
    }
    let now = SystemTime::now();
    let checked = check(shared, head, &body, now);
    let problem = checked.problems.first().cloned();
    let events = checked.events.len();
    let delivery = Delivery {
        at: Instant::now(),
        received_at: now,
        proof: checked.proof,
        traceparent: head.header("traceparent").map(str::to_owned),
        body,
        problems: checked.problems,
        events: checked.events,
        answer: Answer::default(),
    };
    let (how, fresh) = shared.take(delivery);
    match how {
        Answer::ByProtocol => match problem {
            None => {
                let body = json!({"success": true, "accepted": fresh, "duplicates": events - fresh});
                answer(stream, 202, &body, "").await?;
            }
            Some(problem) => {
                let body = refusal(problem.code, &problem.text, Some(problem.sentence));
                answer(stream, problem.status, &body, "").await?;
            }
        },
        Answer::Status { status, retry_after } => {
            let after = retry_after.map_or_else(String::new, |after| {
                format!("retry-after: {}\r\n", after.as_secs())
            });
            let body = match status {
                202 => json!({"success": true, "accepted": events, "duplicates": 0}),
                _ => refusal("unavailable", "the platform was told to refuse this", None),
            };
            answer(stream, status, &body, &after).await?;
        }
        Answer::Nothing => {
            // Until the plugin gives up.
            let _ = timeout(IDLE, stream.read(&mut [0; 1])).await;
            return Ok(false);
        }
        Answer::Half => {
            stream.write_all(b"HTTP/1.1 20").await?;
            stream.shutdown().await?;
            return Ok(false);
        }
    }
    Ok(true)
}

fn refusal(code: &str, text: &str, sentence: Option<&str>) -> Value {
    let details = sentence.map(|sentence| json!({ "sentence": sentence }));
    json!({"success": false, "error": text, "code": code, "details": details})
}

async fn answer(stream: &mut TcpStream, status: u16, body: &Value, headers: &str) -> io::Result<()> {
    let body = body.to_string();
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} as told\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await
}

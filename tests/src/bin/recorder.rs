//! A platform that does nothing but record: it writes each request it accepts as one line of JSON to a file, syncs it,
//! and only then answers 202. It can be killed at any instant and started again on the same file.
//!
//! `recorder <port> <file>`, with the webhook secret in `HAP_WEBHOOK_SECRET`.

use std::{
    error::Error,
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use bytes::Bytes;
use hap_manifest::{WebhookSecret, webhook, wire::EventBody};
use serde_json::json;
use tokio::net::TcpListener;

struct Record {
    secret: WebhookSecret,
    file: File,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "recorder <port> <file>";
    let port: u16 = arguments.next().ok_or(usage)?.parse()?;
    let file = open(Path::new(&arguments.next().ok_or(usage)?))?;
    let secret = std::env::var("HAP_WEBHOOK_SECRET")?.parse()?;
    let router = Router::new()
        .route("/api/v1/events", post(receive))
        .with_state(Arc::new(Mutex::new(Record { secret, file })));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, router).await?)
}

/// Opens the record without the line that a kill cut short.
fn open(path: &Path) -> std::io::Result<File> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let whole = text
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    file.set_len(whole as u64)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

async fn receive(
    State(record): State<Arc<Mutex<Record>>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
    match accept(&mut record, &headers, &body) {
        Ok(()) => (StatusCode::ACCEPTED, String::new()),
        // The line in the record tells the test; the plugin sees a refusal that it may not retry for ever.
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
    }
}

fn accept(record: &mut Record, headers: &HeaderMap, body: &[u8]) -> Result<(), Box<dyn Error>> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let verified = webhook::verify(
        std::slice::from_ref(&record.secret),
        text(webhook::ID_HEADER),
        text(webhook::TIMESTAMP_HEADER),
        text(webhook::SIGNATURE_HEADER),
        body,
        SystemTime::now(),
    );
    let line = match (verified, EventBody::from_slice(body)) {
        (Ok(_), Ok(body)) => json!({ "events": body.into_drafts() }),
        (verified, read) => json!({ "bad": format!("{:?} {:?}", verified.err(), read.err()) }),
    };
    record.file.write_all(format!("{line}\n").as_bytes())?;
    record.file.sync_data()?;
    match line.get("bad") {
        None => Ok(()),
        Some(bad) => Err(bad.to_string().into()),
    }
}

//! Over a socket, as a plugin does it.

use std::{net::Ipv4Addr, time::Duration};

use super::*;
use crate::protocol::events::listener::{Listener, shared::ListenOptions};

async fn listen(bench: &Bench) -> (Listener, String) {
    let options = ListenOptions::new([std::net::IpAddr::from(Ipv4Addr::LOCALHOST)]);
    let listener = Listener::start(bench.inbox.router(), options).await.unwrap();
    let url = format!(
        "http://127.0.0.1:{}{}/events",
        listener.port(),
        Inbox::api_path(&id("light"))
    );
    (listener, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_sent_by_many_clients_at_once_all_arrive_once() {
    let bench = Bench::with(EventRetention::default(), rate(1_000_000, 1_000_000)).await;
    let (listener, url) = listen(&bench).await;
    let client = reqwest::Client::new();
    let mut sending = tokio::task::JoinSet::new();
    for sender in 0..20 {
        let (client, url) = (client.clone(), url.clone());
        sending.spawn(async move {
            for n in 0..10 {
                let body = json!({"type": "a", "id": format!("{sender}-{n}")}).to_string();
                // Everything twice, and again when told so: what a sender does that is not sure.
                for _ in 0..2 {
                    loop {
                        let sent = client
                            .post(&url)
                            .bearer_auth(token(1).expose())
                            .body(body.clone());
                        match sent.send().await.unwrap().status().as_u16() {
                            202 => break,
                            429 => tokio::time::sleep(Duration::from_millis(5)).await,
                            other => panic!("{other}"),
                        }
                    }
                }
            }
        });
    }
    sending.join_all().await;
    let mut found = items(&mut bench.all(), 200).await;
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 200);
    assert_eq!(bench.store.last_seq(), 200);
    listener.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_refused_body_is_not_waited_for() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let bench = Bench::new().await;
    let (listener, _url) = listen(&bench).await;
    let mut stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, listener.port()))
        .await
        .unwrap();
    let head = "POST /plugins/light/api/v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("www-authenticate: Bearer"), "{answer}");
}

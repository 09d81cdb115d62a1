use std::{future::pending, net::Ipv4Addr, time::Instant};

use axum::{
    Router,
    routing::{get, post},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{connections::ConnectionLimits, *};
use crate::protocol::events::receive::Peer;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// All of 127.0.0.0/8 is there on Linux.
const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Set aside for documentation, so nobody has it.
const ABSENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn router() -> Router {
    Router::new()
        .route(
            "/",
            get(|peer: axum::Extension<Peer>| async move { peer.0.0.to_string() }),
        )
        .route("/hang", post(async || pending::<()>().await))
        .route(
            "/slow",
            get(async || time::sleep(Duration::from_millis(300)).await),
        )
}

async fn start(options: ListenOptions) -> Listener {
    Listener::start(router(), options).await.unwrap()
}

async fn connect(address: IpAddr, port: u16, request: &str) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect((address, port)).await?;
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

/// What comes until the other side closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = time::timeout(Duration::from_secs(5), stream.read_to_end(&mut text))
        .await
        .expect("closed in time");
    String::from_utf8(text).unwrap()
}

async fn fetch(address: IpAddr, port: u16, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    match connect(address, port, &request).await {
        Ok(stream) => rest(stream).await,
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn one_port_is_served_on_all_addresses() {
    let listener = start(ListenOptions::new(vec![LOOPBACK, SECOND, LOOPBACK])).await;
    for address in [LOOPBACK, SECOND] {
        let answer = fetch(address, listener.port(), "/").await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n127.0.0.1"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn the_port_of_before_is_used_again() {
    let listener = start(ListenOptions::new(vec![LOOPBACK])).await;
    let port = listener.port();
    fetch(LOOPBACK, port, "/").await;
    listener.shutdown(Duration::from_secs(1)).await;
    drop(listener);
    let listener = start(ListenOptions::new(vec![LOOPBACK, SECOND]).port(Some(port))).await;
    assert_eq!(listener.port(), port);
}

#[tokio::test]
async fn a_port_taken_on_any_address_is_given_up_for_another() {
    let other = tokio::net::TcpListener::bind((SECOND, 0)).await.unwrap();
    let taken = other.local_addr().unwrap().port();
    let listener = start(ListenOptions::new(vec![LOOPBACK, SECOND]).port(Some(taken))).await;
    assert_ne!(listener.port(), taken);
    assert!(fetch(SECOND, listener.port(), "/").await.contains("200 OK"));
}

#[tokio::test]
async fn an_address_that_does_not_exist_does_not_keep_the_others_waiting() {
    let listener = start(ListenOptions::new(vec![ABSENT, LOOPBACK])).await;
    assert!(fetch(LOOPBACK, listener.port(), "/").await.contains("200 OK"));
    let before = Instant::now();
    listener.shutdown(Duration::from_secs(5)).await;
    assert!(
        before.elapsed() < Duration::from_secs(2),
        "the wait for the missing address ends too"
    );
}

#[tokio::test]
async fn listening_everywhere_must_be_asked_for() {
    for address in ["0.0.0.0", "::"] {
        let options = ListenOptions::new(vec![LOOPBACK, address.parse().unwrap()]);
        let error = Listener::start(router(), options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("whole network"), "{error}");
    }
    let error = Listener::start(router(), ListenOptions::new(Vec::<IpAddr>::new()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let mut options = ListenOptions::new(vec!["0.0.0.0".parse::<IpAddr>().unwrap()]);
    options.anywhere = true;
    start(options).await;
}

#[tokio::test]
async fn a_head_that_trickles_and_an_idle_connection_are_cut() {
    let mut options = ListenOptions::new(vec![LOOPBACK]);
    options.header_timeout = Duration::from_millis(200);
    let listener = start(options).await;
    let before = Instant::now();
    let trickling = connect(LOOPBACK, listener.port(), "GET / HT").await.unwrap();
    let silent = connect(LOOPBACK, listener.port(), "").await.unwrap();
    let idle = connect(LOOPBACK, listener.port(), "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    rest(trickling).await;
    rest(silent).await;
    assert!(rest(idle).await.contains("200 OK"));
    assert!(before.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn an_old_connection_is_asked_to_end() {
    let mut options = ListenOptions::new(vec![LOOPBACK]);
    options.connection_age = Duration::from_millis(200);
    let listener = start(options).await;
    let idle = connect(LOOPBACK, listener.port(), "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(idle).await.contains("200 OK"));
}

#[tokio::test]
async fn connections_over_the_bound_are_closed_at_once() {
    let mut options = ListenOptions::new(vec![LOOPBACK]);
    options.connections = ConnectionLimits {
        of_peer: 1,
        shared: 2,
        own: 1,
        peers: 2,
    };
    let listener = start(options).await;
    let port = listener.port();
    let hang = "POST /hang HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    let held = [
        connect(LOOPBACK, port, hang).await.unwrap(),
        connect(LOOPBACK, port, hang).await.unwrap(),
    ];
    while listener.shared.connections.count() < 2 {
        time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!fetch(LOOPBACK, port, "/").await.contains("200 OK"));
    drop(held);
    while listener.shared.connections.count() > 0 {
        time::sleep(Duration::from_millis(5)).await;
    }
    assert!(fetch(LOOPBACK, port, "/").await.contains("200 OK"));
}

#[tokio::test]
async fn all_addresses_of_loopback_are_one_peer_and_leave_containers_their_room() {
    let listener = start(ListenOptions::new([LOOPBACK])).await;
    let limits = listener.shared.options.connections;
    let most = limits.own + limits.shared / 2;
    let mut held = Vec::new();
    for last in 1..=3 {
        for _ in 0..most {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind((IpAddr::from([127, 0, 0, last]), 0).into()).unwrap();
            let at = (LOOPBACK, listener.port()).into();
            held.push(socket.connect(at).await.unwrap());
        }
    }
    let settled = async {
        while listener.shared.connections.count() != most {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    time::timeout(Duration::from_secs(5), settled).await.unwrap();
    let plugin = IpAddr::from([10, 213, 7, 2]);
    assert!(listener.shared.connections.take(plugin).is_some());
}

#[tokio::test]
async fn shutdown_lets_requests_finish_and_gives_up_those_that_do_not() {
    let listener = start(ListenOptions::new(vec![LOOPBACK])).await;
    let port = listener.port();
    let slow = tokio::spawn(async move { fetch(LOOPBACK, port, "/slow").await });
    let hang = "POST /hang HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    let hanging = connect(LOOPBACK, port, hang).await.unwrap();
    let idle = connect(LOOPBACK, port, "").await.unwrap();
    while listener.shared.connections.count() < 3 {
        time::sleep(Duration::from_millis(5)).await;
    }
    let before = Instant::now();
    listener.shutdown(Duration::from_secs(1)).await;
    assert!(before.elapsed() < Duration::from_secs(3));
    assert!(slow.await.unwrap().contains("200 OK"));
    assert_eq!(rest(hanging).await, "");
    assert_eq!(rest(idle).await, "");
    assert!(TcpStream::connect((LOOPBACK, port)).await.is_err());
    listener.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn a_dropped_listener_stops() {
    let listener = start(ListenOptions::new(vec![LOOPBACK])).await;
    let port = listener.port();
    drop(listener);
    while TcpStream::connect((LOOPBACK, port)).await.is_ok() {
        time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_listener_goes_where_its_addresses_go_and_leaves_those_that_are_gone() {
    let (addresses, reader) = tokio::sync::watch::channel(vec![LOOPBACK, SECOND]);
    let listener = start(ListenOptions::new(vec![LOOPBACK, SECOND])).await;
    let port = listener.port();
    listener.follow(reader, |addresses: &Vec<IpAddr>| {
        addresses.iter().copied().map(Place::from).collect()
    });
    let third = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
    addresses.send_replace(vec![LOOPBACK, third, ABSENT]);
    let moved = async {
        while !fetch(third, port, "/").await.contains("200 OK")
            || TcpStream::connect((SECOND, port)).await.is_ok()
        {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    time::timeout(Duration::from_secs(10), moved).await.unwrap();
    assert!(fetch(LOOPBACK, port, "/").await.contains("200 OK"));
    listener.shutdown(Duration::from_secs(1)).await;
    assert!(TcpStream::connect((third, port)).await.is_err());
}

//! The example host with the management API, in the hands of somebody who tries it.

use std::{
    collections::HashMap, ffi::OsStr, fs, os::unix::fs::PermissionsExt as _, process::Stdio, time::Duration,
};

use bollard::{Docker, query_parameters::ListNetworksOptionsBuilder};
use hap_examples::{
    host_api,
    program::{Linkage, Program, Target},
};
use hap_host::engine::labels;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};
use tower::ServiceExt as _;

/// Longest wait for anything here. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

/// `HAP_TOKEN=abc` printed the Debug form of an error, which did not say what a token is.
#[test]
fn b11_a_token_that_is_none_is_told_with_what_one_is() {
    let error = host_api::token(Some(OsStr::new("abc"))).unwrap_err().to_string();
    for words in [
        "HAP_TOKEN: invalid API token",
        "\"hap_\" and 43 characters of A-Z, a-z, 0-9, - and _",
        "/dev/urandom",
    ] {
        assert!(error.contains(words), "{error}");
    }
    assert!(!error.contains("abc") && !error.contains("ParseError"), "{error}");
    // What it proposes makes a token.
    let (_, shell) = error.rsplit_once("make one: HAP_TOKEN=").unwrap();
    let made = std::process::Command::new("sh")
        .args(["-c", &format!("printf %s {shell}")])
        .output()
        .unwrap();
    let made = String::from_utf8(made.stdout).unwrap();
    let token = host_api::token(Some(OsStr::new(&made))).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(token.expose(), made);
    for unset in [None, Some(OsStr::new(""))] {
        assert!(host_api::token(unset).is_ok());
        assert_eq!(host_api::port(unset).unwrap(), 8090);
    }
    for wrong in ["http", "70000", "-1"] {
        let error = host_api::port(Some(OsStr::new(wrong))).unwrap_err().to_string();
        assert!(
            error.contains(wrong) && error.contains("from 1 to 65535"),
            "{error}"
        );
    }
}

/// A port that is taken was an `Os { code: 98, .. }`, and `/` an empty 404.
#[tokio::test]
async fn d15_a_taken_port_is_told_in_words_and_the_front_page_says_where_the_api_is() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = host_api::listen(port).await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("127.0.0.1:{port}: another program listens there")),
        "{error}"
    );
    assert!(error.contains("HAP_PORT=0"), "{error}");

    let page = async |path: &str| {
        let request = axum::http::Request::get(path)
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = host_api::front(axum::Router::new())
            .oneshot(request)
            .await
            .unwrap();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
    };
    for (path, status) in [("/", 200), ("/v1/plugins", 404)] {
        let (found, text) = page(path).await;
        assert_eq!(found, status);
        assert!(text.contains("/api/v1") && text.contains("Bearer"), "{text}");
    }
}

/// It built for minutes before it answered, and Ctrl-C meanwhile left its networks.
#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn d15_the_host_answers_while_it_builds_and_ctrl_c_leaves_no_network() {
    let program = Program {
        package: "hap-examples",
        target: Target::Example("host_api"),
        profile: "dev",
        linkage: Linkage::Dynamic,
    };
    let program = program.build().await.unwrap();
    // A build that never ends.
    let folder = tempfile::tempdir().unwrap();
    let cargo = folder.path().join("cargo");
    fs::write(&cargo, "#!/bin/sh\nexec sleep 3600\n").unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let mut host: Child = Command::new(program)
        .envs([("HAP_PORT", OsStr::new("0")), ("CARGO", cargo.as_os_str())])
        .env_remove("HAP_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pid = host.id().unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let api = after(&mut lines, "  API=").await;
    let token = after(&mut lines, "  AUTH='").await;
    let (header, token) = token.trim_end_matches('\'').split_once(": ").unwrap();
    let building = "Building the light";
    after(&mut lines, building).await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(DEADLINE)
        .build()
        .unwrap();
    let asked = client
        .get(format!("{api}/plugins"))
        .header(header, token)
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), 200);
    assert_eq!(networks(pid).await.len(), 2, "what it must not leave is there");

    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::INT).unwrap();
    let ended = tokio::time::timeout(DEADLINE, host.wait()).await.unwrap();
    assert!(ended.unwrap().success());
    assert_eq!(networks(pid).await, [""; 0]);
}

/// The rest of the next line that begins so.
async fn after(lines: &mut Lines<BufReader<ChildStdout>>, start: &str) -> String {
    let found = async {
        loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
    };
    tokio::time::timeout(DEADLINE, found).await.unwrap()
}

/// The networks of the host with this process number.
async fn networks(pid: u32) -> Vec<String> {
    let engine = Docker::connect_with_defaults().unwrap();
    let label = format!("{}=host-api-{pid}", labels::INSTANCE);
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
    let found = engine.list_networks(Some(options)).await.unwrap();
    found.into_iter().filter_map(|network| network.name).collect()
}

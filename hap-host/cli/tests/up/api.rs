//! The management API over TCP: TLS, tokens, roles, and the metrics.

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::*;

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn asked(address: &str, token: &str, method: &str, path: &str) -> (u16, Value) {
    let headers = [
        ("authorization", bearer(token)),
        ("content-type", "application/json".to_owned()),
    ];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    call(tcp(address), method, path, &headers, "")
}

#[test]
fn each_user_may_do_what_the_role_says_and_a_change_of_users_holds_at_once() {
    let place = Place::new("[api]\nlisten = \"127.0.0.1:0\"\n");
    let host = place.up();
    let address = host.address("api");
    let viewer = place.add_user("anna", "viewer");
    let operator = place.add_user("otto", "operator");
    let admin = place.add_user("ada", "admin");
    let rows = [
        ("GET", "/v1/plugins", [200, 200, 200]),
        ("POST", "/v1/plugins/none/start", [403, 404, 404]),
        ("DELETE", "/v1/plugins/none", [403, 403, 404]),
    ];
    for (method, path, expected) in rows {
        for (token, expected) in [&viewer, &operator, &admin].into_iter().zip(expected) {
            let (status, answer) = asked(&address, token, method, path);
            assert_eq!(status, expected, "{method} {path}: {answer}");
            if status == 403 {
                assert_eq!(answer["code"], "forbidden_role");
            }
        }
    }
    let log = host.logs("\"user\":\"otto\"");
    for token in [&viewer, &operator, &admin] {
        assert!(!log.contains(token.as_str()), "{log}");
    }
    let listed = text(&place.done(&["user", "ls"]).stdout);
    assert_eq!(listed, "ada   admin\nanna  viewer\notto  operator\n");
    assert!(place.done(&["user", "rm", "ada"]).status.success());
    assert_eq!(asked(&address, &admin, "GET", "/v1/plugins").0, 401);
    assert_eq!(asked(&address, &viewer, "GET", "/v1/plugins").0, 200);
    host.end();
}

#[test]
fn whoever_has_no_token_gets_the_same_answer_whatever_is_asked() {
    let place = Place::new("[api]\nlisten = \"127.0.0.1:0\"\n");
    let host = place.up();
    let address = host.address("api");
    let token = place.add_user("anna", "viewer");
    let (short, digest) = (&token[..token.len() - 1], "0".repeat(64));
    let mut answers = Vec::new();
    for (token, path) in [
        ("", "/v1/plugins"),
        ("hap_guess", "/v1/health"),
        (short, "/openapi.json"),
        (&digest, "/no/such/path"),
    ] {
        let begun = Instant::now();
        let (status, answer) = asked(&address, token, "GET", path);
        assert_eq!(status, 401, "{path}: {answer}");
        assert!(begun.elapsed() >= Duration::from_millis(250), "it is slowed");
        answers.push(answer);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    host.logs("without the token of a user");
    host.end();
}

#[test]
fn beyond_loopback_it_is_served_with_tls_and_a_new_certificate_holds_after_a_reload() {
    let place = Place::new(
        "[api]\nlisten = \"0.0.0.0:0\"\ncertificate = \"a.pem\"\nkey = \"a.key\"\nhosts = [\"home.test\"]\n",
    );
    let make = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(place.folder.path().join("a.pem"), made.cert.pem()).unwrap();
        fs::write(
            place.folder.path().join("a.key"),
            made.signing_key.serialize_pem(),
        )
        .unwrap();
        made.cert.pem()
    };
    let first = make();
    let host = place.up();
    let address = host.address("api").replace("0.0.0.0", "localhost");
    let token = place.add_user("anna", "viewer");
    // Whoever speaks no TLS is not served.
    let mut plain = tcp(&address);
    plain
        .write_all(b"GET /v1/health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!text(&answer).contains("HTTP"), "{}", text(&answer));
    let get_as = |name: &str, certificate: &str| {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap())
            .unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tls = ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
        let mut stream = tcp(&address);
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        let headers = [("authorization", bearer(&token)), ("host", name.to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        Ok::<u16, std::io::Error>(call(StreamOwned::new(tls, stream), "GET", "/v1/health", &headers, "").0)
    };
    let get = |certificate: &str| get_as("localhost", certificate);
    assert_eq!(get(&first).unwrap(), 200);
    // It answers to the name that the file gives it, and to no other.
    assert_eq!(get_as("home.test:8443", &first).unwrap(), 200);
    assert_eq!(get_as("evil.test", &first).unwrap(), 421);
    let second = make();
    get(&second).expect_err("it has the first until it is told");
    host.signal("-HUP");
    host.logs("the configuration was read again");
    assert_eq!(get(&second).unwrap(), 200);
    get(&first).expect_err("it is no longer that one");
    host.end();
}

#[test]
fn metrics_have_an_address_of_their_own_and_nothing_else_is_there() {
    let place = Place::new("[metrics]\nlisten = \"127.0.0.1:0\"\n");
    let host = place.up();
    let address = host.address("metrics");
    let (status, body) = call(tcp(&address), "GET", "/metrics", &[], "");
    assert_eq!(status, 200);
    assert!(body.as_str().unwrap().contains("hap_isolation"), "{body}");
    assert_eq!(call(tcp(&address), "GET", "/v1/plugins", &[], "").0, 404);
    host.end();
}

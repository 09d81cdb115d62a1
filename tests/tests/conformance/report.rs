//! Reports, expectations, and targets that are not as they should be.

use hap_conformance::{ExpectedFailures, target::Url};
use hap_manifest::ApiToken;

use super::*;

fn greeter() -> Program {
    Program::new(env!("CARGO_BIN_EXE_greeter"))
}

fn inputs(command: &str) -> Declaration {
    let inputs = serde_json::json!({"commands": [{"command": command, "params": {"name": "Ada"}}]});
    Declaration::new("greeter".parse().unwrap()).inputs(inputs.to_string().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_tells_people_and_programs_what_was_sent_what_came_the_sentence_and_the_fix() {
    // It is declared, and is not there.
    let run = suite(greeter())
        .declaration(inputs("no_such"))
        .only(["command.known", "health"]);
    let report = run.run().await;
    assert!(!report.conformant);
    let text = report.to_string();
    for part in [
        "FAIL command.known",
        "  sent      POST /command",
        "\"no_such\"",
        "  came      HTTP 404",
        "  rule      P-COMMAND-1: A command that was carried out",
        "  fix       ",
        "does not conform at level guide",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let read: Report = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(read, report);
    let junit = report.to_junit();
    for part in [
        "<testsuites",
        "command.known",
        "<failure",
        "P-COMMAND-1",
        "failures=\"1\"",
    ] {
        assert!(junit.contains(part), "{part}\n{junit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expected_failure_is_no_failure_and_one_that_passes_is_stale() {
    let expected = |text: &str| -> ExpectedFailures { text.parse().unwrap() };
    let run = || {
        suite(greeter())
            .declaration(inputs("no_such"))
            .only(["command.known", "status"])
    };
    let report = run()
        .expected_failures(expected(r#"{"command.known": "to be written"}"#))
        .run()
        .await;
    assert!(report.is_success() && !report.conformant, "{report}");
    assert!(!report.to_junit().contains("<failure"), "{}", report.to_junit());
    let stale = expected(r#"{"command.known": "to be written", "status.shape": "was broken"}"#);
    let report = run().expected_failures(stale).run().await;
    assert!(!report.is_success(), "{report}");
    assert!(report.to_string().contains("STALE status.shape"), "{report}");
    assert!(report.to_junit().contains("<failure"), "{}", report.to_junit());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_start_fails_one_case_and_the_rest_is_not_applicable() {
    for program in [Program::new("false"), Program::new("/no/such/program")] {
        let report = suite(program).run().await;
        assert!(!report.is_success(), "{report}");
        let failed = |case: &&hap_conformance::CaseReport| matches!(case.outcome, Outcome::Fail);
        assert!(report.cases.iter().filter(failed).count() <= 1, "{report}");
        assert!(
            report.cases.iter().all(|case| case.outcome != Outcome::Pass),
            "{report}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_runs_already_is_tried_at_its_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    let token = ApiToken::from_bytes(&[7; 32]);
    let mut plugin = tokio::process::Command::new(env!("CARGO_BIN_EXE_greeter"))
        .env("PORT", at.port().to_string())
        .env("PLUGIN_ID", "greeter")
        .env("HAP_API_TOKEN", token.expose())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let url: Url = format!("http://{at}").parse().unwrap();
    for _ in 0..200 {
        if std::net::TcpStream::connect(at).is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let report = suite(url.token(token))
        .level(Level::Full)
        .declaration(inputs("hello"))
        .run()
        .await;
    assert!(report.is_success(), "{report}");
    for case in &report.cases {
        let of_starts = ["stop.", "exit.", "log.", "event.", "env."]
            .iter()
            .any(|family| case.id.starts_with(family));
        assert!(!of_starts || case.outcome == Outcome::NotApplicable, "{case:?}");
    }
    assert!(
        ids(&report, Weight::Required, Outcome::Pass).len() > 20,
        "{report}"
    );
    assert!(
        plugin.try_wait().unwrap().is_none(),
        "the suite ended a plugin of somebody else"
    );
}

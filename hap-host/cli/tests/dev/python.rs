//! A plugin that is not built.

use super::*;

#[test]
#[ignore = "needs python3"]
fn commands_events_and_answers_are_shown_as_they_come() {
    let project = Project::new("python");
    let mut dev = project.dev(&[]);
    dev.sees("healthy at http://127.0.0.1:");
    dev.say("ring times=2");
    dev.sees("event bell.rung {\"times\":2,\"volume\":50}");
    dev.sees("ok rang 2 times");
    dev.say("ring {\"times\": 99}");
    dev.sees("refused 422 invalid_params: `times`: expected a whole number from 1 to 10");
    dev.say("rung");
    dev.sees("refused 404 unknown_command");
    dev.say(":config {\"volume\": 7}");
    dev.sees("ok Configuration updated");
    dev.say(":status");
    dev.sees("\"volume\":7");
    dev.say(":answer 503");
    dev.say("ring");
    dev.sees("event bell.rung {\"times\":1,\"volume\":7}  answered 503");
    dev.say(":answer ok");
    dev.sees("event bell.rung {\"times\":1,\"volume\":7}");
    dev.say(":stop");
    dev.sees("there is no `:stop`; :help lists what there is");
    dev.say(":quit");
    // A line was none of those there are.
    assert_eq!(dev.ends().0, Some(1));
    project.nothing_is_left();
}

#[test]
#[ignore = "needs python3"]
fn a_change_starts_it_again_with_its_settings_and_its_data() {
    let project = Project::new("python");
    let settings = project.folder.path().join("settings.json");
    fs::write(&settings, r#"{"volume": 20}"#).unwrap();
    let mut dev = project.dev(&["--config", "../settings.json"]);
    dev.sees("healthy");
    dev.sees("ok Configuration updated");
    // An event that waits is sent by the next one: both have the same data.
    dev.say(":answer nothing");
    dev.say("ring");
    dev.sees("answered \"nothing\"");
    dev.say(":answer ok");
    project.edit("plugin.py", "rang once", "rang just once");
    dev.sees("changed: plugin.py");
    dev.sees("healthy");
    dev.sees("ok Configuration updated");
    dev.say("ring");
    dev.sees("ok rang just once");
    assert!(
        dev.seen
            .iter()
            .any(|line| line.ends_with("event bell.rung {\"times\":1,\"volume\":20}"))
    );
    fs::write(&settings, r#"{"volume": 200}"#).unwrap();
    dev.sees("changed: ");
    dev.sees("refused 422 invalid_config: `volume`");
    fs::write(&settings, "{").unwrap();
    dev.sees("problem: the settings in");
    fs::write(&settings, r#"{"volume": 21}"#).unwrap();
    dev.sees("ok Configuration updated");
    dev.say(":status");
    dev.sees("\"volume\":21");
    // What no author writes changes nothing.
    fs::create_dir_all(project.path.join("__pycache__")).unwrap();
    fs::write(project.path.join("__pycache__/x.pyc"), "").unwrap();
    project.edit("manifest.json", "\"id\"", "\"idd\"");
    dev.sees("changed: manifest.json");
    dev.sees("is no valid manifest");
    dev.say(":status");
    dev.sees("\"volume\":21");
    dev.signal("-INT");
    assert_eq!(dev.ends().0, Some(130));
    project.nothing_is_left();
}

#[test]
#[ignore = "needs python3"]
fn a_crash_is_told_once_and_mended_by_the_next_change() {
    let project = Project::new("python");
    project.edit("plugin.py", "hap.run(Bell)", "raise SystemExit(78)");
    let mut dev = project.dev(&[]);
    dev.sees("problem: the plugin ended: exit code 78, which means that its configuration is wrong");
    dev.say("ring");
    dev.sees("failed the plugin does not run");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(
        dev.seen
            .iter()
            .filter(|line| line.contains("exit code 78"))
            .count(),
        1
    );
    project.edit("plugin.py", "raise SystemExit(78)", "hap.run(Bell)");
    dev.sees("healthy");
    dev.say("ring");
    dev.sees("ok rang once");
    dev.signal("-TERM");
    assert_eq!(dev.ends().0, Some(130));
    project.nothing_is_left();
}

/// Whatever a plugin writes, the terminal does as before.
#[test]
#[ignore = "needs python3"]
fn what_a_plugin_writes_cannot_steer_the_terminal() {
    let project = Project::new("python");
    project.edit(
        "plugin.py",
        "    hap.run(Bell)",
        "    print('\\x1b]0;title\\x07\\x1b[2J\\u202eend', flush=True)\n    hap.run(Bell)",
    );
    let mut dev = project.dev(&[]);
    let line = dev.sees("end");
    assert!(
        line.ends_with("\u{fffd}]0;title\u{fffd}\u{fffd}[2J\u{fffd}end"),
        "{line:?}"
    );
    dev.say(":quit");
    assert_eq!(dev.ends().0, Some(0));
}

/// An event that the platform does not take is told with the sentence of the protocol that it breaks.
#[test]
#[ignore = "needs python3"]
fn a_bad_event_is_told_with_its_sentence() {
    let project = Project::new("python");
    project.edit(
        "hap.py",
        "key = base64.b64decode(secret.removeprefix(\"whsec_\"))",
        "key = secret.encode()",
    );
    let mut dev = project.dev(&[]);
    dev.sees("healthy");
    dev.say("ring");
    dev.sees("refused with 401 unauthorized: its signature does not fit");
    dev.sees("P-PROOF-4: ");
    dev.say(":quit");
    assert_eq!(dev.ends().0, Some(0));
    project.nothing_is_left();
}

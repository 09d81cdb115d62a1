//! How a session ends, and what it does not begin.

use super::*;

#[test]
#[ignore = "needs python3"]
fn an_interrupt_at_twenty_moments_leaves_nothing() {
    let project = Project::new("python");
    for moment in 0..20 {
        let dev = project.dev(&[]);
        std::thread::sleep(Duration::from_millis(moment * 45));
        dev.signal("-INT");
        let (exit, said) = dev.ends();
        // Before it listens for signals there is nothing that it could leave.
        assert!(matches!(exit, Some(130) | None), "{moment}: {exit:?} {said:#?}");
        assert!(exit.is_some() || said.is_empty(), "{moment}: {said:#?}");
        project.nothing_is_left();
    }
}

/// One that does not hear SIGTERM is killed after its grace, with all that it started.
#[test]
#[ignore = "needs python3"]
fn a_plugin_that_does_not_stop_is_killed_with_its_children() {
    let project = Project::new("python");
    project.edit(
        "manifest.json",
        "\"volumes\"",
        "\"stop_timeout\": \"1s\",\n  \"volumes\"",
    );
    project.edit(
        "plugin.py",
        "    hap.run(Bell)",
        "    import signal, subprocess\n    hap.signal.signal = lambda *_: None\n    \
         signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n    \
         subprocess.Popen([\"sleep\", \"1000\"])\n    hap.run(Bell)",
    );
    let mut dev = project.dev(&[]);
    dev.sees("healthy");
    assert!(project.processes().iter().any(|line| line.starts_with("sleep")));
    dev.signal("-INT");
    dev.sees("did not stop within 1s, and is killed");
    assert_eq!(dev.ends().0, Some(130));
    project.nothing_is_left();
}

#[test]
#[ignore = "needs python3"]
fn a_file_of_commands_tells_by_its_exit_code_whether_all_were_done() {
    let project = Project::new("python");
    let file = project.folder.path().join("commands.txt");
    fs::write(&file, "# The bell.\nring times=2\n\n:status\nreset\n").unwrap();
    let (exit, said) = project.dev(&["--commands", "../commands.txt"]).ends();
    assert_eq!(
        (exit, said.last().map(String::as_str)),
        (Some(0), Some("3 commands, 0 failed")),
        "{said:#?}"
    );
    fs::write(&file, "ring\nring times=11\nring\n").unwrap();
    let (exit, said) = project.dev(&["--commands", "../commands.txt"]).ends();
    assert_eq!(
        (exit, said.last().map(String::as_str)),
        (Some(1), Some("3 commands, 1 failed")),
        "{said:#?}"
    );
    project.nothing_is_left();
}

#[test]
#[ignore = "needs python3"]
fn programs_get_a_line_of_json_for_each_thing_that_happens() {
    let project = Project::new("python");
    let file = project.folder.path().join("commands.txt");
    fs::write(&file, "ring times=2\nring times=11\n").unwrap();
    let (exit, said) = project.dev(&["--json", "--commands", "../commands.txt"]).ends();
    assert_eq!(exit, Some(1), "{said:#?}");
    let lines: Vec<serde_json::Value> = said
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let event = lines.iter().find(|line| line["type"] == "event").unwrap();
    assert_eq!(
        event["event"]["data"],
        serde_json::json!({"times": 2, "volume": 50})
    );
    assert_eq!(event["answered"], 202);
    let replies: Vec<_> = lines.iter().filter(|line| line["type"] == "reply").collect();
    assert_eq!(
        (&replies[0]["success"], &replies[1]["success"]),
        (&true.into(), &false.into())
    );
    assert_eq!(replies[1]["body"]["code"], "invalid_params");
    let last = lines.last().unwrap();
    assert_eq!(last["result"], serde_json::json!({"commands": 2, "failed": 1}));
}

#[test]
#[ignore = "needs python3"]
fn the_port_of_the_manifest_is_left_to_whoever_has_it() {
    let project = Project::new("python");
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = port.to_string();
    let (exit, said) = project.dev(&["--port", &text]).ends();
    assert_eq!(exit, Some(6), "{said:#?}");
    assert!(
        said[0].contains(&format!("port {port} cannot be used")),
        "{said:#?}"
    );
    assert!(said[1].contains("--port"), "{said:#?}");
    let manifest = fs::read_to_string(project.path.join("manifest.json")).unwrap();
    let usual = manifest.lines().find(|line| line.contains("api_port")).unwrap();
    project.edit("manifest.json", usual, &format!("  \"api_port\": {port},"));
    let mut dev = project.dev(&[]);
    dev.sees(&format!("port {port} of the manifest is in use; the plugin gets"));
    dev.sees("healthy");
    dev.say(":quit");
    assert_eq!(dev.ends().0, Some(0));
}

#[test]
fn what_cannot_begin_is_told_in_one_message() {
    let project = Project::new("python");
    for (arguments, exit, part) in [
        (&["no-such"][..], 3, "hap new NAME"),
        (&["--env", "X"], 2, "write NAME=VALUE"),
        (&["--env", "PORT=1"], 2, "the platform sets PORT itself"),
        (&["--config", "none.json"], 3, "none.json cannot be read"),
        (&["--config", "README.md"], 1, "write a JSON object"),
        (&["--commands", "none.txt"], 3, "one command in each line"),
        (&["--port", "0"], 2, "0"),
    ] {
        let (code, said) = project.dev(arguments).ends();
        assert_eq!(code, Some(exit), "{said:#?}");
        let said = said.join("\n");
        assert!(said.contains(part), "{part:?} in {said}");
        assert_eq!(said.matches("error:").count(), 1, "{said}");
    }
    let mut dev = project.dev(&["--", "no-such-interpreter"]);
    dev.sees("no-such-interpreter cannot be started");
    dev.say(":quit");
    assert_eq!(dev.ends().0, Some(1));
    fs::remove_file(project.path.join("plugin.py")).unwrap();
    let (code, said) = project.dev(&[]).ends();
    assert_eq!(code, Some(3), "{said:#?}");
    assert!(said.join(" ").contains("hap dev -- PROGRAM"), "{said:#?}");
    project.nothing_is_left();
}

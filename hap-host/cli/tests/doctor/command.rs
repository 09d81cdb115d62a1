//! The command line of `hap doctor`.

use super::{bed::Machine, pretended::Engine};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn checks_are_chosen_and_explained_by_their_ids() {
    let mut machine = Machine::new("");
    let uri = Engine::new().serve(&machine.path("engine.sock"));
    machine.set("DOCKER_HOST", &uri);
    let output = machine.run(&["--only", "engine.kind,engine.version"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        shown.contains("engine.kind: it is Docker") && shown.contains("Docker 28.5.2, API 1.51"),
        "{shown}"
    );
    assert!(
        !shown.contains("engine.reach") && shown.contains("nothing to mend"),
        "{shown}"
    );
    let output = machine.run(&["--explain", "network.isolation"]);
    assert!(
        text(&output.stdout).contains("--quick leaves it out"),
        "{output:?}"
    );
    for line in [&["--only", "engine.speed"][..], &["--explain", "x"]] {
        let output = machine.run(line);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(
            text(&output.stderr).contains("engine.reach, engine.kind"),
            "{output:?}"
        );
    }
    let output = machine.run(&["--quick", "--only", "network.isolation"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_report_for_people_has_the_fix_below_the_finding_and_fits_a_terminal() {
    let mut machine = Machine::new("");
    let mut engine = Engine::new();
    engine.info["MemoryLimit"] = false.into();
    engine.info["Architecture"] = "\u{1b}]0;x\u{7}".into();
    let uri = engine.serve(&machine.path("engine.sock"));
    machine.set("DOCKER_HOST", &uri);
    let output = machine.run(&["--quick"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let lines: Vec<_> = shown.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.contains("engine.limits: the engine cannot limit memory"))
        .unwrap();
    assert!(
        lines[at].starts_with("  fix ") && lines[at + 1].contains("sudo sed -i"),
        "{shown}"
    );
    for heading in ["Engine", "Machine", "Network", "State folder", "Host"] {
        assert_eq!(
            lines.iter().filter(|line| **line == heading).count(),
            1,
            "{shown}"
        );
    }
    assert!(!shown.contains(['\u{1b}', '\u{7}']), "{shown}");
    assert!(shown.contains("1 to mend"), "{shown}");
}

//! From nothing to a supervised plugin without a line of Rust, on Docker.

use std::io::{BufRead as _, BufReader};

use super::*;

/// `hap up`, which a test that fails does not leave behind.
struct Up {
    child: Child,
    state: TempDir,
}

impl Up {
    fn start(state: TempDir) -> Self {
        let child = start(state.path(), &["up", "--json"]);
        let up = Self { child, state };
        let began = Instant::now();
        while !up.hap(&["ps"]).status.success() {
            assert!(began.elapsed() < DEADLINE, "it does not serve");
            thread::sleep(Duration::from_millis(100));
        }
        up
    }

    fn hap(&self, arguments: &[&str]) -> Output {
        start(self.state.path(), arguments).wait_with_output().unwrap()
    }

    #[track_caller]
    fn done(&self, arguments: &[&str], says: &str) {
        let output = self.hap(arguments);
        assert_eq!(code(&output), 0, "{arguments:?} {output:?}");
        assert!(text(&output.stdout).contains(says), "{arguments:?} {output:?}");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.hap(&["uninstall", "light", "--remove-data", "--force"]);
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_plugin_lives_its_whole_life_by_commands_alone() {
    let up = Up::start(tempfile::tempdir().unwrap());
    let folder = light();
    let folder = folder.to_str().unwrap();
    // It asks for its network, which the policy of a home gives by a grant or by itself.
    let refused = up.hap(&["install", folder]);
    if code(&refused) != 0 {
        let told = text(&refused.stderr);
        assert_eq!(code(&refused), 4, "{told}");
        assert!(told.contains("--grant "), "{told}");
        up.done(&["install", folder, "--grant-all"], "light 0.1.0 is installed");
    }
    up.done(&["start", "light"], "healthy");
    up.done(&["command", "light", "set_brightness", "level=40"], "");
    up.done(&["status", "light"], "40");
    up.done(&["ps"], "healthy");
    up.done(&["stats", "light"], "MiB");
    up.done(&["logs", "light"], "ready");
    let mut following = start(up.state.path(), &["logs", "light", "-f"]);
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    up.done(&["restart", "light"], "healthy");
    // Of both runs, with a line of the host between them.
    let both = lines
        .by_ref()
        .map_while(Result::ok)
        .filter(|line| line.contains("ready"))
        .take(2)
        .count();
    assert_eq!(both, 2);
    interrupt(&following);
    assert_eq!(following.wait().unwrap().code(), Some(130));
    up.done(
        &["update", "light", folder, "--grant-all", "--allow-same-version"],
        "light is 0.1.0 now",
    );
    // It had one version only.
    let refused = up.hap(&["rollback", "light"]);
    assert_eq!(code(&refused), 1, "{refused:?}");
    assert!(
        text(&refused.stderr).contains("no earlier version"),
        "{refused:?}"
    );
    up.done(&["stop", "light"], "light is stopped");
    up.done(&["uninstall", "light", "--remove-data"], "its data is removed");
}

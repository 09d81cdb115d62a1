//! Plugins in containers while their host comes and goes.

use std::collections::BTreeMap;

use super::{
    bell::{Bell, docker},
    *,
};

/// Plugins of one image, installed by a host of their own.
struct Household {
    place: Place,
    bell: Bell,
    plugins: Vec<String>,
}

impl Household {
    fn new() -> Self {
        let bell = Bell::new("");
        let built = bell.hap().arg("build").output().unwrap();
        assert!(built.status.success(), "{}", text(&built.stderr));
        let instance = format!("up-{:08x}", fastrand::u32(..));
        let plugins = (1..=3).map(|number| format!("{}-{number}", bell.id)).collect();
        let place = Place::with("");
        let household = Self { place, bell, plugins };
        household.configure(&instance, "keep");
        household
    }

    fn configure(&self, instance: &str, on_exit: &str) {
        let text = format!("instance = \"{instance}\"\non_exit = \"{on_exit}\"\n");
        self.place.write(&text);
    }

    fn instance(&self) -> String {
        let text = fs::read_to_string(self.place.file()).unwrap();
        text.split('"').nth(1).unwrap().to_owned()
    }

    fn install(&self) {
        for id in &self.plugins {
            let manifest = json!({
                "id": id, "name": "Bell", "version": "0.1.0", "description": "Rings", "author": "Test",
                "image": format!("{}:0.1.0", self.bell.id), "api_port": 8000, "volumes": ["/data"],
                "health_check": {"start_period": "5s"},
            });
            let (status, answer) = self.place.call("POST", "/v1/plugins", &manifest.to_string());
            assert_eq!(status, 201, "{answer}");
            let (status, answer) = self.place.call("POST", &format!("/v1/plugins/{id}/start"), "{}");
            assert_eq!(status, 200, "{answer}");
        }
    }

    /// The running containers by their plugins, and since when each runs.
    fn running(&self) -> BTreeMap<String, String> {
        let running = self.plugins.iter().filter_map(|id| {
            let label = format!("label=hap.plugin.id={id}");
            let container = docker(&["ps", "-q", "--filter", &label]).into_iter().next()?;
            let begun = docker(&["inspect", "-f", "{{.Id}} {{.State.StartedAt}}", &container]).concat();
            Some((id.clone(), begun))
        });
        running.collect()
    }

    /// Waits until the host has each of them as healthy.
    fn healthy(&self) {
        for id in &self.plugins {
            within(id, || {
                let (status, plugin) = self.place.call("GET", &format!("/v1/plugins/{id}"), "");
                assert_eq!(status, 200, "{plugin}");
                plugin.to_string().contains("\"phase\":\"healthy\"").then_some(())
            });
        }
    }
}

impl Drop for Household {
    fn drop(&mut self) {
        for id in &self.plugins {
            let label = format!("label=hap.plugin.id={id}");
            for (list, remove) in [
                (["ps", "-aq"], ["rm", "-fv"]),
                (["volume", "ls"], ["volume", "rm"]),
            ] {
                let mut listed = Command::new("docker");
                listed.args(list).args(["-q", "--filter", &label]);
                for found in text(&listed.output().unwrap().stdout).lines() {
                    let _ = Command::new("docker").args(remove).arg(found).output();
                }
            }
        }
        let image = format!("{}:0.1.0", self.bell.id);
        let _ = Command::new("docker").args(["rmi", "-f", &image]).output();
        let label = format!("label=hap.instance={}", self.instance());
        let networks = Command::new("docker")
            .args(["network", "ls", "-q", "--filter", &label])
            .output();
        for network in text(&networks.unwrap().stdout).lines() {
            let _ = Command::new("docker").args(["network", "rm", network]).output();
        }
    }
}

#[test]
#[ignore = "needs a Docker engine"]
fn plugins_go_on_while_their_host_is_restarted_killed_and_upgraded() {
    let household = Household::new();
    let host = household.place.up();
    household.install();
    let before = household.running();
    assert_eq!(before.len(), 3, "{before:?}");

    // Restarted.
    host.end();
    assert_eq!(household.running(), before, "they go on without a host");
    let mut host = household.place.up();
    household.healthy();
    assert_eq!(household.running(), before, "adopted as they were");

    // Killed.
    host.signal("-KILL");
    assert_eq!(host.ended(), None);
    let host = household.place.up();
    household.healthy();
    assert_eq!(household.running(), before);
    host.end();

    // Another file of the program, as after an upgrade.
    let program = household.place.folder.path().join("hap-next");
    fs::copy(env!("CARGO_BIN_EXE_hap"), &program).unwrap();
    let mut next = Command::new(program);
    next.args(["up", "--json"])
        .env("HAP_STATE", household.place.state())
        .env("HAP_CONFIG", household.place.file());
    let host = Host::start(next);
    household.healthy();
    assert_eq!(household.running(), before);

    // Stopped with the host, once it is told so, and started again by the next one.
    household.configure(&household.instance(), "stop");
    host.signal("-HUP");
    host.logs("the configuration was read again");
    host.end();
    assert_eq!(household.running().len(), 0);
    let mut host = household.place.up();
    household.healthy();
    assert_eq!(household.running().len(), 3);

    // The plugin does not end by itself when it is asked to: whoever does not want to wait says so twice.
    let begun = Instant::now();
    host.signal("-TERM");
    host.logs("the host ends");
    host.signal("-TERM");
    assert_eq!(host.ended(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let host = household.place.up();
    household.healthy();
    for id in &household.plugins {
        let (status, answer) =
            household
                .place
                .call("DELETE", &format!("/v1/plugins/{id}?remove_data=true"), "");
        assert_eq!(status, 200, "{answer}");
    }
    host.end();
}

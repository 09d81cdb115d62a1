//! What a manifest asks for, in words, and what a new version adds.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use hap_manifest::permission::{self, Permission, added, requested};
use hap_manifest::{Manifest, ManifestBuilder, MemoryLimit};
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Value, json};

/// A manifest that asks for nothing, with `more`.
fn manifest(more: &Value) -> Manifest {
    let mut object = json!({
        "id": "light", "name": "Light", "version": "1.0.0", "description": "", "author": "",
        "image": "example/light:1", "network_access": false
    });
    let members = more.as_object().unwrap().clone();
    object.as_object_mut().unwrap().extend(members);
    serde_json::from_value(object).unwrap()
}

fn words(permissions: &[Permission]) -> Vec<String> {
    permissions.iter().map(ToString::to_string).collect()
}

#[test]
fn every_request_has_its_words() {
    let rows = [
        (json!({}), vec![]),
        (
            json!({"network_access": true}),
            vec!["reach the internet and the home network"],
        ),
        (
            json!({"network_access": null}),
            vec!["reach the internet and the home network"],
        ),
        (
            json!({"device_access": true}),
            vec!["use every device that is set up for plugins"],
        ),
        (
            json!({"device_access": true, "devices": ["/dev/ttyUSB1", "/dev/ttyUSB0"]}),
            vec!["use the device /dev/ttyUSB0", "use the device /dev/ttyUSB1"],
        ),
        (
            json!({"capabilities": ["SYS_ADMIN", "CAP_NET_ADMIN", "NET_ADMIN", "FUTURE"]}),
            vec![
                "use a system right that is not known here (FUTURE)",
                "change the network settings of its container (NET_ADMIN)",
                "do nearly everything on this computer, as its administrator (SYS_ADMIN)",
            ],
        ),
        (
            json!({"writable_rootfs": true}),
            vec!["change its own program files while it runs"],
        ),
        (json!({"user": "1000:1000"}), vec![]),
        (json!({"user": "root"}), vec!["run as root in its container"]),
        (json!({"user": "00"}), vec!["run as root in its container"]),
        (
            json!({"user": "1000:0"}),
            vec!["run in the group of root in its container"],
        ),
        (
            json!({"user": "0:root"}),
            vec![
                "run as root in its container",
                "run in the group of root in its container",
            ],
        ),
        (
            json!({"memory_limit": "1g", "cpu_limit": 2, "pids_limit": 1024}),
            vec![],
        ),
        (
            json!({"memory_limit": "1025m", "cpu_limit": 2.5, "pids_limit": 1025}),
            vec![
                "use up to 1025 MiB of memory",
                "use up to 2.5 processor cores",
                "run up to 1025 processes at once",
            ],
        ),
        (
            json!({"volumes": ["/data"], "tmpfs": ["/cache"], "depends_on": ["clock"], "env_vars": {"A": "b"}}),
            vec![],
        ),
    ];
    for (more, expected) in rows {
        assert_eq!(words(&requested(&manifest(&more))), expected, "{more}");
    }
}

#[test]
fn an_update_adds_what_is_more() {
    let rows = [
        (json!({}), json!({}), vec![]),
        (json!({"network_access": true}), json!({}), vec![]),
        (
            json!({}),
            json!({"network_access": true}),
            vec![Permission::Network],
        ),
        (
            json!({"memory_limit": "3g"}),
            json!({"memory_limit": "2g"}),
            vec![],
        ),
        (
            json!({"memory_limit": "2g"}),
            json!({"memory_limit": "3g"}),
            vec![Permission::Memory(MemoryLimit::from_mib(3_072).unwrap())],
        ),
        (
            json!({"device_access": true}),
            json!({"device_access": true, "devices": ["/dev/a"]}),
            vec![Permission::Device("/dev/a".parse().unwrap())],
        ),
        // Fewer words in the manifest, but more devices.
        (
            json!({"device_access": true, "devices": ["/dev/a"]}),
            json!({"device_access": true}),
            vec![Permission::HostDevices],
        ),
        (
            json!({"capabilities": ["KILL"]}),
            json!({"capabilities": ["NET_RAW", "KILL"]}),
            vec![Permission::Capability("NET_RAW".parse().unwrap())],
        ),
    ];
    for (old, new, expected) in rows {
        assert_eq!(
            added(&manifest(&old), &manifest(&new)),
            expected,
            "{old} to {new}"
        );
    }
}

#[test]
fn consent_is_kept_as_json() {
    let all = requested(&manifest(&json!({
        "network_access": true, "device_access": true, "devices": ["/dev/a"], "capabilities": ["KILL"],
        "user": "0:0", "writable_rootfs": true, "memory_limit": "2g", "cpu_limit": 4, "pids_limit": 2000
    })));
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(
        text,
        r#"[{"kind":"capability","value":"KILL"},{"kind":"root"},{"kind":"root_group"},{"kind":"device","value":"/dev/a"},{"kind":"network"},{"kind":"writable_root"},{"kind":"memory","value":"2g"},{"kind":"cpu","value":4},{"kind":"processes","value":2000}]"#
    );
    assert_eq!(serde_json::from_str::<Vec<Permission>>(&text).unwrap(), all);
}

#[test]
fn permissions_have_short_names() {
    for (id, json) in [
        ("build", r#"{"kind":"build"}"#),
        ("capability:KILL", r#"{"kind":"capability","value":"KILL"}"#),
        ("root", r#"{"kind":"root"}"#),
        ("root_group", r#"{"kind":"root_group"}"#),
        ("host_devices", r#"{"kind":"host_devices"}"#),
        (
            "device:/dev/ttyUSB0",
            r#"{"kind":"device","value":"/dev/ttyUSB0"}"#,
        ),
        ("network", r#"{"kind":"network"}"#),
        ("writable_root", r#"{"kind":"writable_root"}"#),
        ("memory:2g", r#"{"kind":"memory","value":"2g"}"#),
        ("cpu:2.5", r#"{"kind":"cpu","value":2.5}"#),
        ("processes:2000", r#"{"kind":"processes","value":2000}"#),
    ] {
        let permission: Permission = id.parse().unwrap();
        assert_eq!(permission.id(), id);
        assert_eq!(serde_json::to_string(&permission).unwrap(), json);
        assert_eq!(serde_json::from_str::<Permission>(json).unwrap(), permission);
    }
    let kinds = "the kinds are build, root, root_group, host_devices, network, writable_root, capability, device, \
                 memory, cpu, processes";
    for (id, rule) in [
        (
            "",
            format!("invalid permission \"\": there is no such kind; {kinds}"),
        ),
        (
            "everything",
            format!("invalid permission \"everything\": there is no such kind; {kinds}"),
        ),
        (
            "netwrok",
            "invalid permission \"netwrok\": there is no such kind; did you mean `network`?".to_owned(),
        ),
        (
            "network:all",
            "invalid permission \"network:all\": this kind has no value; write \"network\"".to_owned(),
        ),
        (
            "device",
            "invalid permission \"device\": this kind has a value; for example \"device:/dev/ttyUSB0\""
                .to_owned(),
        ),
        (
            "device:/etc",
            "invalid device path \"/etc\": it must begin with \"/dev/\"; for example \"/dev/ttyUSB0\""
                .to_owned(),
        ),
        (
            "cpu:many",
            "invalid permission \"cpu:many\": its value is no number; for example \"cpu:4\"".to_owned(),
        ),
        (
            "cpu:inf",
            "invalid CPU limit inf: it is not a finite number".to_owned(),
        ),
        (
            "processes:-1",
            "invalid permission \"processes:-1\": its value is no number; for example \"processes:2000\""
                .to_owned(),
        ),
    ] {
        assert_eq!(id.parse::<Permission>().unwrap_err().to_string(), rule);
    }
}

#[test]
fn a_build_has_words_of_its_own_and_no_manifest_asks_for_it() {
    let text = Permission::Build.to_string();
    assert_eq!(
        text,
        "run its author's program, with network, on this computer while it is installed"
    );
    let all = with_all(&[Request::Network, Request::Root, Request::WritableRoot]);
    assert!(!requested(&all).contains(&Permission::Build));
    assert!(Permission::Build < requested(&all)[0]);
}

#[test]
fn what_is_granted_is_not_missing() {
    let all = manifest(&json!({
        "network_access": true, "capabilities": ["KILL"], "user": "0:0", "memory_limit": "2g"
    }));
    let granted = |ids: &[&str]| -> Vec<Permission> { ids.iter().map(|id| id.parse().unwrap()).collect() };
    let missing = |ids: &[&str]| -> Vec<String> {
        let missing = permission::missing(&granted(ids), &all);
        missing.iter().map(Permission::id).collect()
    };
    assert_eq!(
        missing(&[]),
        ["capability:KILL", "root", "root_group", "network", "memory:2g"]
    );
    assert_eq!(
        missing(&["root", "memory:3g", "capability:NET_RAW"]),
        ["capability:KILL", "network"]
    );
    assert_eq!(
        missing(&["root_group", "memory:1536m", "network"]),
        ["capability:KILL", "root", "memory:2g"]
    );
}

/// One thing to ask for. Access to devices and the list of them is one request, see the table above.
#[derive(Debug, Clone)]
enum Request {
    Network,
    Devices(Vec<&'static str>),
    Capability(&'static str),
    Root,
    WritableRoot,
    Memory(u32),
    Cores(u8),
    Processes(u16),
}

fn with(builder: ManifestBuilder, request: &Request) -> ManifestBuilder {
    match request {
        Request::Network => builder.network_access(true),
        Request::Devices(paths) => paths
            .iter()
            .fold(builder.device_access(true), |builder, path| builder.device(*path)),
        Request::Capability(name) => builder.capability(*name),
        Request::Root => builder.user("0:0"),
        Request::WritableRoot => builder.writable_rootfs(true),
        Request::Memory(mib) => builder.memory_limit(format!("{mib}m")),
        Request::Cores(cores) => builder.cpu_limit(f64::from(*cores)),
        Request::Processes(count) => builder.pids_limit(u32::from(*count)),
    }
}

fn with_all(requests: &[Request]) -> Manifest {
    let builder = Manifest::builder("light", "Light", "1.0.0", "example/light:1").network_access(false);
    requests.iter().fold(builder, with).build().unwrap()
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let devices = subsequence(vec!["/dev/a", "/dev/b", "/dev/c"], 0..=3);
    (devices, 6_u32..5_000, 1_u8..9, 1_u16..5_000).prop_flat_map(|(devices, mib, cores, count)| {
        let all = vec![
            Request::Network,
            Request::Devices(devices),
            Request::Capability("KILL"),
            Request::Capability("NET_RAW"),
            Request::Root,
            Request::WritableRoot,
            Request::Memory(mib),
            Request::Cores(cores),
            Request::Processes(count),
        ];
        subsequence(all, 0..=9)
    })
}

proptest! {
    #[test]
    fn asking_for_less_never_adds(requests in requests(), at: prop::sample::Index) {
        let whole = with_all(&requests);
        prop_assert_eq!(added(&whole, &whole), vec![]);
        if requests.is_empty() {
            prop_assert_eq!(requested(&whole), vec![]);
            return Ok(());
        }
        let mut fewer = requests.clone();
        fewer.remove(at.index(requests.len()));
        prop_assert_eq!(added(&whole, &with_all(&fewer)), vec![]);
    }

    #[test]
    fn a_shorter_list_of_devices_never_adds(keep in subsequence(vec!["/dev/a", "/dev/b", "/dev/c"], 1..=3)) {
        let all = with_all(&[Request::Devices(vec!["/dev/a", "/dev/b", "/dev/c"])]);
        prop_assert_eq!(added(&all, &with_all(&[Request::Devices(keep)])), vec![]);
    }

    #[test]
    fn the_list_is_ordered_and_has_nothing_twice(requests in requests()) {
        let list = requested(&with_all(&requests));
        for permission in &list {
            prop_assert_eq!(&permission.id().parse::<Permission>().unwrap(), permission);
        }
        prop_assert_eq!(permission::missing(&list, &with_all(&requests)), vec![]);
        prop_assert!(list.is_sorted_by(|a, b| a < b), "{:?}", list);
    }
}

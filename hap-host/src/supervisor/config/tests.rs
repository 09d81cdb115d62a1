use std::{path::PathBuf, time::Duration};

use super::*;
use crate::engine::ProcessEngine;

const EXAMPLE: &str = include_str!("../../../../examples/host.json");

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn told(text: &str) -> Vec<String> {
    let error = SupervisorConfig::from_json(text).unwrap_err();
    error.issues().iter().map(ToString::to_string).collect()
}

/// The builder that a file makes, as far as it can be seen.
fn built(rest: &str) -> String {
    let text = format!(r#"{{"state_folder":"s"{rest}}}"#);
    let config = SupervisorConfig::from_json(&text).unwrap_or_else(|error| panic!("{error}"));
    shown(&config.builder(engine()))
}

fn engine() -> ProcessEngine {
    let folder = tempfile::tempdir().unwrap();
    ProcessEngine::new(folder.path().join("engine")).unwrap()
}

/// The builder without its engine, which is another one each time.
fn shown(builder: &SupervisorBuilder) -> String {
    let text = format!("{builder:?}");
    text.split_once(r#"state_folder: "s""#).unwrap().1.to_owned()
}

#[test]
fn the_example_is_read_and_nothing_of_it_is_void() {
    let config = SupervisorConfig::from_json(EXAMPLE).unwrap_or_else(|error| panic!("{}", error.render()));
    assert_eq!(config.policy().warnings(), [""; 0]);
    assert_eq!(
        config.engine,
        EngineConfig::DockerAt("unix:///var/run/docker.sock".to_owned())
    );
    let schema = serde_json::from_str(&schema()).unwrap();
    let example = serde_json::from_str(EXAMPLE).unwrap();
    let problems: Vec<_> = jsonschema::draft202012::new(&schema)
        .unwrap()
        .iter_errors(&example)
        .map(|problem| problem.to_string())
        .collect();
    assert_eq!(problems, [""; 0]);
}

#[test]
fn the_example_has_every_key_that_is_not_left_out_for_a_reason() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    let example: serde_json::Value = serde_json::from_str(EXAMPLE).unwrap();
    let lacking = |known: &serde_json::Value, has: &serde_json::Value| -> Vec<String> {
        let known = known["properties"].as_object().unwrap().keys();
        known
            .filter(|key| has.get(key.as_str()).is_none())
            .cloned()
            .collect()
    };
    assert_eq!(lacking(&schema, &example), [""; 0]);
    // What a preset says already, and what few machines need.
    let rare = [
        "allow_capabilities",
        "build_cpu",
        "build_memory",
        "build_processes",
        "capabilities",
        "deny_devices",
        "device_writes",
        "devices",
        "image_users",
        "local_builds",
        "own_user",
        "resources",
        "root",
        "runtime",
        "runtime_of_plugin",
        "runtime_of_publisher",
        "writable_rootfs",
    ];
    assert_eq!(lacking(&schema["$defs"]["Policy"], &example["policy"]), rare);
}

fn schema() -> String {
    let mut schema = schemars::schema_for!(SupervisorConfig).to_value();
    // Editors look there for the schema of a file.
    schema["properties"]["$schema"] = serde_json::json!({ "type": "string" });
    describe(&mut schema);
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

/// Keeps of each description its first paragraph, in one line and without what rustdoc needs.
fn describe(schema: &mut serde_json::Value) {
    match schema {
        serde_json::Value::Object(object) => {
            if let Some(serde_json::Value::String(text)) = object.get_mut("description") {
                let first = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
                let mut plain = String::new();
                for part in first.split("](") {
                    let rest = if plain.is_empty() {
                        part
                    } else {
                        part.split_once(')').unwrap().1
                    };
                    plain.push_str(&rest.replace('[', ""));
                }
                *text = plain;
            }
            object.values_mut().for_each(describe);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(describe),
        _ => {}
    }
}

#[test]
fn the_schema_is_the_committed_one() {
    let path = repository("docs/host-config.schema.json");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, schema()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == schema(),
        "docs/host-config.schema.json differs: look at what changed, then write it by running this with UPDATE_SCHEMAS=1"
    );
}

#[test]
fn the_least_file_is_the_builder_without_a_setter() {
    assert_eq!(built(""), shown(&Supervisor::builder(engine(), "s")));
    assert_eq!(built(r#","policy":{},"instance":null"#), built(""));
}

#[test]
fn each_key_is_the_setter_of_its_name() {
    let builder = || Supervisor::builder(engine(), "s");
    let seconds = Duration::from_secs;
    let health = HealthPolicy {
        interval: seconds(15),
        ..HealthPolicy::default()
    };
    let restart = RestartPolicy {
        max_delay: seconds(30),
        mode: hap_manifest::RestartMode::OnFailure,
        ..RestartPolicy::default()
    };
    let number = |n| std::num::NonZeroU32::new(n).unwrap();
    let rows = [
        (
            r#""instance":"home""#,
            builder().instance("home".parse().unwrap()),
        ),
        (
            r#""default_limits":{"memory":"64m","cpu":0.5,"pids":16}"#,
            builder().default_limits(
                DefaultLimits::default()
                    .memory("64m".parse().unwrap())
                    .cpu(hap_manifest::CpuLimit::from_cores(0.5).unwrap())
                    .pids(hap_manifest::PidsLimit::new(16).unwrap()),
            ),
        ),
        (
            r#""restart_policy":{"max_delay":"30s","mode":"on-failure"}"#,
            builder().restart_policy(restart),
        ),
        (
            r#""restart_without_host":true"#,
            builder().restart_without_host(true),
        ),
        (
            r#""health_policy":{"interval":"15s"}"#,
            builder().health_policy(health),
        ),
        (
            r#""probation_policy":{"healthy_for":"1m","within":"1h","failed_runs":2}"#,
            builder().probation_policy(
                ProbationPolicy::default()
                    .healthy_for(seconds(60))
                    .within(seconds(3600))
                    .failed_runs(2),
            ),
        ),
        (r#""events_port":4000"#, builder().events_port(4000)),
        (
            r#""event_rate":{"events_per_second":5,"bytes_burst":"2m"}"#,
            builder().event_rate(
                EventRateLimit::new(number(5), number(1000)).bytes(number(1 << 20), number(2 << 20)),
            ),
        ),
        (
            r#""event_retention":{"age":"14d","events":5,"bytes":"1m","dedup_window":6}"#,
            builder().event_retention(
                EventRetention::default()
                    .age(seconds(14 * 86_400))
                    .events(5)
                    .bytes(1 << 20)
                    .dedup_window(6),
            ),
        ),
        (r#""parallel_starts":3"#, builder().parallel_starts(3)),
        (
            r#""parallel_calls":3"#,
            builder().parallel_calls(NonZeroUsize::new(3).unwrap()),
        ),
        (
            r#""policy":{"preset":"strict"}"#,
            builder().policy(Policy::strict()),
        ),
        (
            r#""shutdown_timeout":"30s""#,
            builder().shutdown_timeout(seconds(30)),
        ),
        (
            r#""dependency_wait":"30s""#,
            builder().dependency_wait(seconds(30)),
        ),
        (
            r#""forward_logs":{}"#,
            builder().forward_logs(LogForwarding::default()),
        ),
        (
            r#""forward_logs":{"burst":5,"characters":80,"lines_per_second":2}"#,
            builder().forward_logs(
                LogForwarding::default()
                    .burst(5)
                    .characters(80)
                    .lines_per_second(2),
            ),
        ),
        (r#""sample_usage":"2m""#, builder().sample_usage(seconds(120))),
        (
            r#""sweep_orphans_after":"1h""#,
            builder().sweep_orphans_after(Some(seconds(3600))),
        ),
        (
            r#""sweep_orphans_after":"never""#,
            builder().sweep_orphans_after(None),
        ),
        (
            r#""measure_isolation_every":"1h""#,
            builder().measure_isolation_every(Some(seconds(3600))),
        ),
        (
            r#""measure_isolation_every":"never""#,
            builder().measure_isolation_every(None),
        ),
    ];
    for (key, builder) in rows {
        let expected = shown(&builder);
        assert_ne!(expected, built(""), "{key}");
        assert_eq!(built(&format!(",{key}")), expected, "{key}");
    }
}

#[test]
fn each_key_of_the_policy_is_the_setter_of_its_name() {
    use crate::policy::{
        access::Access, image_users::ImageUsers, image_volumes::ImageVolumes, lost_isolation::LostIsolation,
    };

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let cores = |cores| hap_manifest::CpuLimit::from_cores(cores).unwrap();
    let pids = |count| hap_manifest::PidsLimit::new(count).unwrap();
    let home = Policy::home;
    let runtime_of_publisher = format!(r#""runtime_of_publisher":{{"{KEY}":"kata"}}"#);
    let trust_keys = format!(r#""trust_keys":["{KEY}"]"#);
    let rows = [
        (r#""preset":"hosted""#, Policy::hosted()),
        (r#""preset":"development""#, Policy::development()),
        (r#""max_memory":"1g""#, home().max_memory("1g".parse().unwrap())),
        (r#""max_cpu":2"#, home().max_cpu(cores(2.0))),
        (r#""max_processes":9"#, home().max_processes(pids(9))),
        (r#""resources":"denied""#, home().resources(Access::Denied)),
        (r#""network":"by_grant""#, home().network(Access::ByGrant)),
        (
            r#""writable_rootfs":"allowed""#,
            home().writable_rootfs(Access::Allowed),
        ),
        (r#""root":"denied""#, home().root(Access::Denied)),
        (r#""own_user":false"#, home().own_user(false)),
        (r#""devices":"denied""#, home().devices(Access::Denied)),
        (
            r#""allow_devices":["/dev/a*"]"#,
            home().allow_device("/dev/a*".parse().unwrap()),
        ),
        (
            r#""deny_devices":["/dev/a*"]"#,
            home().deny_device("/dev/a*".parse().unwrap()),
        ),
        (
            r#""host_devices":["/dev/a"]"#,
            home().host_device("/dev/a".parse().unwrap()),
        ),
        (r#""device_writes":false"#, home().device_writes(false)),
        (r#""capabilities":"denied""#, home().capabilities(Access::Denied)),
        (
            r#""allow_capabilities":["KILL"]"#,
            home().allow_capability("KILL".parse().unwrap()),
        ),
        (
            r#""deny_capabilities":["KILL"]"#,
            home().deny_capability("KILL".parse().unwrap()),
        ),
        (
            r#""allow_images":["ghcr.io"]"#,
            home().allow_images("ghcr.io".parse().unwrap()),
        ),
        (r#""local_builds":false"#, home().local_builds(false)),
        (r#""builds":"denied""#, home().builds(Access::Denied)),
        (
            r#""build_memory":"64m""#,
            home().build_memory("64m".parse().unwrap()),
        ),
        (r#""build_cpu":0.5"#, home().build_cpu(cores(0.5))),
        (r#""build_processes":9"#, home().build_processes(pids(9))),
        (
            r#""image_volumes":"refuse""#,
            home().image_volumes(ImageVolumes::Refuse),
        ),
        (
            r#""lost_isolation":"stop_plugins""#,
            home().lost_isolation(LostIsolation::StopPlugins),
        ),
        (
            r#""image_volumes":{"cover":"1m"}"#,
            home().image_volumes(ImageVolumes::Cover(1 << 20)),
        ),
        (
            r#""image_users":"replace""#,
            home().image_users(ImageUsers::Replace),
        ),
        (&trust_keys, home().trust_key(KEY.parse().unwrap())),
        (r#""unsigned_packages":false"#, home().unsigned_packages(false)),
        (r#""runtime":"runsc""#, home().runtime("runsc")),
        (
            r#""runtime_of_plugin":{"light":"runc"}"#,
            home().runtime_of_plugin("light".parse().unwrap(), "runc"),
        ),
        (
            &runtime_of_publisher,
            home().runtime_of_publisher(KEY.parse().unwrap(), "kata"),
        ),
    ];
    for (key, policy) in rows {
        let text = format!(r#"{{"state_folder":"s","policy":{{{key}}}}}"#);
        let config = SupervisorConfig::from_json(&text).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_ne!(policy, Policy::home(), "{key}");
        assert_eq!(config.policy(), policy, "{key}");
    }
    // An empty list is not the same as none.
    let none = SupervisorConfig::from_json(r#"{"state_folder":"s","policy":{"allow_images":[]}}"#);
    assert!(none.unwrap().policy().restricts_images());
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place_and_a_way_to_fix_it() {
    let text = r#"{
  "state_foldr": "x",
  "engine": "/var/run/docker.sock",
  "instance": "My Home",
  "events_port": "4000",
  "policy": {"preset": "hostd", "allow_devices": ["/dev/a", "tty"], "network": true},
  "restart_policy": {"max_delay": "1 min"},
  "parallel_calls": 0,
  "event_retention": {"bytes": "16mb", "days": 7},
  "forward_logs": true,
  "sweep_orphans_after": "forever",
  "instance": "home"
}"#;
    let told = told(text);
    let expected = [
        "2:3: error[unknown_field] /state_foldr: unknown field `state_foldr`; did you mean `state_folder`?",
        "3:13: error[invalid_value] /engine: invalid engine \"/var/run/docker.sock\": it is a path; write \"unix:///var/run/docker.sock\"",
        "5:18: error[wrong_type] /events_port: expected a whole number from 1 to 65535, found the string \"4000\"; write 4000 without quotes",
        "6:24: error[invalid_value] /policy/preset: unknown value \"hostd\"; did you mean \"hosted\"?",
    ];
    for expected in expected {
        assert!(
            told.iter().any(|told| told == expected),
            "{expected}\n{}",
            told.join("\n")
        );
    }
    for (pointer, words) in [
        ("/policy/allow_devices/1", "it begins with /dev/"),
        (
            "/policy/network",
            "expected one of \"allowed\", \"by_grant\", \"denied\", found true",
        ),
        (
            "/restart_policy/max_delay",
            "the unit must be one of ms, s, m, h and d",
        ),
        ("/parallel_calls", "at least 1"),
        ("/event_retention/bytes", "the unit must be one of b, k, m and g"),
        ("/event_retention/days", "unknown field `days`"),
        ("/forward_logs", "expected an object, found true"),
        ("/sweep_orphans_after", "forever"),
        ("/instance", "already given on line 4"),
        ("/state_folder", "`state_folder` is required"),
    ] {
        let is = |told: &&String| told.contains(&format!(" {pointer}: ")) && told.contains(words);
        assert!(
            told.iter().any(|told| is(&told)),
            "{pointer}: {words}\n{}",
            told.join("\n")
        );
    }
    assert_eq!(told.len(), 14, "{}", told.join("\n"));
}

#[test]
fn rules_between_values_are_told_with_their_place() {
    let text = r#"{"state_folder": "s",
  "restart_policy": {"first_delay": "1ms"},
  "probation_policy": {"healthy_for": "10m", "within": "1m"},
  "health_policy": {"interval": "0s"}, "sample_usage": "10ms", "measure_isolation_every": "1ms"}"#;
    let told = told(text);
    assert!(
        told[0].starts_with("2:21: error[invalid_value] /restart_policy: restart policy: first_delay"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("3:23: error[invalid_value] /probation_policy: "),
        "{told:?}"
    );
    assert!(
        told[2].contains(" /health_policy: health policy: startup_first, interval"),
        "{told:?}"
    );
    assert!(told[3].contains(" /sample_usage: it is less than 1s"), "{told:?}");
    assert!(
        told[4].contains(" /measure_isolation_every: it is less than 1s"),
        "{told:?}"
    );
    assert_eq!(told.len(), 5);
}

#[test]
fn a_file_is_named_and_its_paths_begin_at_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.json");
    let missing = SupervisorConfig::from_file(&path).unwrap_err();
    assert!(
        missing.to_string().contains("host.json cannot be read"),
        "{missing}"
    );
    std::fs::write(&path, r#"{"state_folder": 5}"#).unwrap();
    let wrong = SupervisorConfig::from_file(&path).unwrap_err();
    assert!(wrong.to_string().contains("host.json has a problem"), "{wrong}");
    assert!(
        wrong.render().contains("1 | {\"state_folder\": 5}"),
        "{}",
        wrong.render()
    );
    assert_eq!(wrong.issues().len(), 1, "{wrong}");
    std::fs::write(&path, r#"{"state_folder": "state"}"#).unwrap();
    let config = SupervisorConfig::from_file(&path).unwrap();
    assert_eq!(config.state_folder(), folder.path().join("state"));
    std::fs::write(&path, r#"{"state_folder": "/var/lib/home"}"#).unwrap();
    let config = SupervisorConfig::from_file(&path).unwrap();
    assert_eq!(config.state_folder(), Path::new("/var/lib/home"));
    std::fs::write(&path, vec![b' '; 2 << 20]).unwrap();
    let long = SupervisorConfig::from_file(&path).unwrap_err();
    assert_eq!(long.issues()[0].code(), "too_large");
}

#[tokio::test]
async fn a_file_alone_makes_a_supervisor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.json");
    std::fs::write(
        &path,
        r#"{"state_folder": "state", "engine": "process", "instance": "filed"}"#,
    )
    .unwrap();
    let config = SupervisorConfig::from_file(&path).unwrap();
    let supervisor = Supervisor::from_config(config)
        .await
        .unwrap()
        .start()
        .await
        .unwrap();
    assert!(folder.path().join("state").is_dir());
    assert!(!supervisor.capabilities().isolation);
    supervisor
        .shutdown(crate::ShutdownMode::StopPlugins)
        .await
        .unwrap();
}

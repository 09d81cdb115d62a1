//! Reading, writing and building manifests.

use std::time::Duration;

use hap_manifest::{
    Dependency, HealthCheck, IssueCode, Manifest, ManifestFile, MemoryLimit, PluginId, Price, RestartMode,
    RestartPolicy,
};
use serde_json::{Value, json};

/// The eleven fields that every manifest of the platform's guide has, and nothing else.
const GUIDE: &str = include_str!("fixtures/guide.json");
/// Every field there is.
const FULL: &str = include_str!("fixtures/full.json");
/// One as people wrote them before this crate.
const EXISTING: &str = include_str!("fixtures/existing.json");

#[test]
fn a_manifest_of_the_guide_loads_without_a_warning() {
    let parsed = Manifest::from_json(GUIDE).unwrap();
    assert_eq!(parsed.warnings, []);
    let manifest = parsed.manifest;
    assert_eq!(manifest.id().as_str(), "my-plugin");
    assert_eq!(manifest.memory_limit(), Some(MemoryLimit::from_mib(512).unwrap()));
    assert_eq!(manifest.cpu_limit().unwrap().nano_cpus(), 500_000_000);
    assert!(manifest.network_access());
    assert!(!manifest.device_access());
    assert_eq!(manifest.command_endpoint().as_str(), "/command");
    assert_eq!(manifest.health_check(), &HealthCheck::default());
    assert_eq!(Manifest::from_json_strict(GUIDE).unwrap(), manifest);
}

#[test]
fn an_existing_plugin_loads_without_a_warning() {
    let parsed = Manifest::from_json(EXISTING).unwrap();
    assert_eq!(parsed.warnings, []);
    let manifest = parsed.manifest;
    assert_eq!(manifest.dockerfile(), "docker/Dockerfile.plugin");
    assert_eq!(manifest.health_check_path().as_str(), "/healthz");
    assert_eq!(manifest.command_endpoint().as_str(), "/api/command");
    assert_eq!(manifest.status_endpoint().as_str(), "/api/status");
    assert_eq!(manifest.config_endpoint().as_str(), "/api/config");
    assert_eq!(manifest.env_vars().len(), 5);
    assert_eq!(manifest.memory_limit(), Some(MemoryLimit::from_mib(256).unwrap()));
    assert_eq!(manifest.volumes().len(), 2);
    assert_eq!(manifest.depends_on().len(), 1);
    let listing = manifest.listing();
    assert_eq!(listing.price(), Some(&Price::Amount(0.into())));
    assert_eq!(listing.category(), Some("weather"));
    assert_eq!(listing.tags(), ["weather", "sensor", "mqtt"]);
    assert_eq!(listing.license(), Some("Apache-2.0"));
    assert_eq!(listing.icon(), Some("🌦️"));
    // Nor has its author anything to mend.
    assert_eq!(Manifest::from_json_strict(EXISTING).unwrap(), manifest);
    let written: Value = serde_json::from_str(&manifest.to_json()).unwrap();
    let read: Value = serde_json::from_str(EXISTING).unwrap();
    for (key, value) in read.as_object().unwrap() {
        if key != "memory_limit" {
            assert_eq!(&written[key], value, "{key}");
        }
    }
}

#[test]
fn every_field_is_read_and_written_back() {
    let parsed = Manifest::from_json(FULL).unwrap();
    assert_eq!(parsed.warnings, []);
    let manifest = parsed.manifest;
    assert_eq!(manifest.stop_timeout(), Some(Duration::from_secs(20)));
    assert_eq!(manifest.health_check().retries(), 5);
    assert_eq!(manifest.depends_on()[1].version().unwrap().to_string(), "^1.2");
    assert_eq!(manifest.listing().tags(), ["light", "garden"]);
    assert_eq!(manifest.user(), Some("1000:1000"));
    assert_eq!(Manifest::from_json_strict(&manifest.to_json()).unwrap(), manifest);
    assert_eq!(serde_json::from_str::<Manifest>(FULL).unwrap(), manifest);
    let written: Value = serde_json::from_str(&manifest.to_json()).unwrap();
    let read: Value = serde_json::from_str(FULL).unwrap();
    assert_eq!(written, read);
}

/// What a tool does not know it does not lose, to the letter.
#[test]
fn a_rewritten_manifest_keeps_what_is_unknown() {
    let unknown = [
        ("$schema", r#""../manifest.schema.json""#),
        (
            "x-build",
            "{ \"b\": 1.10, \"a\": [\n      1e2,12345678901234567890123\n    ] }",
        ),
        ("x-none", "null"),
        ("x-\\u00e4", r#""\u0041""#),
    ];
    let mut text = FULL.trim_end().trim_end_matches('}').trim_end().to_owned();
    for (key, value) in unknown {
        text += &format!(",\n  \"{key}\": {value}");
    }
    text += "\n}\n";
    let mut file = ManifestFile::from_json(&text).unwrap();
    // Editors are told of a schema in this way, and nobody is warned of it.
    assert_eq!(file.warnings().len(), unknown.len() - 1);
    let mut kept: Vec<_> = file.unknown().collect();
    let mut expected = unknown.map(|(key, value)| (if key.ends_with('4') { "x-\u{e4}" } else { key }, value));
    kept.sort_unstable();
    expected.sort_unstable();
    assert_eq!(kept, expected);

    let next = file
        .manifest()
        .to_builder()
        .version("3.0.0")
        .tag("new")
        .build()
        .unwrap();
    file.set_manifest(next);
    let again = ManifestFile::from_json(&file.to_json()).unwrap();
    assert_eq!(
        again.unknown().collect::<Vec<_>>(),
        file.unknown().collect::<Vec<_>>()
    );
    assert_eq!(again.manifest(), file.manifest());
    assert_eq!(again.manifest().version().to_string(), "3.0.0");
    assert_eq!(again.manifest().listing().tags(), ["light", "garden", "new"]);
    assert_eq!(again.to_json(), file.to_json());

    // Without anything unknown it is what the manifest writes itself.
    let file = ManifestFile::from_json(FULL).unwrap();
    assert_eq!(file.to_json(), file.manifest().to_json());
    assert_eq!(file.manifest().to_builder().build().unwrap(), *file.manifest());
    assert!(ManifestFile::from_json("{}").is_err());
}

#[test]
fn null_is_the_same_as_absent() {
    let mut value: Value = serde_json::from_str(GUIDE).unwrap();
    for key in [
        "cpu_limit",
        "volumes",
        "env_vars",
        "health_check",
        "api_port",
        "network_access",
    ] {
        value[key] = Value::Null;
    }
    let manifest = Manifest::from_json_strict(&value.to_string()).unwrap();
    assert_eq!(manifest.api_port().get(), 8000);
    assert!(manifest.network_access());
}

#[test]
fn everything_wrong_is_told_at_once() {
    let text = json!({
        "id": "My Plugin",
        "name": "",
        "version": "1",
        "image": "UPPER",
        "api_port": 0,
        "cpu_limit": "0.5",
        "memory_limit": "512mb",
        "network_access": "yes",
        "volumes": ["data", "/ok", 5],
        "env_vars": {"PORT": "1", "2X": "y", "N": 5},
        "healthcheck": {},
    })
    .to_string();
    let error = Manifest::from_json(&text).unwrap_err();
    let mut found: Vec<_> = error
        .issues()
        .iter()
        .map(|issue| (issue.pointer(), issue.code()))
        .collect();
    found.sort_unstable();
    let mut expected = vec![
        ("/id", IssueCode::InvalidValue),
        ("/name", IssueCode::InvalidValue),
        ("/version", IssueCode::InvalidValue),
        ("/description", IssueCode::MissingField),
        ("/author", IssueCode::MissingField),
        ("/image", IssueCode::InvalidValue),
        ("/api_port", IssueCode::InvalidValue),
        ("/cpu_limit", IssueCode::WrongType),
        ("/memory_limit", IssueCode::InvalidValue),
        ("/network_access", IssueCode::WrongType),
        ("/volumes/0", IssueCode::InvalidValue),
        ("/volumes/2", IssueCode::WrongType),
        ("/env_vars/2X", IssueCode::InvalidValue),
        ("/env_vars/N", IssueCode::WrongType),
        ("/env_vars/PORT", IssueCode::ReservedName),
        ("/healthcheck", IssueCode::UnknownField),
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
    let help = error
        .issues()
        .iter()
        .find(|issue| issue.pointer() == "/healthcheck")
        .unwrap()
        .help();
    assert_eq!(help, Some("did you mean `health_check`?"));
}

#[test]
fn a_manifest_is_built_in_code() {
    let manifest = Manifest::builder("lamp", "Lamp", semver::Version::new(1, 0, 0), "example/lamp:1")
        .memory_limit(MemoryLimit::from_mib(64).unwrap())
        .cpu_limit(0.5)
        .api_port(9000_u16)
        .env_var("ROOM", "hall")
        .volume("/data")
        .depends_on(PluginId::new("broker").unwrap())
        .depends_on(Dependency::new(PluginId::new("clock").unwrap()).with_version("^1".parse().unwrap()))
        .health_check(HealthCheck::default().with_retries(9).unwrap())
        .pids_limit(32_u32)
        .stop_timeout("5s")
        .build()
        .unwrap();
    assert_eq!(manifest.api_port().get(), 9000);
    assert_eq!(manifest.depends_on().len(), 2);
    assert_eq!(manifest.health_check().retries(), 9);
    assert_eq!(Manifest::from_json_strict(&manifest.to_json()).unwrap(), manifest);
}

/// Every field by its setter gives what every field in a file gives.
#[test]
fn every_field_has_a_setter() {
    let id = |text| PluginId::new(text).unwrap();
    let image = format!(
        "registry.example.com:5000/garden/light:2.1@sha256:{}",
        "a".repeat(64)
    );
    let manifest = Manifest::builder("garden-light", "Garden light", "2.1.0-rc.1", image)
        .description("Switches the lamps\nin the garden")
        .author("Example Author")
        .api_port(8080_u16)
        .cpu_limit(0.25)
        .memory_limit("64m")
        .network_access(false)
        .device_access(true)
        .dockerfile("docker/Dockerfile")
        .health_check_path("/api/health")
        .command_endpoint("/api/command")
        .status_endpoint("/api/status")
        .config_endpoint("/api/config")
        .env_var("LOG_LEVEL", "info")
        .env_var("MQTT_HOST", "broker")
        .volume("/data")
        .volume("/var/lib/light")
        .depends_on(id("clock"))
        .depends_on(Dependency::new(id("broker")).with_version("^1.2".parse().unwrap()))
        .price(9.99)
        .category("lighting")
        .tag("light")
        .tag("garden")
        .homepage("https://light.example.com")
        .license("MIT")
        .icon("icon.svg")
        .config_schema(json!({
            "type": "object",
            "properties": {"topic": {"type": "string"}, "password": {"type": "string"}}
        }))
        .secret("password")
        .device("/dev/ttyUSB0")
        .capability("NET_RAW")
        .user("1000:1000")
        .writable_rootfs(true)
        .tmpfs("/run/light")
        .pids_limit(64_u32)
        .health_check(
            HealthCheck::new(Duration::from_secs(30), Duration::from_secs(5))
                .and_then(|check| check.with_retries(5))
                .and_then(|check| check.with_start_period(Duration::from_secs(120)))
                .unwrap(),
        )
        .stop_timeout("20s")
        .restart(
            RestartPolicy::new(RestartMode::OnFailure)
                .with_pauses(Duration::from_secs(1), Duration::from_secs(300))
                .unwrap(),
        )
        .platform("^1")
        .build()
        .unwrap();
    assert_eq!(manifest, Manifest::from_json_strict(FULL).unwrap());
}

#[test]
fn a_builder_tells_everything_at_once() {
    let error = Manifest::builder("Lamp", " ", "1", "UPPER")
        .author("a\nb")
        .api_port(0_u16)
        .cpu_limit(f64::NAN)
        .memory_limit("512mb")
        .dockerfile("")
        .health_check_path("health")
        .command_endpoint("/api")
        .config_endpoint("/api")
        .status_endpoint("/metrics")
        .env_var("PORT", "1")
        .env_var("A B", "1")
        .volume("/proc")
        .volume("data")
        .depends_on(Dependency::new(PluginId::new("broker").unwrap()).with_version(">2, <1".parse().unwrap()))
        .price(-1)
        .category("")
        .tag("")
        .homepage("a\nb")
        .license("")
        .icon("\u{7}")
        .config_schema(json!({"properties": {"password": {"type": "string", "default": 5}}}))
        .secret("pasword")
        .device("/etc/shadow")
        .capability("ALL")
        .user("a b")
        .tmpfs("/dev/x")
        .pids_limit(0_u32)
        .stop_timeout("10")
        .platform("newest")
        .field("colour", json!("red"))
        .build()
        .unwrap_err();
    let mut pointers: Vec<_> = error.issues().iter().map(hap_manifest::Issue::pointer).collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/api_port",
            "/author",
            "/capabilities/0",
            "/category",
            "/colour",
            "/config_endpoint",
            #[cfg(feature = "config-schema")]
            "/config_schema/properties/password/default",
            "/cpu_limit",
            "/depends_on/0/version",
            "/devices/0",
            "/dockerfile",
            "/env_vars/A B",
            "/env_vars/PORT",
            "/health_check_path",
            "/homepage",
            "/icon",
            "/id",
            "/image",
            "/license",
            "/memory_limit",
            "/name",
            "/pids_limit",
            "/platform",
            "/price",
            "/secrets/0",
            "/status_endpoint",
            "/stop_timeout",
            "/tags/0",
            "/tmpfs/0",
            "/user",
            "/version",
            "/volumes/0",
            "/volumes/1",
        ]
    );
}

/// A manifest of the guide whose schema lists `entry` as often as fits into a text of that length.
fn with_long_schema(entry: &str, length: usize) -> String {
    let end = GUIDE.trim_end().trim_end_matches('}');
    let mut text = format!("{end}, \"config_schema\": {{\"enum\": [{entry}");
    while text.len() + entry.len() + 4 <= length {
        text.push(',');
        text.push_str(entry);
    }
    text + "]}}"
}

#[test]
fn what_is_accepted_can_be_written_and_read_again() {
    // Indented, each number would take a line of its own.
    let manifest = Manifest::from_json_strict(&with_long_schema("1", Manifest::MAX_BYTES - 1000)).unwrap();
    assert_eq!(Manifest::from_json_strict(&manifest.to_json()).unwrap(), manifest);
    assert_eq!(
        serde_json::from_value::<Manifest>(serde_json::to_value(&manifest).unwrap()).unwrap(),
        manifest
    );
}

#[test]
fn what_could_not_be_read_again_is_refused() {
    // Each number grows to `1000000000000000.0`.
    let error = Manifest::from_json(&with_long_schema("1e15", 100_000)).unwrap_err();
    assert_eq!(error.issues().len(), 1);
    let issue = &error.issues()[0];
    assert_eq!(
        (issue.code(), issue.line(), issue.column()),
        (IssueCode::TooLarge, Some(1), Some(1))
    );
    assert!(
        issue
            .message()
            .starts_with("the manifest would be written with 3"),
        "{issue}"
    );
    let builder = || Manifest::builder("lamp", "Lamp", "1.0.0", "example/lamp:1");
    let error = builder()
        .config_schema(json!({"description": "x".repeat(Manifest::MAX_BYTES)}))
        .build()
        .unwrap_err();
    assert_eq!(error.issues()[0].code(), IssueCode::TooLarge);
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let error = builder()
        .config_schema(json!({"enum": deep}))
        .build()
        .unwrap_err();
    let issue = &error.issues()[0];
    assert_eq!((issue.code(), issue.line()), (IssueCode::InvalidJson, None));
}

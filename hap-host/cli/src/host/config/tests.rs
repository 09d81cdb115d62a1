use super::*;

const SAMPLE: &str = include_str!("../../../deploy/hap.toml");
const PAGE: &str = include_str!("../../../../../docs/hap-up.md");
const SCHEMA: &str = include_str!("../../../../../docs/host-config.schema.json");

fn parse(text: &str) -> Result<HostConfig, Failure> {
    HostConfig::parse(text, Path::new("/etc/hap/hap.toml"), Path::new("/var/lib/hap"))
}

#[track_caller]
fn refused(text: &str) -> String {
    let failure = parse(text).unwrap_err();
    assert_eq!(failure.exit(), Exit::Failed);
    failure.to_string()
}

/// The sample with every key that is commented out in force.
fn whole() -> String {
    let lines = SAMPLE.lines().map(|line| match line.strip_prefix("#") {
        Some(rest) if !rest.starts_with(' ') => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_sample_is_read_as_it_is_and_with_every_key_in_force() {
    let plain = parse(SAMPLE).unwrap_or_else(|failure| panic!("{failure}"));
    let defaults = parse("").unwrap();
    assert_eq!(
        plain.to_toml(),
        defaults.to_toml(),
        "as it is, it is the defaults"
    );
    let text = whole();
    let config = parse(&text).unwrap_or_else(|failure| panic!("{failure}"));
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let known = schema["properties"].as_object().unwrap().keys();
    let lacking: Vec<_> = known
        .filter(|key| !["$schema", "state_folder"].contains(&key.as_str()))
        .filter(|key| !config.given.contains_key(*key))
        .collect();
    assert_eq!(lacking, [""; 0], "the sample lacks these keys");
    assert!(
        config.api.listen.is_some() && config.api.certificate.is_some() && config.metrics.listen.is_some()
    );
}

#[test]
fn every_key_is_on_the_page() {
    let table = ::toml::from_str::<::toml::Table>(&whole()).unwrap();
    for (key, value) in &table {
        let own = OWN.contains(&key.as_str());
        let inner = value
            .as_table()
            .filter(|_| own)
            .into_iter()
            .flat_map(|table| table.keys());
        for name in inner
            .map(|name| format!("{key}.{name}"))
            .chain((!own || !value.is_table()).then(|| key.clone()))
        {
            assert!(
                PAGE.contains(&format!("| `{name}` |")),
                "docs/hap-up.md lacks {name}"
            );
        }
    }
}

#[test]
fn the_names_of_the_supervisors_keys_are_those_of_its_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for key in schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|key| *key != "$schema")
    {
        let told = document::read::<Shape>(json!({ key: true }).to_string().as_bytes());
        assert!(told.is_ok(), "{key}: {told:?}");
    }
}

#[test]
fn what_is_printed_is_read_back_the_same() {
    for text in ["", SAMPLE, &whole()] {
        let first = parse(text).unwrap();
        let printed = first.to_toml();
        let second = parse(&printed).unwrap_or_else(|failure| panic!("{failure}\n{printed}"));
        assert_eq!(printed, second.to_toml());
        assert_eq!(
            format!("{:?}", first.supervisor),
            format!("{:?}", second.supervisor)
        );
        assert_eq!(
            (first.api, first.metrics, first.log),
            (second.api, second.metrics, second.log)
        );
        assert_eq!(first.on_exit, second.on_exit);
    }
}

#[test]
fn a_key_that_is_misspelt_is_told_with_its_line_and_the_one_that_was_meant() {
    let told = refused(
        "on_exti = \"stop\"\n\n[policy]\nnetwrok = \"by_grant\"\n\n[api]\nlissten = \"127.0.0.1:1\"\n\n[metrisc]\n",
    );
    for line in [
        "/etc/hap/hap.toml has problems:",
        "1:1: on_exti: unknown field `on_exti`; did you mean `on_exit`?",
        "4:1: policy.netwrok: unknown field `netwrok`; did you mean `network`?",
        "7:1: api.lissten: unknown field `lissten`; did you mean `listen`?",
        "9:2: metrisc: unknown field `metrisc`; did you mean `metrics`?",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert_eq!(told.lines().count(), 5, "{told}");
}

#[test]
fn a_value_that_is_wrong_is_told_with_its_line_and_what_to_write() {
    let told = refused(
        "dependency_wait = \"90\"\non_exit = \"maybe\"\n[log]\nlevel = \"loud\"\n[metrics]\nlisten = \"9464\"\n",
    );
    assert!(
        told.contains("1:1: dependency_wait: invalid duration \"90\""),
        "{told}"
    );
    assert!(told.contains("2:1: on_exit: ") && told.contains("keep"), "{told}");
    assert!(
        told.contains("4:1: log.level: ") && told.contains("info"),
        "{told}"
    );
    assert!(
        told.contains("6:1: metrics.listen: invalid address \"9464\"") && told.contains("127.0.0.1:8443"),
        "{told}"
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let told = refused("[policy]\npreset = home\n");
    assert!(told.starts_with("/etc/hap/hap.toml:2:"), "{told}");
}

#[test]
fn an_address_beyond_this_machine_needs_a_certificate_and_that_needs_a_key() {
    for (api, needed) in [
        ("listen = \"0.0.0.0:8443\"", "with a certificate alone"),
        ("listen = \"[::]:8443\"", "with a certificate alone"),
        (
            "listen = \"0.0.0.0:8443\"\ncertificate = \"a.pem\"",
            "it has no key",
        ),
        (
            "listen = \"127.0.0.1:1\"\nkey = \"a.key\"",
            "it has no certificate",
        ),
        ("certificate = \"a.pem\"\nkey = \"a.key\"", "there is no address"),
    ] {
        let told = refused(&format!("[api]\n{api}\n"));
        assert!(told.contains(needed), "{api}: {told}");
    }
    parse("[api]\nlisten = \"127.0.0.1:8090\"\n").unwrap();
    let config = parse("[api]\nlisten = \"0.0.0.0:1\"\ncertificate = \"a.pem\"\nkey = \"/b.key\"\n").unwrap();
    assert_eq!(config.api.certificate.unwrap(), Path::new("/etc/hap/a.pem"));
    assert_eq!(config.api.key.unwrap(), Path::new("/b.key"));
}

#[test]
fn the_state_folder_is_not_named_in_the_file() {
    let told = refused("state_folder = \"/tmp/x\"\n");
    assert!(told.contains("--state DIR"), "{told}");
}

#[test]
fn a_reload_tells_which_keys_need_a_restart() {
    let old = parse("events_port = 4000\n[policy]\npreset = \"home\"\n").unwrap();
    let new = parse(
        "on_exit = \"stop\"\n[policy]\npreset = \"strict\"\n[api]\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"debug\"\n",
    );
    assert_eq!(
        old.needs_restart(&new.unwrap()),
        ["api.listen", "events_port", "policy"]
    );
}

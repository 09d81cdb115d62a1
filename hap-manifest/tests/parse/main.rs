//! Every value type: what it accepts, and in which words it refuses.

mod paths;
mod permissions;
mod secrets;

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::time::Duration;

use hap_manifest::{
    ApiPort, CpuLimit, Dependency, EnvName, HealthCheck, HumanDuration, MemoryLimit, ParseError, PidsLimit,
    PluginId,
};

/// Accepted texts, each the same when displayed.
#[track_caller]
pub(crate) fn accepts<T: FromStr<Err = ParseError> + Display>(texts: &[&str]) {
    for text in texts {
        let displayed = text.parse::<T>().map(|value| value.to_string());
        assert_eq!(displayed.as_deref(), Ok(*text));
    }
}

/// Refused texts with the whole message.
#[track_caller]
pub(crate) fn refuses<T: FromStr<Err = ParseError> + Debug>(rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        let message = text.parse::<T>().map_err(|error| error.to_string());
        assert_eq!(
            message.as_ref().map_err(String::as_str).err(),
            Some(*expected),
            "{text:?} gives {message:?}"
        );
    }
}

#[test]
fn plugin_id() {
    let longest = "a".repeat(63);
    accepts::<PluginId>(&["a", "0", "porch-light", "a--b", "1-2-3", &longest]);
    refuses::<PluginId>(&[
        (
            "",
            "invalid plugin id \"\": it is empty; for example \"porch-light\"",
        ),
        (
            "A",
            "invalid plugin id \"A\": 'A' at position 1 is not one of a-z, 0-9 and '-'; try \"a\"",
        ),
        (
            "my_plugin",
            "invalid plugin id \"my_plugin\": '_' at position 3 is not one of a-z, 0-9 and '-'; try \"my-plugin\"",
        ),
        (
            "a.b",
            "invalid plugin id \"a.b\": '.' at position 2 is not one of a-z, 0-9 and '-'; try \"a-b\"",
        ),
        (
            "-a",
            "invalid plugin id \"-a\": it must begin and end with a letter or digit; try \"a\"",
        ),
        (
            "a-",
            "invalid plugin id \"a-\": it must begin and end with a letter or digit; try \"a\"",
        ),
        (
            "-",
            "invalid plugin id \"-\": it must begin and end with a letter or digit; for example \"porch-light\"",
        ),
        (
            "a\n",
            "invalid plugin id \"a\\n\": '\\n' at position 2 is not one of a-z, 0-9 and '-'; try \"a\"",
        ),
        (
            "ä",
            "invalid plugin id \"ä\": 'ä' at position 1 is not one of a-z, 0-9 and '-'; for example \"porch-light\"",
        ),
        (
            "../x",
            "invalid plugin id \"../x\": '.' at position 1 is not one of a-z, 0-9 and '-'; try \"x\"",
        ),
    ]);
    let long = "b".repeat(64);
    let expected = format!(
        "invalid plugin id \"{}\"...: it has 64 characters, at most 63 are allowed; try \"{}\"",
        "b".repeat(60),
        "b".repeat(63)
    );
    refuses::<PluginId>(&[(&long, &expected)]);
}

#[test]
fn memory_limit() {
    accepts::<MemoryLimit>(&[
        "6m",
        "64m",
        "1g",
        "6291457b",
        "6145k",
        "8796093022207m",
        "9223372036854775807b",
    ]);
    for (text, bytes, displayed) in [
        ("6291456", 6_291_456, "6m"),
        ("6291456B", 6_291_456, "6m"),
        ("512M", 536_870_912, "512m"),
        ("1024m", 1_073_741_824, "1g"),
        ("6144K", 6_291_456, "6m"),
        ("0064m", 67_108_864, "64m"),
    ] {
        let limit: MemoryLimit = text.parse().unwrap();
        assert_eq!(
            (limit.bytes(), limit.to_string().as_str()),
            (bytes, displayed),
            "{text}"
        );
    }
    assert_eq!(MemoryLimit::MIN.bytes(), 6 * 1024 * 1024);
    assert_eq!(MemoryLimit::from_mib(6), Ok(MemoryLimit::MIN));
    refuses::<MemoryLimit>(&[
        (
            "",
            "invalid memory limit \"\": it must begin with a digit; write for example \"512m\" or \"1g\"",
        ),
        (
            "m",
            "invalid memory limit \"m\": it must begin with a digit; write for example \"512m\" or \"1g\"",
        ),
        (
            "-1g",
            "invalid memory limit \"-1g\": it must begin with a digit; write for example \"512m\" or \"1g\"",
        ),
        (
            "+1g",
            "invalid memory limit \"+1g\": it must begin with a digit; write for example \"512m\" or \"1g\"",
        ),
        (
            " 1g",
            "invalid memory limit \" 1g\": it must begin with a digit; write for example \"512m\" or \"1g\"",
        ),
        (
            "1.5g",
            "invalid memory limit \"1.5g\": it must be a whole number; use a smaller unit, such as \"1536m\" for one and a half gibibytes",
        ),
        (
            "512mb",
            "invalid memory limit \"512mb\": the unit must be one of b, k, m and g; write \"512m\"",
        ),
        (
            "1GiB",
            "invalid memory limit \"1GiB\": the unit must be one of b, k, m and g; write \"1g\"",
        ),
        (
            "64Ki",
            "invalid memory limit \"64Ki\": the unit must be one of b, k, m and g; write \"64k\"",
        ),
        (
            "64 m",
            "invalid memory limit \"64 m\": the unit must be one of b, k, m and g; write \"64m\"",
        ),
        (
            "1t",
            "invalid memory limit \"1t\": the unit must be one of b, k, m and g; write for example \"512m\" or \"1g\"",
        ),
        (
            "1e3",
            "invalid memory limit \"1e3\": the unit must be one of b, k, m and g; write for example \"512m\" or \"1g\"",
        ),
        (
            "512 MB",
            "invalid memory limit \"512 MB\": the unit must be one of b, k, m and g; write \"512m\"",
        ),
        (
            "512",
            "invalid memory limit \"512\": without a unit it counts bytes, and 6 MiB is the least a container can run with; write \"512m\"",
        ),
        (
            "0",
            "invalid memory limit \"0\": it is less than 6 MiB, the least a container can run with; write at least \"6m\"",
        ),
        (
            "6143k",
            "invalid memory limit \"6143k\": it is less than 6 MiB, the least a container can run with; write at least \"6m\"",
        ),
        (
            "9223372036854775808",
            "invalid memory limit \"9223372036854775808\": it is more than 9223372036854775807 bytes",
        ),
        (
            "99999999999g",
            "invalid memory limit \"99999999999g\": it is more than 9223372036854775807 bytes",
        ),
        (
            "0000000000000000000064m",
            "invalid memory limit \"0000000000000000000064m\": it is too long; write for example \"512m\" or \"1g\"",
        ),
    ]);
    assert_eq!(
        MemoryLimit::from_mib(5).unwrap_err().to_string(),
        "invalid memory limit \"5m\": it is less than 6 MiB, the least a container can run with; write at least \"6m\""
    );
    assert!(MemoryLimit::from_bytes(u64::MAX).is_err());
}

#[test]
fn cpu_limit() {
    for (cores, nano_cpus) in [
        (0.01, 10_000_000),
        (0.1, 100_000_000),
        (0.5, 500_000_000),
        (1.0, 1_000_000_000),
        (512.0, 512_000_000_000),
    ] {
        let limit = CpuLimit::from_cores(cores).unwrap();
        assert_eq!((limit.nano_cpus(), limit.as_cores()), (nano_cpus, cores));
        assert_eq!(CpuLimit::from_nano_cpus(nano_cpus), Ok(limit));
    }
    let range = "it must be from 0.01 to 512 cores; write for example 0.5 for half a core";
    for (cores, found) in [
        (0.0, "0"),
        (-1.0, "-1"),
        (0.009, "0.009"),
        (512.1, "512.1"),
        (f64::MAX, &f64::MAX.to_string()),
    ] {
        let message = CpuLimit::from_cores(cores).unwrap_err().to_string();
        assert_eq!(message, format!("invalid CPU limit {found}: {range}"));
    }
    for cores in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let message = CpuLimit::from_cores(cores).unwrap_err().to_string();
        assert_eq!(
            message,
            format!("invalid CPU limit {cores}: it is not a finite number")
        );
    }
    assert!(CpuLimit::from_nano_cpus(0).is_err());
    let json = |cores| serde_json::to_string(&CpuLimit::from_cores(cores).unwrap()).unwrap();
    assert_eq!((json(2.0), json(0.5)), ("2".to_owned(), "0.5".to_owned()));
}

#[test]
fn numbers() {
    assert_eq!(ApiPort::new(65535).map(ApiPort::get), Ok(65535));
    assert_eq!(
        ApiPort::new(0).unwrap_err().to_string(),
        "invalid port 0: it must be from 1 to 65535; 8000 is the default"
    );
    assert_eq!(
        serde_json::from_str::<ApiPort>("65536").unwrap_err().to_string(),
        "invalid port 65536: it must be from 1 to 65535; 8000 is the default"
    );
    assert_eq!(
        serde_json::from_str::<ApiPort>("-1").unwrap_err().to_string(),
        "invalid port -1: it must be from 1 to 65535; 8000 is the default"
    );
    assert_eq!(serde_json::to_string(&ApiPort::default()).unwrap(), "8000");
    assert_eq!(PidsLimit::new(1).map(PidsLimit::get), Ok(1));
    assert_eq!(PidsLimit::new(32768).map(PidsLimit::get), Ok(32768));
    for (pids, found) in [(0, "0"), (32769, "32769"), (u32::MAX, "4294967295")] {
        assert_eq!(
            PidsLimit::new(pids).unwrap_err().to_string(),
            format!(
                "invalid process limit {found}: it must be from 1 to 32768; leave it out for the host's default"
            )
        );
    }
    assert_eq!(
        serde_json::from_str::<PidsLimit>("-1").unwrap_err().to_string(),
        "invalid process limit -1: it must be from 1 to 32768; leave it out for the host's default"
    );
}

#[test]
fn human_duration() {
    accepts::<HumanDuration>(&["0s", "500ms", "1001ms", "10s", "90s", "2m", "61m", "1h", "24h"]);
    for (text, displayed) in [
        ("0h", "0s"),
        ("1000ms", "1s"),
        ("60s", "1m"),
        ("60m", "1h"),
        ("86400s", "24h"),
        ("007s", "7s"),
    ] {
        assert_eq!(text.parse::<HumanDuration>().unwrap().to_string(), displayed);
    }
    refuses::<HumanDuration>(&[
        (
            "",
            "invalid duration \"\": it must begin with a digit; write for example \"10s\"",
        ),
        (
            "s",
            "invalid duration \"s\": it must begin with a digit; write for example \"10s\"",
        ),
        (
            "-1s",
            "invalid duration \"-1s\": it must begin with a digit; write for example \"10s\"",
        ),
        (
            "10",
            "invalid duration \"10\": it has no unit; write \"10s\" for seconds",
        ),
        (
            "1.5s",
            "invalid duration \"1.5s\": the unit must be one of ms, s, m and h; write a whole number and one unit, for example \"500ms\" or \"90s\"",
        ),
        (
            "1m30s",
            "invalid duration \"1m30s\": the unit must be one of ms, s, m and h; write a whole number and one unit, for example \"500ms\" or \"90s\"",
        ),
        (
            "1d",
            "invalid duration \"1d\": the unit must be one of ms, s, m and h; write a whole number and one unit, for example \"500ms\" or \"90s\"",
        ),
        ("25h", "invalid duration \"25h\": it is more than 24h"),
        (
            "99999999999999999999s",
            "invalid duration \"99999999999999999999s\": it is more than 24h",
        ),
        (
            "0000000000000000000000001s",
            "invalid duration \"0000000000000000000000001s\": it is too long; write for example \"10s\"",
        ),
    ]);
    let from = |duration: Duration| HumanDuration::try_from(duration).map_err(|error| error.to_string());
    assert_eq!(from(Duration::from_millis(1500)).unwrap().to_string(), "1500ms");
    assert_eq!(
        from(Duration::from_micros(1500)).unwrap_err(),
        "invalid duration \"1.5ms\": it is not a whole number of milliseconds"
    );
    assert!(
        from(Duration::MAX - Duration::from_nanos(999_999_999))
            .unwrap_err()
            .ends_with("it is more than 24h")
    );
}

#[test]
fn env_name() {
    accepts::<EnvName>(&["A", "_", "mqtt_host", "A1", "A-B", "log.level", "_."]);
    let help = "use letters, digits and '_', for example \"MQTT_HOST\"";
    for (text, rule) in [
        ("", "it is empty"),
        ("1A", "it must not begin with a digit"),
        (
            "A=B",
            "'=' at position 2 is not a letter, a digit, '_', '.' or '-'",
        ),
        ("-A", "it must begin with a letter or '_'"),
        (".", "it must begin with a letter or '_'"),
        (
            " A",
            "' ' at position 1 is not a letter, a digit, '_', '.' or '-'",
        ),
        (
            "A\0",
            "'\\0' at position 2 is not a letter, a digit, '_', '.' or '-'",
        ),
        ("Ä", "'Ä' at position 1 is not a letter, a digit, '_', '.' or '-'"),
    ] {
        refuses::<EnvName>(&[(
            text,
            &format!("invalid environment variable name {text:?}: {rule}; {help}"),
        )]);
    }
    let long = "A".repeat(256);
    let shown = "A".repeat(60);
    refuses::<EnvName>(&[(
        &long,
        &format!(
            "invalid environment variable name \"{shown}\"...: it has 256 characters, at most 255 are allowed; {help}"
        ),
    )]);
    accepts::<EnvName>(&[&long[..255]]);
    assert!(!"port".parse::<EnvName>().unwrap().is_reserved());
}

#[test]
fn health_check() {
    let second = Duration::from_secs(1);
    let default = HealthCheck::default();
    assert_eq!((default.interval(), default.timeout()), (10 * second, 3 * second));
    assert_eq!((default.retries(), default.start_period()), (3, 60 * second));
    let message = |result: Result<HealthCheck, ParseError>| result.unwrap_err().to_string();
    assert_eq!(
        message(HealthCheck::new(5 * second, 5 * second)),
        "invalid health check timeout 5s: it must be shorter than the interval, 5s; write a shorter timeout or a longer interval"
    );
    assert_eq!(
        message(default.with_interval(Duration::from_millis(999))),
        "invalid health check interval 999ms: it must be at least 1s; write for example \"10s\""
    );
    assert_eq!(
        message(default.with_timeout(Duration::ZERO)),
        "invalid health check timeout 0s: it must be more than 0; write for example \"3s\""
    );
    assert_eq!(
        message(default.with_retries(101)),
        "invalid health check retries 101: it must be from 1 to 100; 3 is the default"
    );
    assert_eq!(
        message(default.with_start_period(25 * 3600 * second)),
        "invalid duration \"90000s\": it is more than 24h"
    );
}

#[test]
fn values_are_displayed_with_padding_and_sorted() {
    let id = PluginId::new("b").unwrap();
    assert_eq!(format!("[{id:>3}]"), "[  b]");
    assert!(PluginId::new("a").unwrap() < id);
    assert_eq!(Dependency::from(id.clone()).id(), &id);
}

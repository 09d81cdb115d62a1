//! What must hold for any input.

#![expect(
    clippy::unwrap_used,
    reason = "a strategy that makes a bad value fails as the test itself does"
)]

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use hap_manifest::webhook;
use hap_manifest::wire::{CommandRequest, CommandResponse, EventBody, HealthReport, StatusReport, WireError};
use hap_manifest::{
    Capability, ContainerUser, CpuLimit, Dependency, DevicePath, DockerfilePath, EndpointPath, EnvName,
    HumanDuration, ImageRef, Manifest, MemoryLimit, ParseError, PluginId, TraceParent, VolumePath,
    WebhookSecret,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Whatever is accepted is the same after it was displayed and read, and in JSON.
fn survives<T>(text: &str)
where
    T: FromStr<Err = ParseError> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse::<T>().as_ref(), Ok(&value));
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value);
    }
}

/// Texts that are often accepted, and often just not.
fn near_valid() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z0-9A-Z_-]{0,6}",
        "/?[a-z.]{0,3}(/[a-z.~%]{0,3}){0,3}",
        "[0-9]{0,20}(ms|s|m|h|b|k|g|M|G|x)?",
        "([a-z.]{0,4}(:[0-9]{1,3})?/)?[a-z_./-]{0,8}(:[A-Za-z0-9._-]{0,4})?(@sha256:[0-9a-f]{64})?",
        "(/dev/)?[a-zA-Z0-9/]{0,6}",
        "(CAP_)?[A-Z_]{0,6}",
    ]
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let id = "[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?";
    let paths = proptest::collection::btree_set("/data/[a-z]{1,8}", 0..4);
    let env = proptest::collection::btree_map("[A-Z]{3}_[A-Z0-9]{0,5}", any::<String>(), 0..4);
    let dependencies = proptest::collection::btree_map("dep-[a-z0-9]{1,5}", any::<Option<u8>>(), 0..3);
    let limits = (
        6_u32..100_000,
        10_000_000_u64..=512_000_000_000,
        1_u32..=32_768,
        0_u32..86_400_000,
    );
    (
        id,
        // No code points that show nothing: not those of C (Cf is one of them), no separators of lines, no
        // default ignorables, of which some are marks and letters.
        "[^\\pC\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}]{0,9}x",
        any::<[u16; 3]>(),
        limits,
        env,
        paths,
        dependencies,
        any::<[bool; 3]>(),
        any::<f64>(),
    )
        .prop_map(
            |(id, name, version, (mib, nano_cpus, pids, millis), env, paths, dependencies, flags, number)| {
                let [major, minor, patch] = version.map(u64::from);
                let mut builder =
                    Manifest::builder(id, name, semver::Version::new(major, minor, patch), "example/x:1")
                        .memory_limit(MemoryLimit::from_mib(mib).unwrap())
                        .cpu_limit(CpuLimit::from_nano_cpus(nano_cpus).unwrap())
                        .pids_limit(pids)
                        .stop_timeout(format!("{millis}ms"))
                        .network_access(flags[0])
                        .device_access(flags[1])
                        .writable_rootfs(flags[2])
                        .config_schema(serde_json::json!({"default": number}));
                for (name, value) in env {
                    builder = builder.env_var(name, value.replace('\0', ""));
                }
                for path in paths {
                    builder = builder.volume(path);
                }
                for (id, major) in dependencies {
                    let dependency = Dependency::new(PluginId::new(id).unwrap());
                    builder = builder.depends_on(match major {
                        Some(major) => dependency.with_version(format!("^{major}").parse().unwrap()),
                        None => dependency,
                    });
                }
                builder.build().unwrap()
            },
        )
}

fn secret() -> impl Strategy<Value = WebhookSecret> {
    proptest::collection::vec(any::<u8>(), 24..=64)
        .prop_map(|bytes| WebhookSecret::from_bytes(&bytes).unwrap())
}

proptest! {
    #[test]
    fn values_survive_their_text(text in near_valid()) {
        survives::<PluginId>(&text);
        survives::<ImageRef>(&text);
        survives::<MemoryLimit>(&text);
        survives::<HumanDuration>(&text);
        survives::<EndpointPath>(&text);
        survives::<VolumePath>(&text);
        survives::<DockerfilePath>(&text);
        survives::<EnvName>(&text);
        survives::<DevicePath>(&text);
        survives::<Capability>(&text);
        survives::<ContainerUser>(&text);
    }

    #[test]
    fn an_image_is_made_of_its_parts(text in near_valid()) {
        if let Ok(image) = text.parse::<ImageRef>() {
            let registry = image.registry().map(|r| format!("{r}/")).unwrap_or_default();
            let tag = image.tag().map(|t| format!(":{t}")).unwrap_or_default();
            let digest = image.digest().map(|d| format!("@{d}")).unwrap_or_default();
            prop_assert_eq!(format!("{registry}{}{tag}{digest}", image.repository()), text);
        }
    }

    #[test]
    fn memory_limits_are_exact(bytes in 6_291_456_u64..=i64::MAX.unsigned_abs()) {
        let limit = MemoryLimit::from_bytes(bytes).unwrap();
        prop_assert_eq!(limit.to_string().parse::<MemoryLimit>().unwrap().bytes(), bytes);
    }

    #[test]
    fn cpu_limits_are_exact(nano_cpus in 10_000_000_u64..=512_000_000_000) {
        let limit = CpuLimit::from_nano_cpus(nano_cpus).unwrap();
        prop_assert_eq!(CpuLimit::from_cores(limit.as_cores()).unwrap(), limit);
        let json = serde_json::to_string(&limit).unwrap();
        prop_assert_eq!(serde_json::from_str::<CpuLimit>(&json).unwrap(), limit);
    }

    #[test]
    fn a_manifest_survives_its_json(manifest in manifest()) {
        let text = manifest.to_json();
        prop_assert_eq!(&Manifest::from_json_strict(&text).unwrap(), &manifest);
        let value = serde_json::to_value(&manifest).unwrap();
        prop_assert_eq!(&serde_json::from_value::<Manifest>(value).unwrap(), &manifest);
    }

    #[test]
    fn any_text_is_judged_without_a_panic(text: String) {
        let error = Manifest::from_json(&text).unwrap_err();
        prop_assert!(!error.issues().is_empty());
        prop_assert!(!error.render(&text).is_empty());
    }

    /// A good manifest with one value replaced by something else: every issue has a place in the text.
    #[test]
    fn every_issue_of_a_text_has_a_place(at: prop::sample::Index, with in any::<Option<Result<i64, String>>>(), list: bool) {
        let mut object: serde_json::Map<String, Value> =
            serde_json::from_str(include_str!("fixtures/full.json")).unwrap();
        let keys: Vec<_> = object.keys().cloned().collect();
        let value = match with {
            None => Value::Null,
            Some(Ok(number)) => number.into(),
            Some(Err(text)) => text.into(),
        };
        object.insert(at.get(&keys).clone(), if list { Value::Array(vec![value]) } else { value });
        let text = serde_json::to_string_pretty(&object).unwrap();
        let issues = match Manifest::from_json(&text) {
            Ok(parsed) => parsed.warnings,
            Err(error) => error.issues().to_vec(),
        };
        let lines = text.lines().count();
        for issue in issues {
            let line = issue.line().unwrap() as usize;
            prop_assert!((1..=lines).contains(&line), "{}", issue);
            prop_assert!(issue.column().is_some());
        }
    }

    #[test]
    fn what_is_signed_is_verified(secret in secret(), id in "[a-z0-9_-]{1,40}", seconds in 0_u64..4_000_000_000, body: Vec<u8>) {
        let now = UNIX_EPOCH + Duration::from_secs(seconds);
        let signature = webhook::sign(&secret, &id, now, &body);
        prop_assert_eq!(webhook::verify(&[secret], &id, &seconds.to_string(), &signature, &body, now), Ok(()));
    }

    #[test]
    fn what_was_tampered_with_is_refused(
        secret in secret(), other in secret(), seconds in 0_u64..4_000_000_000,
        body in proptest::collection::vec(any::<u8>(), 1..50), at: prop::sample::Index, flip in 1_u8..,
    ) {
        let now = UNIX_EPOCH + Duration::from_secs(seconds);
        let signature = webhook::sign(&secret, "id", now, &body);
        let stamp = seconds.to_string();
        let secrets = std::slice::from_ref(&secret);
        let verify = |secrets, id: &str, stamp: &str, signature: &str, body: &[u8]| {
            webhook::verify(secrets, id, stamp, signature, body, now).is_ok()
        };
        let mut changed = body.clone();
        *at.get_mut(&mut changed) ^= flip;
        prop_assert!(!verify(secrets, "id", &stamp, &signature, &changed));
        prop_assert!(!verify(secrets, "id2", &stamp, &signature, &body));
        prop_assert!(!verify(secrets, "id", &(seconds + 1).to_string(), &signature, &body));
        let mut text = signature.clone().into_bytes();
        *at.get_mut(&mut text) ^= flip;
        if let Ok(text) = String::from_utf8(text) {
            prop_assert!(!verify(secrets, "id", &stamp, &text, &body));
        }
        if secret.expose() != other.expose() {
            prop_assert!(!verify(&[other], "id", &stamp, &signature, &body));
        }
    }

    #[test]
    fn secrets_survive_their_text_and_stay_out_of_debug(secret in secret()) {
        let text = secret.expose();
        prop_assert_eq!(text.parse::<WebhookSecret>().unwrap().expose(), text);
        prop_assert_eq!(format!("{:?}", secret), "WebhookSecret([REDACTED])");
    }

    #[test]
    fn trace_parents_survive_their_text(trace: [u8; 16], span: [u8; 8], sampled: bool, text: String) {
        let parent = TraceParent::new(trace, span, sampled);
        prop_assert_eq!(TraceParent::parse(&parent.to_string()), Some(parent));
        prop_assert_eq!(parent.child(span).trace_id(), parent.trace_id());
        if let Some(parsed) = TraceParent::parse(&text) {
            prop_assert_eq!(TraceParent::parse(&parsed.to_string()), Some(parsed));
        }
    }

    #[test]
    fn bodies_from_the_network_never_panic(body: Vec<u8>) {
        let _ = EventBody::from_slice(&body);
        let _ = serde_json::from_slice::<CommandRequest>(&body);
        let _ = serde_json::from_slice::<CommandResponse>(&body);
        let _ = serde_json::from_slice::<HealthReport>(&body);
        let _ = serde_json::from_slice::<StatusReport>(&body);
        let _ = serde_json::from_slice::<WireError>(&body);
    }
}

use hap_manifest::{
    Manifest,
    package::{Dockerfile, PackageKey},
    permission::{Permission, requested},
};
use proptest::prelude::*;

use super::violation::PolicyViolation;
use super::*;
use crate::{
    engine::spec::ResourceLimits,
    model::grants::{Admission, InstallOrigin},
};

fn manifest(extra: &str) -> Manifest {
    let text = format!(
        r#"{{"id":"light","name":"Light","version":"1.0.0","description":"d","author":"a",
            "image":"light:1","api_port":8000{extra}}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}

const GREEDY: &str = r#","device_access":true,"devices":["/dev/ttyUSB0"],"capabilities":["NET_RAW"],"user":"0:0",
    "writable_rootfs":true,"memory_limit":"4g","cpu_limit":8,"pids_limit":5000"#;

fn words(policy: &Policy, manifest: &Manifest, granted: &[Permission]) -> Vec<String> {
    let refusals = policy.evaluate(manifest, granted);
    refusals.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_written_in_this_file_is_well_formed() {
    let policy = Policy::default();
    assert_eq!(policy.denied_devices.len(), DENIED_DEVICES.len());
    assert_eq!(policy.denied_capabilities.len(), DENIED_CAPABILITIES.len());
}

#[test]
fn a_plugin_that_asks_for_nothing_special_may_run_under_the_default() {
    for extra in [
        "",
        r#","user":"65534""#,
        r#","memory_limit":"1g""#,
        r#","network_access":true"#,
    ] {
        assert_eq!(
            words(&Policy::default(), &manifest(extra), &[]),
            [""; 0],
            "{extra}"
        );
    }
}

#[test]
fn everything_that_was_not_granted_is_told_at_once_and_is_all_that_a_grant_takes() {
    let manifest = manifest(GREEDY);
    let refusals = Policy::default().evaluate(&manifest, &[]);
    let asked: Vec<_> = refusals
        .iter()
        .filter_map(PolicyViolation::missing_permission)
        .cloned()
        .collect();
    let beyond_network: Vec<_> = requested(&manifest)
        .into_iter()
        .filter(|permission| *permission != Permission::Network)
        .collect();
    assert_eq!(asked, beyond_network);
    assert_eq!(asked.len(), refusals.len());
    assert_eq!(words(&Policy::default(), &manifest, &asked), [""; 0]);
}

#[test]
fn a_maximum_holds_whatever_was_granted_and_names_both_values() {
    let manifest = manifest(r#","memory_limit":"4g","cpu_limit":8,"pids_limit":5000"#);
    let policy = Policy::development()
        .max_memory("2g".parse().unwrap())
        .max_cpu(CpuLimit::from_cores(1.5).unwrap())
        .max_processes(PidsLimit::new(100).unwrap());
    assert_eq!(
        words(&policy, &manifest, &requested(&manifest)),
        [
            "wants a memory limit of 4g, and this host gives at most 2g",
            "wants a CPU limit of 8 cores, and this host gives at most 1.5",
            "wants up to 5000 processes, and this host gives at most 100",
        ]
    );
}

#[test]
fn no_limit_is_above_the_maximum_and_none_is_raised_to_it() {
    let limits = ResourceLimits::new(256 << 20, 1_000_000_000, 256);
    let small = Policy::default()
        .max_memory("128m".parse().unwrap())
        .max_cpu(CpuLimit::from_cores(0.5).unwrap())
        .max_processes(PidsLimit::new(64).unwrap());
    assert_eq!(
        small.clamp(limits),
        ResourceLimits::new(128 << 20, 500_000_000, 64)
    );
    let large = Policy::default().max_memory("8g".parse().unwrap());
    assert_eq!(large.clamp(limits), limits);
    assert_eq!(Policy::default().clamp(limits), limits);
}

#[test]
fn what_amounts_to_owning_the_machine_cannot_be_granted() {
    let manifest = manifest(
        r#","device_access":true,"devices":["/dev/sda1","/dev/disk/by-id/x","/dev/ttyS0"],
           "capabilities":["SYS_ADMIN","CAP_BPF","NET_RAW"]"#,
    );
    for policy in [Policy::default(), Policy::development()] {
        let refused = policy.evaluate(&manifest, &requested(&manifest));
        let denied: Vec<_> = refused.iter().map(ToString::to_string).collect();
        assert_eq!(denied.len(), 4, "{denied:?}");
        for (one, name) in denied
            .iter()
            .zip(["BPF", "SYS_ADMIN", "/dev/disk/by-id/x", "/dev/sda1"])
        {
            assert!(one.contains(name) && one.ends_with("gives to no plugin"), "{one}");
        }
    }
}

#[test]
fn a_rule_of_its_own_comes_before_the_rule_of_its_kind() {
    let asks = manifest(
        r#","device_access":true,"devices":["/dev/ttyUSB0","/dev/ttyUSB1"],"capabilities":["NET_RAW","SYS_TIME"]"#,
    );
    let policy = Policy::strict()
        .network(Access::Allowed)
        .allow_device("/dev/ttyUSB*".parse().unwrap())
        .deny_device("/dev/ttyUSB1".parse().unwrap())
        .allow_capability("NET_RAW".parse().unwrap());
    let refused = words(&policy, &asks, &requested(&asks));
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(
        refused[0].contains("SYS_TIME") && refused[1].contains("/dev/ttyUSB1"),
        "{refused:?}"
    );
    let policy = policy.allow_capability("SYS_TIME".parse().unwrap());
    assert_eq!(words(&policy, &asks, &[]).len(), 1);
    let policy = policy.deny_capability("NET_RAW".parse().unwrap());
    assert_eq!(words(&policy, &asks, &[]).len(), 2);
}

#[test]
fn the_strict_policy_gives_nothing_beyond_the_default() {
    let modest = manifest(r#","network_access":false,"user":"1000","memory_limit":"512m""#);
    assert_eq!(words(&Policy::strict(), &modest, &[]), [""; 0]);
    let greedy = manifest(GREEDY);
    let refused = words(&Policy::strict(), &greedy, &requested(&greedy));
    assert_eq!(refused.len(), requested(&greedy).len());
    let told = words(&Policy::strict().own_user(false), &modest, &[]);
    assert!(told.len() == 1 && told[0].contains("\"1000\""), "{told:?}");
}

#[test]
fn an_image_is_judged_by_where_it_comes_from_and_a_build_by_whether_it_may_be() {
    let policy = Policy::default()
        .allow_images("ghcr.io/acme".parse().unwrap())
        .local_builds(false);
    let manifest = manifest("");
    let pulled = Admission::new(InstallOrigin::Image, [], &manifest);
    let built = Admission::new(InstallOrigin::Build, [], &manifest);
    let told = policy.judge(&manifest, &pulled);
    assert!(matches!(&told[..], [PolicyViolation::Image { .. }]), "{told:?}");
    assert!(told[0].to_string().contains("ghcr.io/acme"), "{}", told[0]);
    assert_eq!(policy.judge(&manifest, &built), [PolicyViolation::LocalBuild]);
    assert_eq!(policy.local_builds(true).judge(&manifest, &built), []);
}

fn dockerfile(text: &str) -> Dockerfile {
    Dockerfile::read(text.as_bytes())
}

#[test]
fn a_build_that_does_more_than_copy_takes_a_grant_and_one_that_copies_takes_none() {
    let copies = dockerfile("FROM scratch\nCOPY a /a\n");
    let runs = dockerfile("FROM alpine:3\nRUN id\n");
    let build = [Permission::Build];
    let told = |policy: &Policy, dockerfile, granted: &[_]| policy.evaluate_build(dockerfile, granted);
    let default = Policy::default();
    assert_eq!(told(&default, &copies, &[]), []);
    let missing = told(&default, &runs, &[]);
    assert_eq!(
        missing
            .iter()
            .filter_map(PolicyViolation::missing_permission)
            .collect::<Vec<_>>(),
        [&Permission::Build]
    );
    assert!(
        missing[0].to_string().contains("run its author's program"),
        "{}",
        missing[0]
    );
    assert_eq!(told(&default, &runs, &build), []);
    assert_eq!(told(&Policy::development(), &runs, &[]), []);
    let denied = Policy::strict().local_builds(true);
    assert_eq!(told(&denied, &copies, &[]), []);
    assert!(matches!(
        told(&denied, &runs, &build)[..],
        [PolicyViolation::Denied { .. }]
    ));
    // A grant for something else is none for this.
    assert_eq!(
        told(&default, &runs, &[Permission::Network, Permission::Root]).len(),
        1
    );
}

#[test]
fn a_build_takes_images_only_from_where_they_may_come_from_and_faults_are_built_by_no_grant() {
    let policy = Policy::development().allow_images("ghcr.io/acme".parse().unwrap());
    let images = dockerfile(
        "FROM ghcr.io/acme/base:1 AS b\nFROM private/app:1 AS p\nCOPY --from=docker.io/x/y /a /a\n",
    );
    let told: Vec<_> = policy
        .evaluate_build(&images, &[])
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("private/app:1") && told[1].contains("docker.io/x/y"),
        "{told:?}"
    );
    assert!(told[0].contains("may come from ghcr.io/acme"), "{told:?}");
    let fetches = dockerfile("FROM scratch\nADD http://127.0.0.1/ /a\n");
    let told = Policy::development().evaluate_build(&fetches, &[Permission::Build]);
    assert!(
        matches!(&told[..], [PolicyViolation::Dockerfile { line: 2, .. }]),
        "{told:?}"
    );
}

#[test]
fn where_packages_have_to_be_signed_what_is_pulled_need_not_be() {
    let key: PackageKey = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
        .parse()
        .unwrap();
    let manifest = manifest("");
    let told = |policy: &Policy, origin| policy.judge(&manifest, &Admission::new(origin, [], &manifest));
    let policy = Policy::default().unsigned_packages(false);
    assert_eq!(told(&policy, InstallOrigin::Image), []);
    assert_eq!(told(&policy, InstallOrigin::Build), [PolicyViolation::Unsigned]);
    let unknown = PolicyViolation::UnknownKey { key: key.id() };
    assert_eq!(
        told(&policy, InstallOrigin::Signed(key)),
        std::slice::from_ref(&unknown)
    );
    assert_eq!(
        told(&policy.clone().trust_key(key), InstallOrigin::Signed(key)),
        []
    );
    assert_eq!(told(&Policy::default(), InstallOrigin::Signed(key)), []);
    // A signature makes up for nothing else.
    let both = told(&policy.local_builds(false), InstallOrigin::Signed(key));
    assert_eq!(both, [PolicyViolation::LocalBuild, unknown]);
}

#[test]
fn a_grant_for_what_nobody_asks_for_is_not_kept_for_a_later_version() {
    let old = manifest("");
    let grants = [Permission::WritableRoot, Permission::Network, Permission::Network];
    let admission = Admission::new(InstallOrigin::Image, grants, &old);
    assert_eq!(admission.granted(), [Permission::Network]);
    let new = manifest(r#","writable_rootfs":true"#);
    assert_eq!(Policy::default().judge(&new, &admission).len(), 1);
}

#[test]
fn a_refusal_can_be_shown_by_a_program() {
    let refusals = Policy::default().evaluate(&manifest(r#","writable_rootfs":true"#), &[]);
    let json = serde_json::to_value(&refusals).unwrap();
    assert_eq!(
        json,
        serde_json::json!([{"reason": "not_granted", "permission": {"kind": "writable_root"}}])
    );
}

fn access() -> impl Strategy<Value = Access> {
    prop_oneof![Just(Access::Allowed), Just(Access::ByGrant), Just(Access::Denied)]
}

proptest! {
    /// More grants never lead to more refusals, and a stricter rule never to fewer.
    #[test]
    fn grants_only_add_and_rules_only_take(
        rules in prop::collection::vec(access(), 6),
        chosen in prop::collection::vec(any::<bool>(), 12),
    ) {
        let manifest = manifest(GREEDY);
        let asked = requested(&manifest);
        let some: Vec<_> = asked.iter().zip(&chosen).filter(|(_, chosen)| **chosen).map(|(p, _)| p.clone()).collect();
        let policy = Policy::default()
            .resources(rules[0]).network(rules[1]).writable_rootfs(rules[2])
            .root(rules[3]).devices(rules[4]).capabilities(rules[5]);
        let count = |policy: &Policy, grants: &[Permission]| policy.evaluate(&manifest, grants).len();
        prop_assert!(count(&policy, &asked) <= count(&policy, &some));
        prop_assert!(count(&policy, &some) <= count(&policy, &[]));
        prop_assert!(count(&Policy::development(), &some) <= count(&policy, &some));
        prop_assert!(count(&policy, &some) <= count(&Policy::strict(), &some));
    }
}

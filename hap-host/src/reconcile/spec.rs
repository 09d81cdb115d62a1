use hap_manifest::{Manifest, env};
use sha2::{Digest, Sha256};

use crate::{
    engine::{
        instance::InstanceName,
        labels,
        naming::{container_name, hex, volume_name},
        spec::{ContainerSpec, DeviceAccess, EnvVar, NetworkMode, TmpfsMount, VolumeMount},
    },
    model::{
        keys::PluginKeys,
        limits::{DefaultLimits, LimitOverrides},
        overrides::Choices,
    },
    policy::Policy,
};

/// What a container's spec is made from.
#[derive(Debug)]
pub(crate) struct SpecInputs<'a> {
    pub manifest: &'a Manifest,
    pub instance: &'a InstanceName,
    /// The image's id, or its reference where the engine knows no ids.
    pub image: &'a str,
    pub limits: &'a DefaultLimits,
    /// What the operator says instead of the manifest.
    pub overrides: &'a LimitOverrides,
    pub policy: &'a Policy,
    /// Base URL of the platform as the plugin sees it.
    pub platform_url: &'a str,
    pub keys: &'a PluginKeys,
    pub choices: &'a Choices,
    /// The number that is only the plugin's, for one that has such a number.
    pub own_number: Option<u32>,
    pub program: Option<&'a std::path::Path>,
    pub outlives_host: bool,
    /// The engine's runtime; `None` is its default.
    pub runtime: Option<&'a str>,
}

/// Size of a memory file system that the manifest asks for.
const TMPFS_BYTES: u64 = 64 << 20;

/// Makes the whole spec of a plugin's container, its digest among the labels.
pub(crate) fn container_spec(inputs: &SpecInputs<'_>) -> ContainerSpec {
    let manifest = inputs.manifest;
    let limits = inputs
        .policy
        .clamp(inputs.limits.resolve(manifest, inputs.overrides));
    let name = container_name(inputs.instance, manifest.id());
    let mut spec = ContainerSpec::new(
        name.clone(),
        manifest.id().clone(),
        inputs.instance.clone(),
        inputs.image.to_owned(),
        limits,
        manifest.api_port().get(),
    );
    spec.network = network_of(manifest);
    let own = inputs.own_number.filter(|_| manifest.user().is_none());
    spec.user = own
        .map(|number| format!("{number}:{number}"))
        .or_else(|| manifest.user().map(ToOwned::to_owned));
    spec.owns_volumes = own.is_some();
    spec.writable_rootfs = manifest.writable_rootfs();
    spec.devices = devices(manifest, inputs.policy);
    spec.capabilities = manifest
        .capabilities()
        .iter()
        .map(|capability| capability.as_str().to_owned())
        .collect();
    spec.program = inputs.program.map(ToOwned::to_owned);
    spec.outlives_host = inputs.outlives_host;
    spec.runtime = inputs.runtime.map(ToOwned::to_owned);
    spec.volumes = manifest
        .volumes()
        .iter()
        .map(|path| VolumeMount::new(volume_name(&name, path.as_str()), path.as_str().to_owned()))
        .collect();
    let asked = manifest.tmpfs().iter().filter(|path| path.as_str() != "/tmp");
    spec.tmpfs
        .extend(asked.map(|path| TmpfsMount::new(path.as_str().to_owned(), TMPFS_BYTES)));
    // Not in the digest: a container that has the old size is not made anew for it.
    spec.image_volume_bytes = inputs.policy.volumes_of_images().bytes();
    spec.env = environment(inputs);
    spec.labels = labels::of_plugin(inputs.instance, manifest.id());
    spec.labels
        .insert(labels::PLUGIN_VERSION.to_owned(), manifest.version().to_string());
    spec.labels.insert(
        labels::PLUGIN_PORT.to_owned(),
        manifest.api_port().get().to_string(),
    );
    // Absent before the first rotation, so that containers of earlier versions are not made anew.
    if inputs.keys.generation > 0 {
        let generation = inputs.keys.generation.to_string();
        spec.labels.insert(labels::KEY_GENERATION.to_owned(), generation);
    }
    // Here too: secret values enter no digest, the number of their changes does.
    if inputs.choices.env_generation > 0 {
        let generation = inputs.choices.env_generation.to_string();
        spec.labels.insert(labels::ENV_GENERATION.to_owned(), generation);
    }
    let digest = digest(&spec);
    spec.labels.insert(labels::SPEC_DIGEST.to_owned(), digest);
    spec
}

/// The network that a manifest asks for. Anything but a clear yes is the isolated one.
pub(crate) fn network_of(manifest: &Manifest) -> NetworkMode {
    if manifest.network_access() {
        NetworkMode::Outbound
    } else {
        NetworkMode::Isolated
    }
}

/// The devices that a manifest names, or else all that the host keeps for plugins; of those any
/// may be missing.
fn devices(manifest: &Manifest, policy: &Policy) -> Vec<DeviceAccess> {
    let named = manifest.devices().iter().map(|device| (device, false));
    let of_host = policy.devices_of_host().map(|device| (device, true));
    let all = manifest.device_access() && manifest.devices().is_empty();
    let chosen: Vec<_> = if all { of_host.collect() } else { named.collect() };
    chosen
        .into_iter()
        .map(|(device, optional)| DeviceAccess {
            write: policy.may_write_devices(),
            optional,
            ..DeviceAccess::new(device.as_str().to_owned())
        })
        .collect()
}

/// The digest of a spec, as its label carries it.
pub(crate) fn spec_digest(spec: &ContainerSpec) -> &str {
    spec.labels.get(labels::SPEC_DIGEST).map_or("", String::as_str)
}

fn environment(inputs: &SpecInputs<'_>) -> Vec<EnvVar> {
    let (manifest, keys) = (inputs.manifest, &inputs.keys.current);
    let mut vars = vec![
        EnvVar::plain(env::PLUGIN_ID, manifest.id().as_str()),
        EnvVar::plain(env::PLUGIN_NAME, manifest.name()),
        EnvVar::plain(env::PLUGIN_VERSION, manifest.version().to_string()),
        EnvVar::plain(env::PORT, manifest.api_port().get().to_string()),
        EnvVar::plain(env::PLATFORM_API_URL, inputs.platform_url),
        EnvVar::secret(env::HAP_API_TOKEN, keys.token.expose()),
        EnvVar::secret(env::HAP_WEBHOOK_SECRET, keys.webhook_secret.expose()),
    ];
    let volumes = manifest.volumes();
    if let Some(data) = volumes
        .iter()
        .find(|path| path.as_str() == "/data")
        .or_else(|| volumes.first())
    {
        vars.push(EnvVar::plain(env::HAP_DATA_DIR, data.as_str()));
    }
    vars.extend(
        manifest
            .env_vars()
            .iter()
            .map(|(name, value)| EnvVar::plain(name.as_str(), value.as_str())),
    );
    // Later entries replace earlier ones of their name.
    vars.extend(inputs.choices.env.vars());
    vars
}

/// SHA-256 over everything in a spec that takes another container to change, which the limits of
/// memory, CPU and processes do not, and without secret values: a label is no place for anything
/// derived from them. That they were rotated shows in the label that counts the rotations.
fn digest(spec: &ContainerSpec) -> String {
    let mut hash = Sha256::new();
    let mut field = |name: &str, value: &str| {
        // Lengths keep `a`+`bc` and `ab`+`c` apart.
        hash.update(format!("{}:{name}={}:", name.len(), value.len()));
        hash.update(value);
    };
    field("schema", labels::SCHEMA_VERSION);
    field("image", &spec.image);
    for var in &spec.env {
        field("env", &format!("{var:?}"));
    }
    for (name, value) in &spec.labels {
        field("label", &format!("{name}={value}"));
    }
    field("open files", &spec.limits.open_files.to_string());
    field("network", &format!("{:?}", spec.network));
    field("volumes", &format!("{:?}", spec.volumes));
    field("tmpfs", &format!("{:?}", spec.tmpfs));
    field("user", &format!("{:?}", spec.user));
    field("rootfs", &format!("{:?}", spec.writable_rootfs));
    // Left out where there are none, so that a plugin without them keeps the digest that it had
    // before there were any.
    for device in &spec.devices {
        field("device", &format!("{device:?}"));
    }
    for capability in &spec.capabilities {
        field("capability", capability);
    }
    field("log", &format!("{:?}", spec.log));
    field("program", &format!("{:?}", spec.program));
    if spec.outlives_host {
        field("outlives", "host");
    }
    if let Some(runtime) = &spec.runtime {
        field("runtime", runtime);
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use hap_manifest::{ApiToken, WebhookSecret};

    use super::*;
    use crate::{
        engine::spec::ResourceLimits,
        model::{env::EnvOverrides, keys::KeyPair},
    };

    fn manifest(extra: &str) -> Manifest {
        let text = format!(
            r#"{{"id":"light","name":"Light","version":"1.0.0","description":"d","author":"a",
                "image":"light:1","api_port":8000{extra}}}"#
        );
        Manifest::from_json(&text).unwrap().manifest
    }

    fn pair(byte: u8) -> KeyPair {
        KeyPair {
            token: ApiToken::from_bytes(&[byte; 32]),
            webhook_secret: WebhookSecret::from_bytes(&[byte; 32]).unwrap(),
        }
    }

    fn spec_with(manifest: &Manifest, secret: u8) -> ContainerSpec {
        spec_with_keys(manifest, &PluginKeys::new(pair(secret)))
    }

    fn spec_with_keys(manifest: &Manifest, keys: &PluginKeys) -> ContainerSpec {
        spec_chosen(manifest, keys, &Choices::default())
    }

    fn spec_chosen(manifest: &Manifest, keys: &PluginKeys, choices: &Choices) -> ContainerSpec {
        container_spec(&SpecInputs {
            manifest,
            instance: &InstanceName::default(),
            image: "sha256:1",
            limits: &DefaultLimits::default(),
            overrides: &LimitOverrides::default(),
            policy: &Policy::default().host_device("/dev/ttyACM0".parse().unwrap()),
            platform_url: "http://10.0.0.1:9000/plugins/light/api/v1",
            keys,
            choices,
            own_number: None,
            program: None,
            outlives_host: false,
            runtime: None,
        })
    }

    #[test]
    fn nothing_runs_without_limits_even_when_the_manifest_is_silent() {
        let spec = spec_with(&manifest(""), 1);
        assert_eq!(spec.limits, ResourceLimits::new(256 << 20, 1_000_000_000, 256));
    }

    #[test]
    fn secrets_are_in_no_label_and_change_no_digest() {
        let manifest = manifest("");
        let (one, two) = (spec_with(&manifest, 1), spec_with(&manifest, 2));
        assert_eq!(spec_digest(&one), spec_digest(&two));
        let secret = ApiToken::from_bytes(&[1; 32]);
        assert!(!format!("{one:?}").contains(secret.expose()));
    }

    #[test]
    fn a_rotation_makes_another_container_with_the_new_keys() {
        let manifest = manifest("");
        let before = PluginKeys::new(pair(1));
        let (one, two) = (
            spec_with_keys(&manifest, &before),
            spec_with_keys(&manifest, &before.rotated(pair(2), true)),
        );
        assert_ne!(spec_digest(&one), spec_digest(&two));
        let token = two.env.iter().find(|var| var.name() == env::HAP_API_TOKEN);
        assert_eq!(token.unwrap().expose_value(), pair(2).token.expose());
    }

    #[test]
    fn any_change_that_the_container_would_feel_changes_the_digest() {
        let plain = spec_with(&manifest(""), 1);
        for extra in [
            r#","network_access":false"#,
            r#","volumes":["/data"]"#,
            r#","env_vars":{"A":"b"}"#,
            r#","device_access":true"#,
            r#","device_access":true,"devices":["/dev/ttyUSB0"]"#,
            r#","capabilities":["NET_RAW"]"#,
            r#","user":"1000""#,
            r#","writable_rootfs":true"#,
        ] {
            let changed = spec_with(&manifest(extra), 1);
            assert_ne!(spec_digest(&plain), spec_digest(&changed), "{extra}");
        }
    }

    #[test]
    fn limits_change_no_digest_because_they_can_be_changed_in_place() {
        let plain = spec_with(&manifest(""), 1);
        let changed = spec_with(
            &manifest(r#","memory_limit":"64m","cpu_limit":0.5,"pids_limit":9"#),
            1,
        );
        assert_eq!(spec_digest(&plain), spec_digest(&changed));
        assert_eq!(changed.limits, ResourceLimits::new(64 << 20, 500_000_000, 9));
    }

    #[test]
    fn the_operators_variables_come_last_and_another_secret_makes_another_container() {
        let manifest = manifest(r#","env_vars":{"LEVEL":"1"}"#);
        let keys = PluginKeys::new(pair(1));
        let chosen = |before: &Choices, level: &str, secret: &str| {
            let env = EnvOverrides::new().with("LEVEL", level).unwrap();
            before.with_env(env.with_secret("KEY", secret).unwrap()).unwrap()
        };
        let none = Choices::default();
        let first = chosen(&none, "2", "hunter2").unwrap();
        assert_eq!(chosen(&first, "2", "hunter2"), None, "nothing has changed");
        let second = chosen(&first, "2", "hunter3").unwrap();
        let specs = [&none, &first, &second].map(|choices| spec_chosen(&manifest, &keys, choices));
        let [none, first, second] = specs.each_ref().map(spec_digest);
        assert!(none != first && first != second && none != second);
        assert!(!format!("{specs:?}").contains("hunter"));
        let last = specs[1].env.iter().rfind(|var| var.name() == "LEVEL").unwrap();
        assert_eq!(last.expose_value(), "2");
    }

    #[test]
    fn devices_that_are_named_must_be_there_and_those_of_the_host_may_be_missing() {
        let of = |extra| spec_with(&manifest(extra), 1).devices;
        assert_eq!(of(""), []);
        let named = DeviceAccess::new("/dev/ttyUSB0".to_owned());
        assert_eq!(of(r#","device_access":true,"devices":["/dev/ttyUSB0"]"#), [named]);
        let kept = DeviceAccess {
            optional: true,
            ..DeviceAccess::new("/dev/ttyACM0".to_owned())
        };
        assert_eq!(of(r#","device_access":true"#), [kept]);
    }

    #[test]
    fn the_data_directory_is_named_where_there_is_a_volume() {
        let spec = spec_with(&manifest(r#","volumes":["/cache","/data"]"#), 1);
        let data = spec
            .env
            .iter()
            .find(|var| var.name() == env::HAP_DATA_DIR)
            .unwrap();
        assert_eq!(data.expose_value(), "/data");
        assert!(
            spec_with(&manifest(""), 1)
                .env
                .iter()
                .all(|var| var.name() != env::HAP_DATA_DIR)
        );
    }

    #[test]
    fn volumes_of_paths_that_look_alike_have_different_names() {
        assert_ne!(volume_name("c", "/var/lib"), volume_name("c", "/var-lib"));
    }
}

//! [`ManifestBuilder`].

use std::fmt::Display;

use serde::Serialize;
use serde_json::{Map, Number, Value};

use super::model::Manifest;
use super::read::from_value;
use super::restart::RestartPolicy;
use crate::diagnostics::audience::Audience;
use crate::diagnostics::report::ManifestError;
use crate::value::dependency::Dependency;
use crate::value::health::HealthCheck;

/// Makes a [`Manifest`] in code.
///
/// Setters never fail: they take a typed value or its text, and [`build`](Self::build) applies the
/// same rules as reading JSON does and lists everything that is wrong at once.
///
/// ```
/// use hap_manifest::Manifest;
///
/// let manifest = Manifest::builder("porch-light", "Porch light", "1.0.0", "example/light:1.0.0")
///     .description("Switches the lamp at the door")
///     .memory_limit("64m")
///     .volume("/data")
///     .build()?;
/// assert_eq!(manifest.volumes().len(), 1);
/// # Ok::<(), hap_manifest::ManifestError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ManifestBuilder {
    object: Map<String, Value>,
}

impl Manifest {
    /// Begins another manifest that is like this one, to change some of its fields.
    ///
    /// Entries that the builder adds go to the lists of this manifest. [`ManifestBuilder::field`]
    /// replaces a list, or removes it with `null`.
    ///
    /// ```
    /// use hap_manifest::Manifest;
    /// use serde_json::Value;
    ///
    /// let old = Manifest::builder("lamp", "Lamp", "1.0.0", "example/lamp:1")
    ///     .volume("/data")
    ///     .build()?;
    /// let new = old.to_builder().version("1.1.0").volume("/cache").build()?;
    /// assert_eq!(new.volumes().len(), 2);
    /// assert!(new.to_builder().field("volumes", Value::Null).build()?.volumes().is_empty());
    /// # Ok::<(), hap_manifest::ManifestError>(())
    /// ```
    pub fn to_builder(&self) -> ManifestBuilder {
        ManifestBuilder::like(self)
    }

    /// Begins a manifest in code. Each argument is the typed value or its text; `build` checks
    /// them.
    pub fn builder(
        id: impl Display,
        name: impl Display,
        version: impl Display,
        image: impl Display,
    ) -> ManifestBuilder {
        ManifestBuilder::new(&id, &name, &version, &image)
    }
}

impl ManifestBuilder {
    pub(crate) fn new(
        id: &dyn Display,
        name: &dyn Display,
        version: &dyn Display,
        image: &dyn Display,
    ) -> Self {
        Self { object: Map::new() }
            .text("id", id)
            .text("name", name)
            .text("version", version)
            .text("image", image)
            .description("")
            .author("")
    }

    pub(crate) fn like(manifest: &Manifest) -> Self {
        match serialized(manifest) {
            Value::Object(object) => Self { object },
            // A manifest is always an object.
            _ => Self { object: Map::new() },
        }
    }

    /// Replaces the unique name of the plugin that the builder began with.
    pub fn id(self, id: impl Display) -> Self {
        self.text("id", &id)
    }

    /// Replaces the name for people that the builder began with.
    pub fn name(self, name: impl Display) -> Self {
        self.text("name", &name)
    }

    /// Replaces the version of the plugin that the builder began with.
    pub fn version(self, version: impl Display) -> Self {
        self.text("version", &version)
    }

    /// Replaces the container image that the builder began with.
    pub fn image(self, image: impl Display) -> Self {
        self.text("image", &image)
    }

    /// Sets what the plugin does, for people; empty by default.
    pub fn description(self, text: impl Display) -> Self {
        self.text("description", &text)
    }

    /// Sets who wrote it; empty by default.
    pub fn author(self, text: impl Display) -> Self {
        self.text("author", &text)
    }

    /// Sets the TCP port of its API inside the container; 8000 by default.
    pub fn api_port(self, port: impl Into<u16>) -> Self {
        self.set("api_port", port.into())
    }

    /// Sets the processor time it may use, in cores.
    pub fn cpu_limit(self, cores: impl Into<f64>) -> Self {
        // Not a number and infinity have no JSON; a text is refused by `build` and says what it
        // was.
        let cores = cores.into();
        match Number::from_f64(cores) {
            Some(number) => self.set("cpu_limit", number),
            None => self.text("cpu_limit", &cores),
        }
    }

    /// Sets the memory it may use: a [`MemoryLimit`](crate::MemoryLimit) or a text such as `64m`.
    pub fn memory_limit(self, limit: impl Display) -> Self {
        self.text("memory_limit", &limit)
    }

    /// Sets whether it may reach beyond the platform; true by default.
    pub fn network_access(self, allowed: bool) -> Self {
        self.set("network_access", allowed)
    }

    /// Sets whether it gets devices of the host; false by default.
    pub fn device_access(self, allowed: bool) -> Self {
        self.set("device_access", allowed)
    }

    /// Sets the file that the image is built from; `Dockerfile` by default.
    pub fn dockerfile(self, file: impl Display) -> Self {
        self.text("dockerfile", &file)
    }

    /// Sets the path of the health endpoint; `/health` by default.
    pub fn health_check_path(self, path: impl Display) -> Self {
        self.text("health_check_path", &path)
    }

    /// Sets the path of the command endpoint; `/command` by default.
    pub fn command_endpoint(self, path: impl Display) -> Self {
        self.text("command_endpoint", &path)
    }

    /// Sets the path of the status endpoint; `/status` by default.
    pub fn status_endpoint(self, path: impl Display) -> Self {
        self.text("status_endpoint", &path)
    }

    /// Sets the path of the configuration endpoint; `/config` by default.
    pub fn config_endpoint(self, path: impl Display) -> Self {
        self.text("config_endpoint", &path)
    }

    /// Adds an environment variable; the last value of a name counts.
    pub fn env_var(mut self, name: impl Display, value: impl Into<String>) -> Self {
        if let Value::Object(env_vars) = self
            .object
            .entry("env_vars")
            .or_insert_with(|| Value::Object(Map::new()))
        {
            env_vars.insert(name.to_string(), Value::String(value.into()));
        }
        self
    }

    /// Adds a container path whose content outlives restart and update.
    pub fn volume(self, path: impl Display) -> Self {
        self.add("volumes", &path.to_string())
    }

    /// Adds a plugin that must be healthy first: its id, or a [`Dependency`] with a version range.
    pub fn depends_on(self, dependency: impl Into<Dependency>) -> Self {
        self.add("depends_on", &dependency.into())
    }

    /// Sets the JSON Schema that a configuration must satisfy.
    pub fn config_schema(self, schema: Value) -> Self {
        self.set("config_schema", schema)
    }

    /// Adds a key of the configuration, or a JSON pointer into it, whose value is redacted
    /// everywhere.
    pub fn secret(self, key: impl Display) -> Self {
        self.add("secrets", &key.to_string())
    }

    /// Adds a device of the host that the plugin asks for; needs
    /// [`device_access`](Self::device_access).
    pub fn device(self, path: impl Display) -> Self {
        self.add("devices", &path.to_string())
    }

    /// Adds a Linux capability that the plugin asks for.
    pub fn capability(self, name: impl Display) -> Self {
        self.add("capabilities", &name.to_string())
    }

    /// Sets the user and group to run as, `user[:group]`.
    pub fn user(self, user: impl Display) -> Self {
        self.text("user", &user)
    }

    /// Sets whether it may write to its root file system; false by default.
    pub fn writable_rootfs(self, writable: bool) -> Self {
        self.set("writable_rootfs", writable)
    }

    /// Adds a container path to keep in memory.
    pub fn tmpfs(self, path: impl Display) -> Self {
        self.add("tmpfs", &path.to_string())
    }

    /// Sets how many processes and threads it may have.
    pub fn pids_limit(self, pids: impl Into<u32>) -> Self {
        self.set("pids_limit", pids.into())
    }

    /// Sets how the host watches it.
    pub fn health_check(self, check: HealthCheck) -> Self {
        self.set("health_check", serialized(&check))
    }

    /// Sets the time between being asked to stop and being killed: a
    /// [`HumanDuration`](crate::HumanDuration) or its text.
    pub fn stop_timeout(self, timeout: impl Display) -> Self {
        self.text("stop_timeout", &timeout)
    }

    /// Sets what happens after a failure.
    pub fn restart(self, policy: RestartPolicy) -> Self {
        self.set("restart", serialized(&policy))
    }

    /// Sets the versions of the platform it works with: a semver range.
    pub fn platform(self, range: impl Display) -> Self {
        self.text("platform", &range)
    }

    /// Sets what it costs: a number in the marketplace's currency, or words such as `"free"`.
    pub fn price(self, price: impl Into<Value>) -> Self {
        self.set("price", price)
    }

    /// Sets the shelf of a marketplace that it belongs on.
    pub fn category(self, category: impl Display) -> Self {
        self.text("category", &category)
    }

    /// Adds a word to find it by.
    pub fn tag(self, tag: impl Display) -> Self {
        self.add("tags", &tag.to_string())
    }

    /// Sets the address of its page.
    pub fn homepage(self, address: impl Display) -> Self {
        self.text("homepage", &address)
    }

    /// Sets its license, best as an SPDX expression.
    pub fn license(self, license: impl Display) -> Self {
        self.text("license", &license)
    }

    /// Sets the name, path or address of its icon.
    pub fn icon(self, icon: impl Display) -> Self {
        self.text("icon", &icon)
    }

    /// Sets any field to any JSON, as a manifest file would.
    pub fn field(self, key: impl Into<String>, value: Value) -> Self {
        let mut builder = self;
        builder.object.insert(key.into(), value);
        builder
    }

    /// Checks everything and makes the manifest.
    ///
    /// # Errors
    /// Lists everything that is wrong, by the rules of [`Manifest::from_json_strict`].
    pub fn build(self) -> Result<Manifest, ManifestError> {
        let parsed = from_value(&Value::Object(self.object), Audience::Author)?;
        if parsed.warnings.is_empty() {
            Ok(parsed.manifest)
        } else {
            Err(ManifestError::new(parsed.warnings))
        }
    }

    fn set(self, key: &str, value: impl Into<Value>) -> Self {
        self.field(key, value.into())
    }

    fn text(self, key: &str, text: &dyn Display) -> Self {
        self.set(key, text.to_string())
    }

    fn add(mut self, key: &str, entry: &impl Serialize) -> Self {
        if let Value::Array(entries) = self.object.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
            entries.push(serialized(entry));
        }
        self
    }
}

/// The types this is used with always serialize.
fn serialized(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

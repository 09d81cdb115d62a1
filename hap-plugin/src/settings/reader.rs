//! Reads [`Settings`] from variables, collecting every problem.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hap_manifest::{ParseError, PluginId, env};

use crate::error::StartError;
use crate::settings::config_variables::ConfigVariables;
use crate::settings::platform::PlatformUrl;
use crate::settings::values::Settings;

/// The address to serve on. No host sets it: a plugin with a token serves on all.
const BIND: &str = "HAP_BIND";

impl Settings {
    /// Reads the environment of the process.
    ///
    /// # Errors
    /// Lists every variable whose value cannot be used, with the value unless it is a secret, and
    /// the remedy.
    pub fn from_env() -> Result<Self, StartError> {
        Self::from_vars(std::env::vars_os())
    }

    /// Reads these variables, as [`from_env`](Self::from_env) does those of the process.
    ///
    /// ```
    /// let settings = hap_plugin::Settings::from_vars([("PLUGIN_ID", "lamp"), ("PORT", "9000")])?;
    /// assert_eq!(settings.port(), 9000);
    /// # Ok::<(), hap_plugin::StartError>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_vars<N, V>(variables: impl IntoIterator<Item = (N, V)>) -> Result<Self, StartError>
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        read(&variables.collect())
    }

    /// What of the environment of the process can be used where not all of it can: the rest has its
    /// defaults.
    pub(crate) fn usable_part() -> Option<Self> {
        usable_part(&std::env::vars_os().collect())
    }
}

fn read(environment: &HashMap<OsString, OsString>) -> Result<Settings, StartError> {
    let vars = Vars::of(environment);
    let settings = settings(&vars)?;
    StartError::unless_empty(vars.problems.into_inner(), settings)
}

/// The settings that can be read; the others have their defaults.
fn usable_part(environment: &HashMap<OsString, OsString>) -> Option<Settings> {
    settings(&Vars::of(environment)).ok()
}

fn settings(vars: &Vars<'_>) -> Result<Settings, StartError> {
    let id = match vars.parsed(env::PLUGIN_ID, PluginId::from_str, "set the id of the manifest") {
        Some(id) => id,
        None => program_id().map_err(|error| StartError::lasting(format!("PLUGIN_ID: {error}; set it")))?,
    };
    let mut settings = Settings::new(id);
    if let Some(name) = vars.text(env::PLUGIN_NAME) {
        settings.name = name;
    }
    if let Some(version) = vars.text(env::PLUGIN_VERSION) {
        settings = settings.with_version(version);
    }
    if let Some(port) = vars.parsed(env::PORT, port, "set a port such as 8000") {
        settings.port = port;
    }
    settings.bind = vars.parsed(
        BIND,
        IpAddr::from_str,
        "set an IP address such as 0.0.0.0, or unset it",
    );
    settings.platform = vars.parsed(
        env::PLATFORM_API_URL,
        PlatformUrl::parse,
        "set the platform's address or unset it to run alone",
    );
    settings.token = vars.secret(env::HAP_API_TOKEN);
    settings.webhook_secret = vars.secret(env::HAP_WEBHOOK_SECRET);
    settings.data_dir = vars.parsed(
        env::HAP_DATA_DIR,
        absolute,
        "set the path of a volume or unset it",
    );

    // What they mean depends on the plugin.
    settings.config = ConfigVariables::of(vars.environment.iter());
    Ok(settings)
}

struct Vars<'a> {
    environment: &'a HashMap<OsString, OsString>,
    problems: RefCell<Vec<String>>,
}

impl<'a> Vars<'a> {
    fn of(environment: &'a HashMap<OsString, OsString>) -> Self {
        Self {
            environment,
            problems: RefCell::default(),
        }
    }

    /// The variable's text. An empty one counts as absent: it is what a template without a value
    /// leaves behind.
    fn text(&self, name: &str) -> Option<String> {
        let value = self.environment.get(OsStr::new(name))?;
        match value.clone().into_string() {
            Ok(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Err(raw) => {
                self.problem(format!(
                    "{name}={raw:?}: it is not UTF-8; set it again or unset it"
                ));
                None
            }
        }
    }

    fn parsed<T, E: std::fmt::Display>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
        remedy: &str,
    ) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            // An address may hold a password, and its parser repeats what may be shown.
            Err(error) if name == env::PLATFORM_API_URL => {
                self.problem(format!("{name}: {error}; {remedy}"));
                None
            }
            Err(error) => {
                self.problem(format!("{name}={text:?}: {error}; {remedy}"));
                None
            }
        }
    }

    /// A secret. An empty one is a problem: taking it for absent would leave the door open.
    fn secret<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Option<T> {
        let text = match self.environment.get(OsStr::new(name))?.clone().into_string() {
            Ok(text) if !text.is_empty() => text,
            Ok(_) => {
                self.problem(format!(
                    "{name}: it is set and empty; set what the host issued or unset it"
                ));
                return None;
            }
            Err(_) => {
                self.problem(format!(
                    "{name}: it is not UTF-8; set what the host issued or unset it"
                ));
                return None;
            }
        };
        match text.trim().parse() {
            Ok(secret) => Some(secret),
            Err(error) => {
                self.problem(format!("{name}: {error}; set what the host issued or unset it"));
                None
            }
        }
    }

    fn problem(&self, problem: String) {
        self.problems.borrow_mut().push(problem);
    }
}

fn port(text: &str) -> Result<u16, &'static str> {
    match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err("it is not a port from 1 to 65535"),
    }
}

fn absolute(text: &str) -> Result<PathBuf, &'static str> {
    let path = Path::new(text);
    if path.is_absolute() {
        Ok(path.to_owned())
    } else {
        Err("it is not an absolute path")
    }
}

/// An id for a plugin that runs alone: its program's file name, as far as that makes an id.
fn program_id() -> Result<PluginId, ParseError> {
    let program = std::env::current_exe().ok();
    let stem = program
        .as_deref()
        .and_then(Path::file_stem)
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let lower = stem
        .to_ascii_lowercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let short = lower
        .get(..lower.len().min(PluginId::MAX_LEN))
        .unwrap_or_default()
        .trim_matches('-');
    PluginId::new(short).or_else(|_| PluginId::new("plugin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(vars: &[(&str, &str)]) -> Result<Settings, StartError> {
        Settings::from_vars(vars.iter().copied())
    }

    #[test]
    fn without_variables_everything_has_a_default() {
        let settings = read_from(&[]).unwrap();
        assert_eq!(settings.port, 8000);
        assert!(settings.id.as_str().starts_with("hap-plugin"), "{}", settings.id);
        assert!(settings.platform.is_none() && settings.token.is_none() && settings.data_dir.is_none());
    }

    #[test]
    fn what_a_host_sets_is_read() {
        let settings = read_from(&[
            ("PLUGIN_ID", "lamp"),
            ("PLUGIN_NAME", "The lamp"),
            ("PLUGIN_VERSION", "1.2.3"),
            ("PORT", "9000"),
            ("PLATFORM_API_URL", "http://172.20.0.1:9000/api/v1"),
            (
                "HAP_API_TOKEN",
                hap_manifest::ApiToken::from_bytes(&[7; 32]).expose(),
            ),
            (
                "HAP_WEBHOOK_SECRET",
                &hap_manifest::WebhookSecret::from_bytes(&[7; 32])
                    .unwrap()
                    .expose(),
            ),
            ("HAP_DATA_DIR", "/data"),
        ])
        .unwrap();
        assert_eq!((settings.id.as_str(), settings.port), ("lamp", 9000));
        assert_eq!(
            (settings.name.as_str(), settings.version()),
            ("The lamp", "1.2.3")
        );
        assert!(settings.token.is_some() && settings.webhook_secret.is_some());
        assert_eq!(settings.data_dir(), Some(Path::new("/data")));
    }

    #[test]
    fn all_problems_are_told_at_once_and_no_secret_is_repeated() {
        let error = read_from(&[
            ("PLUGIN_ID", "The Lamp"),
            ("PORT", "99999"),
            ("HAP_BIND", "localhost"),
            ("PLATFORM_API_URL", "https://platform/api/v1"),
            ("HAP_API_TOKEN", "hunter2"),
            ("HAP_WEBHOOK_SECRET", "whsec_hunter2"),
            ("HAP_DATA_DIR", "data"),
        ])
        .unwrap_err();
        let text = error.to_string();
        assert_eq!(error.problems().len(), 7, "{text}");
        assert_eq!(error.exit_code(), 78);
        for name in [
            "PLUGIN_ID=\"The Lamp\"",
            "PORT=\"99999\"",
            "HAP_BIND=\"localhost\"",
            "PLATFORM_API_URL",
            "HAP_API_TOKEN",
            "HAP_DATA_DIR=\"data\"",
        ] {
            assert!(text.contains(name), "{name} in {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn of_an_environment_with_mistakes_the_rest_can_be_used() {
        let vars = [("PORT", "x"), ("HAP_DATA_DIR", "/data"), ("HAP_CONFIG_A", "1")];
        let vars = vars.map(|(name, value)| (name.into(), value.into()));
        let part = usable_part(&vars.into_iter().collect()).unwrap();
        assert_eq!((part.port, part.data_dir()), (8000, Some(Path::new("/data"))));
        assert!(format!("{:?}", part.config).contains("HAP_CONFIG_A"));
    }

    #[test]
    fn the_version_is_the_hosts_or_else_the_programs() {
        let of = |vars: &[(&str, &str)]| {
            read_from(vars)
                .unwrap()
                .with_program_version("1.2.3")
                .version()
                .to_owned()
        };
        assert_eq!(of(&[]), "1.2.3");
        assert_eq!(of(&[("PLUGIN_VERSION", "2.0.0")]), "2.0.0");
        assert_eq!(read_from(&[]).unwrap().version(), "0.0.0");
    }

    #[test]
    fn an_empty_variable_is_absent_but_an_empty_secret_is_refused() {
        assert_eq!(
            read_from(&[("PORT", ""), ("PLUGIN_NAME", " ")]).unwrap().port,
            8000
        );
        let error = read_from(&[("HAP_API_TOKEN", "")]).unwrap_err();
        assert!(
            error.to_string().contains("HAP_API_TOKEN: it is set and empty"),
            "{error}"
        );
    }
}

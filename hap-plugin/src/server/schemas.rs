//! [`Schemas`]: what a plugin's types tell before it runs.

use std::any::TypeId;

use hap_manifest::wire::{CommandSet, Describe};
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::api::{CommandType as _, NoStatus, Plugin, StatusType as _, lacks_status};
use crate::config::{ConfigType as _, NoConfig};
use crate::decode::Bounds;
use crate::error::StartError;
use crate::settings::Settings;

/// The commands, and the JSON Schemas of the three types.
pub(crate) struct Schemas {
    commands: CommandSet,
    config: Value,
    status: Value,
}

impl Schemas {
    /// Reads the schemas; fails where the command type lacks the attribute that names its commands,
    /// and where a type of status has no method that tells it.
    pub(crate) fn of<P: Plugin>() -> Result<Self, StartError> {
        let commands = P::Command::set().map_err(|error| StartError::lasting(error.to_string()))?;
        if lacks_status::<P>() {
            return Err(StartError::lasting(
                "the plugin has a type of status and no method that tells it: write `async fn status(&self, cx: &Context) \
                 -> Result<Self::Status>`, or `type Status = NoStatus;` if there is nothing to tell",
            ));
        }
        let reading = SchemaSettings::draft2020_12();
        let writing = SchemaSettings::draft2020_12().for_serialize();
        Ok(Self {
            commands,
            config: unless_none::<P::Config, NoConfig>(|| P::Config::schema(reading)),
            status: unless_none::<P::Status, NoStatus>(|| P::Status::schema(writing)),
        })
    }

    pub(crate) fn commands(&self) -> &CommandSet {
        &self.commands
    }

    /// The schema of the configuration; null where there is none.
    pub(crate) fn config(&self) -> &Value {
        &self.config
    }

    /// The schema of the status data; null where there is none.
    pub(crate) fn status(&self) -> &Value {
        &self.status
    }

    /// The three schemas by their names.
    #[cfg(feature = "testing")]
    pub(crate) fn parts(&self) -> Value {
        serde_json::json!({
            "commands": self.commands.schema(),
            "config": self.config,
            "status": self.status,
        })
    }

    /// The bounds of the commands' parameters, where there are any and the plugin wants them checked.
    pub(crate) fn command_bounds<P: Plugin>(&self) -> Option<Bounds> {
        P::CHECK_BOUNDS.then(|| Bounds::of(self.commands.schema()))?
    }

    /// The bounds of the configuration, likewise.
    pub(crate) fn config_bounds<P: Plugin>(&self) -> Option<Bounds> {
        P::CHECK_BOUNDS.then(|| Bounds::of(&self.config))?
    }

    pub(crate) fn into_commands(self) -> CommandSet {
        self.commands
    }

    pub(crate) fn describe(&self, settings: &Settings) -> Describe {
        Describe::new(settings.id.as_str(), settings.version())
            .with_commands(self.commands.schema().clone())
            .with_config(self.config.clone())
            .with_status(self.status.clone())
    }
}

/// The schema of a type; null where it stands for nothing.
fn unless_none<T: 'static, Nothing: 'static>(schema: impl FnOnce() -> Value) -> Value {
    if TypeId::of::<T>() == TypeId::of::<Nothing>() {
        return Value::Null;
    }
    schema()
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;

    use super::*;
    use crate::api::{Context, Reply};
    use crate::error::Result;

    macro_rules! plugin_of {
        ($plugin:ident, $command:ident: #[$attribute:meta]) => {
            struct $plugin;

            #[derive(serde::Deserialize, JsonSchema)]
            #[$attribute]
            #[expect(dead_code, reason = "only the schema is of use")]
            enum $command {
                On {},
                Dim { level: u8 },
                Paint(Colour),
            }

            impl Plugin for $plugin {
                type Config = NoConfig;
                type Command = $command;
                type Status = NoStatus;

                async fn command(&self, _: &Context, _: $command) -> Result<Reply> {
                    Ok(Reply::text("done"))
                }
            }
        };
    }

    #[derive(serde::Deserialize, JsonSchema)]
    struct Colour {
        #[expect(dead_code, reason = "only the schema is of use")]
        red: u8,
    }

    plugin_of!(Right, RightCommand: #[serde(tag = "command", content = "params", rename_all = "snake_case")]);
    plugin_of!(Plain, PlainCommand: #[serde(rename_all = "snake_case")]);
    plugin_of!(Untagged, UntaggedCommand: #[serde(untagged)]);
    plugin_of!(OtherTag, OtherTagCommand: #[serde(tag = "type", content = "params")]);
    plugin_of!(NoContent, NoContentCommand: #[serde(tag = "command")]);
    plugin_of!(OtherContent, OtherContentCommand: #[serde(tag = "command", content = "args")]);

    #[test]
    fn a_command_type_that_lacks_an_attribute_is_told_which() {
        assert!(Schemas::of::<Right>().is_ok());
        let lacks = |error: Option<StartError>, attribute: &str| {
            let error = error.unwrap();
            let text = error.to_string();
            assert!(text.contains(&format!("it lacks `{attribute}`")), "{text}");
            assert!(
                text.contains(r#"add #[serde(tag = "command", content = "params""#),
                "{text}"
            );
            assert_eq!(error.exit_code(), 78);
        };
        lacks(Schemas::of::<Plain>().err(), r#"tag = "command""#);
        lacks(Schemas::of::<Untagged>().err(), r#"tag = "command""#);
        lacks(Schemas::of::<OtherTag>().err(), r#"tag = "command""#);
        lacks(Schemas::of::<NoContent>().err(), r#"content = "params""#);
        lacks(Schemas::of::<OtherContent>().err(), r#"content = "params""#);
    }
}

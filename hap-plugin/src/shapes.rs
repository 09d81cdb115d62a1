//! [`CommandType`], [`ConfigType`] and [`StatusType`]: what the three types of a plugin have to be.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What commands are read into. Every type that `serde` reads and `schemars` describes is one; nobody implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the commands of a plugin",
    label = "it cannot be read from JSON, has no schema, or is not `Send`",
    note = "derive both on the enum, and let it name its commands on the wire:\n\
            #[derive(serde::Deserialize, schemars::JsonSchema)]\n\
            #[serde(tag = \"command\", content = \"params\", rename_all = \"snake_case\")]",
    note = "a plugin without commands has `hap_plugin::NoCommand`, one that takes any has `hap_plugin::wire::CommandRequest`"
)]
pub trait CommandType: DeserializeOwned + JsonSchema + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> CommandType for T {}

/// What settings are read into. Every type that `serde` reads and `schemars` describes is one; nobody implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the configuration of a plugin",
    label = "it cannot be read from JSON, has no schema, or cannot be shared between threads",
    note = "derive both on the struct: #[derive(serde::Deserialize, schemars::JsonSchema)]",
    note = "a plugin without settings has `hap_plugin::NoConfig`, one that takes any has `serde_json::Value`"
)]
pub trait ConfigType: DeserializeOwned + JsonSchema + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + Sync + 'static> ConfigType for T {}

/// What the status is shown from. Every type that `serde` writes and `schemars` describes is one; nobody implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the status of a plugin",
    label = "it cannot be written as JSON, has no schema, or is not `Send`",
    note = "derive both on the struct: #[derive(serde::Serialize, schemars::JsonSchema)]",
    note = "a plugin without a status has `hap_plugin::NoStatus`"
)]
pub trait StatusType: Serialize + JsonSchema + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema + Send + 'static> StatusType for T {}

//! `hap user`: who may use the management API over TCP.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hap_host::Role;
use serde_json::json;

use crate::{
    failure::{Exit, Failure},
    host::Users,
    site,
    terminal::Console,
};

/// Says who may use a host's management API from elsewhere, and what for
///
/// Users are for the address that `[api] listen` names. Whoever may open the host's Unix socket needs none. A running host sees
/// each change at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap user add alice --role operator
    hap user ls
    hap user rm alice")]
pub(crate) struct User {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Add),
    Ls(Ls),
    Rm(Rm),
}

/// Where the host is.
#[derive(Debug, Args)]
struct Place {
    /// The folder with the host's state
    #[arg(long, value_name = "DIR", env = "HAP_STATE")]
    state: Option<PathBuf>,
}

impl Place {
    fn users(&self) -> Result<Users, Failure> {
        Ok(Users::of(&site::state_folder(self.state.as_deref())?))
    }
}

/// Adds a user, and prints the token, once
///
/// Only a digest of it is kept: whoever loses the token gets a new one by `hap user rm` and `hap user add`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap user add alice --role admin
    hap user add panel --role viewer > panel.token")]
struct Add {
    /// The user's name: 1 to 32 of a-z, 0-9, '-', '_' and '.'
    name: String,

    /// What the user may do: viewer reads, operator starts, stops and asks plugins, admin does everything
    #[arg(long, value_name = "ROLE", value_parser = ["viewer", "operator", "admin"])]
    role: String,

    #[command(flatten)]
    place: Place,
}

/// Lists the users and their roles
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap user ls
    hap user ls --json")]
struct Ls {
    #[command(flatten)]
    place: Place,
}

/// Removes a user: the token is refused from now on
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap user rm alice")]
struct Rm {
    /// The user's name
    name: String,

    #[command(flatten)]
    place: Place,
}

impl User {
    pub(crate) fn run(self, console: &Console) -> Result<Exit, Failure> {
        match self.action {
            Action::Add(add) => add.run(console),
            Action::Ls(ls) => ls.run(console),
            Action::Rm(rm) => rm.run(console),
        }?;
        Ok(Exit::Done)
    }
}

impl Add {
    fn run(&self, console: &Console) -> Result<(), Failure> {
        let role: Role = self.role.parse().map_err(|error: hap_manifest::ParseError| {
            Failure::new(Exit::Usage, "invalid_role", error.to_string())
        })?;
        let token = self.place.users()?.add(&self.name, role)?;
        console.note(
            "The token is shown this once. It is sent as HAP_TOKEN, or `authorization: Bearer <token>`:",
        );
        let result = json!({ "name": self.name, "role": role.as_str(), "token": token.expose() });
        console.result("user", &result, token.expose());
        Ok(())
    }
}

impl Ls {
    fn run(&self, console: &Console) -> Result<(), Failure> {
        let users = self.place.users()?.list()?;
        let rows: Vec<_> = users
            .iter()
            .filter_map(|user| Some((user.name.as_str(), user.role()?.as_str())))
            .collect();
        let result: Vec<_> = rows
            .iter()
            .map(|(name, role)| json!({ "name": name, "role": role }))
            .collect();
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let lines: Vec<_> = rows
            .iter()
            .map(|(name, role)| format!("{name:width$}  {role}"))
            .collect();
        let text = if rows.is_empty() {
            "there are no users: hap user add NAME --role ROLE".to_owned()
        } else {
            lines.join("\n")
        };
        console.result("user", &json!({ "users": result }), text);
        Ok(())
    }
}

impl Rm {
    fn run(&self, console: &Console) -> Result<(), Failure> {
        self.place.users()?.remove(&self.name)?;
        let text = format!("removed {}", self.name);
        console.result("user", &json!({ "removed": self.name }), text);
        Ok(())
    }
}

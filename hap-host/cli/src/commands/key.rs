use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    failure::{Exit, Failure},
    signing::{NewKey, Password, default_key, read_password},
    terminal::{Console, harmless},
};

/// Makes the keys that packages and reports are signed with
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap key new
    hap key new -o release.key")]
pub(crate) struct Key {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    New(New),
}

/// Makes a key pair: a secret half that signs, and a public one for those who trust it
///
/// The files have the form of minisign. A key that is there is never overwritten.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap key new
    hap key new -o release.key
    hap key new -o release.key --password-stdin < password.txt

The secret half is for you alone. Who has it signs in your name. `hap package --sign` and `hap test --sign` read the password
of a key from HAP_KEY_PASSWORD_FILE or HAP_KEY_PASSWORD.")]
struct New {
    /// Where the secret half goes; the public one goes beside it, with .pub at the end
    ///
    /// Default: hap/key in the folder of your settings, such as ~/.config/hap/key.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Makes room for the new key: one that is there gets another name
    #[arg(long)]
    force: bool,

    /// Reads a password from standard input and locks the secret half with it
    ///
    /// `HAP_KEY_PASSWORD_FILE` and `HAP_KEY_PASSWORD` give one too. Without any the secret half is not locked.
    #[arg(long)]
    password_stdin: bool,
}

impl Key {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        match self.command {
            KeyCommand::New(command) => command.run(console).await,
        }
    }
}

impl New {
    async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let path = match self.output {
            Some(path) => path,
            None => default_key()?,
        };
        let password = match self.password_stdin {
            true => Some(password_from_stdin().await?),
            false => Password::from_environment()?,
        };
        let key = NewKey::make(&path, password.as_ref(), self.force)?;
        if let Some(kept) = &key.kept {
            console.note(format_args!("the key that was there is now {}", kept.display()));
        }
        let locked = match password {
            Some(_) => "The secret half is locked with the password.",
            None => {
                "The secret half has no password: its file is readable by you alone, and who reads it signs in your name."
            }
        };
        let result = json!({
            "id": key.public.id(),
            "public_key": key.public,
            "secret_file": key.secret_file,
            "public_file": key.public_file,
            "has_password": password.is_some(),
            "kept": key.kept,
        });
        let text = format!(
            "key     {}\nsecret  {}\npublic  {}\n\n{}\n\nOperators trust what it signs with this line of their host's settings:\n  \"trust_keys\": [\"{}\"]\nor, in a program: policy.trust_key(\"{}\".parse()?)",
            key.public.id(),
            harmless(&key.secret_file.display().to_string()),
            harmless(&key.public_file.display().to_string()),
            locked,
            key.public,
            key.public,
        );
        console.result("key new", &result, text);
        Ok(Exit::Done)
    }
}

async fn password_from_stdin() -> Result<Password, Failure> {
    if io::stdin().is_terminal() {
        let message = "--password-stdin reads no terminal: others would see what you type";
        return Err(Failure::new(Exit::Usage, "password_on_terminal", message)
            .help("hap key new --password-stdin < FILE"));
    }
    // On a thread of its own: whoever writes into standard input may take long, and Ctrl-C is to be heard meanwhile.
    tokio::task::spawn_blocking(|| read_password(io::stdin().lock(), "standard input"))
        .await
        .map_err(|error| Failure::new(Exit::Failed, "no_password", error.to_string()))?
}

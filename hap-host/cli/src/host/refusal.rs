//! What a failure of the supervisor means to whoever started the host.

use hap_host::{Error, ErrorKind};

use crate::failure::{Exit, Failure};

/// Returns its exit code, its word, its sentence and what to do.
pub(super) fn failure(error: &Error) -> Failure {
    let message = error.report();
    let has = |words: &str| message.contains(words);
    let (exit, code, help) = match error.kind() {
        // It says by itself what to do.
        ErrorKind::Engine if has("What to do: ") => {
            return Failure::new(Exit::Unreachable, "no_engine", message);
        }
        ErrorKind::Engine if has("ermission denied") => (
            Exit::Unreachable,
            "no_engine",
            "let this user use Docker: sudo usermod -aG docker \"$USER\", then log in anew",
        ),
        ErrorKind::Engine => (
            Exit::Unreachable,
            "no_engine",
            "start Docker, or name its socket: engine = \"unix:///...\" in the configuration, or DOCKER_HOST",
        ),
        ErrorKind::Store if has("is in use by another supervisor") => (
            Exit::Conflict,
            "second_host",
            "there is one host for each state folder: stop that one, or give another folder with --state DIR",
        ),
        ErrorKind::Store => (
            Exit::Failed,
            "state_unusable",
            "name a folder that this user may write, with --state DIR or HAP_STATE=DIR",
        ),
        ErrorKind::Timeout => (
            Exit::OutOfTime,
            "out_of_time",
            "look whether the engine is busy, then try again",
        ),
        _ => (
            Exit::Failed,
            "host_failed",
            "hap up --check-config reads the configuration and does nothing else",
        ),
    };
    Failure::new(exit, code, message).help(help)
}

#[cfg(test)]
mod tests {
    use hap_host::{Supervisor, SupervisorConfig};

    use super::*;

    #[tokio::test]
    async fn an_engine_that_does_not_answer_is_not_reached_and_one_piece_of_advice_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let text = serde_json::json!({ "state_folder": folder.path(), "engine": "unix:///no/such.sock" });
        let config = SupervisorConfig::from_json(&text.to_string()).unwrap();
        let failure = failure(&Supervisor::from_config(config).await.unwrap_err());
        assert_eq!(failure.exit(), Exit::Unreachable);
        let advice = [
            failure.help_text().is_some(),
            failure.to_string().contains("What to do: "),
        ];
        assert_eq!(advice.iter().filter(|given| **given).count(), 1, "{failure}");
    }
}

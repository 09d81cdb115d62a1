//! From the traces of a failure to a hint that a person can act on.

use std::time::{Duration, SystemTime};

use futures_util::StreamExt;

use crate::{
    engine::{ContainerId, Engine, EngineError, EngineErrorKind, LogOptions},
    options::deadline,
    state::{Failure, FailureCause},
};

/// Lines of output that go with a failure.
const LINES: u32 = 20;
/// How much older than the start of a run its first lines may be.
const START_SLACK: Duration = Duration::from_secs(1);
/// Pauses before the attempts to read output; a plugin that printed nothing costs them all.
const READ_PAUSES: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(400),
];
/// Longest line that goes with a failure, in characters.
const LINE_CHARS: usize = 400;

/// Reads the last lines of a container's output since `since`; what cannot be read in time is left out.
pub(crate) async fn last_lines(
    engine: &dyn Engine,
    container: &ContainerId,
    since: Option<SystemTime>,
    secrets: &[String],
) -> Vec<String> {
    let mut options = LogOptions::default().tail(LINES);
    // An engine notes the moment of the start after the process runs, so its first lines may be older than that.
    if let Some(since) = since.and_then(|since| since.checked_sub(START_SLACK)) {
        options = options.since(since);
    }
    let mut lines = Vec::new();
    let read = async {
        // Output is on its way to the engine for a moment after the process ended.
        for pause in READ_PAUSES {
            tokio::time::sleep(pause).await;
            let mut stream = engine.logs(container, &options);
            while let Some(Ok(line)) = stream.next().await {
                if lines.len() == LINES as usize {
                    lines.remove(0);
                }
                lines.push(redact(line.text, secrets).chars().take(LINE_CHARS).collect());
            }
            if !lines.is_empty() {
                return;
            }
        }
    };
    // Whatever came by the deadline is better than nothing.
    let _ = tokio::time::timeout(deadline::DIAGNOSIS, read).await;
    lines
}

/// A plugin may print what it was given; what it was given in confidence goes no further.
fn redact(line: String, secrets: &[String]) -> String {
    secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .fold(line, |line, secret| {
            if line.contains(secret.as_str()) {
                line.replace(secret.as_str(), "[REDACTED]")
            } else {
                line
            }
        })
}

/// What an engine's refusal to start a container means.
pub(crate) fn refused_start(error: &EngineError) -> Failure {
    let text = error.to_string();
    let cause = if error.kind() == EngineErrorKind::Failed {
        FailureCause::Exited
    } else {
        FailureCause::Refused
    };
    let failure = Failure::new(cause, text.clone());
    match hint_from_text(&text) {
        Some(hint) => Failure {
            cause: FailureCause::Image,
            ..failure
        }
        .with_hint(hint),
        None => failure,
    }
}

/// Adds the output, and a hint where the output or the failure itself gives one.
pub(crate) fn explain(mut failure: Failure, lines: Vec<String>, api_port: u16) -> Failure {
    if failure.hint.is_none() {
        let hint = lines.iter().rev().find_map(|line| hint_from_text(line));
        failure.hint = hint
            .map(ToOwned::to_owned)
            .or_else(|| hint_from_failure(&failure, api_port));
    }
    failure.last_lines = lines;
    failure
}

fn hint_from_text(text: &str) -> Option<&'static str> {
    const HINTS: &[(&str, &str)] = &[
        (
            "xec format error",
            "the image's program is for another processor architecture: build it for this one",
        ),
        (
            // What Docker's init prints when it cannot become the image's program.
            "[FATAL tini",
            "the image's ENTRYPOINT cannot be run: is the program in the image, is it executable, and is it static if \
             the image is FROM scratch?",
        ),
        (
            "Address already in use",
            "something in the container already listens on that port",
        ),
        (
            "Read-only file system",
            "the root file system is read-only: write to /tmp or to a volume of the manifest",
        ),
        (
            "No space left on device",
            "a disk or a memory file system is full",
        ),
        (
            "executable file not found",
            "the image's ENTRYPOINT names a program that is not in the image",
        ),
        (
            "no such file or directory",
            "a program or file is missing in the image; for a program: check ENTRYPOINT, and that it is \
             statically linked if the image is FROM scratch",
        ),
        (
            "ermission denied",
            "the program runs without capabilities and perhaps as another user: check file modes and the owner \
             of what it opens",
        ),
    ];
    HINTS
        .iter()
        .find(|(needle, _)| text.contains(needle))
        .map(|(_, hint)| *hint)
}

fn hint_from_failure(failure: &Failure, api_port: u16) -> Option<String> {
    let never_answered = failure.cause == FailureCause::NotHealthyInTime;
    if never_answered && failure.message.contains("efused") {
        return Some(format!(
            "it runs, and nothing listens on port {api_port} of its own address: let it listen on 0.0.0.0 (not on \
             127.0.0.1) and on the port that the variable PORT names"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_listens_on_the_wrong_address_or_port_is_told_so() {
        let failure = Failure::new(
            FailureCause::NotHealthyInTime,
            "did not become healthy in time, the last health check: cannot connect to 10.0.0.2:8000: Connection refused",
        );
        let hint = explain(failure, Vec::new(), 8000).hint.unwrap();
        assert!(hint.contains("0.0.0.0") && hint.contains("8000"), "{hint}");
    }

    #[test]
    fn secrets_that_a_plugin_prints_go_no_further() {
        let secrets = ["hunter2".to_owned(), String::new()];
        let line = redact("token=hunter2, again hunter2".to_owned(), &secrets);
        assert_eq!(line, "token=[REDACTED], again [REDACTED]");
    }

    #[test]
    fn the_last_telling_line_gives_the_hint() {
        let lines = vec![
            "starting".to_owned(),
            "open /x: Read-only file system (os error 30)".to_owned(),
        ];
        let failure = explain(
            Failure::new(FailureCause::Exited, "ended with exit code 1"),
            lines,
            8000,
        );
        assert!(failure.hint.unwrap().contains("read-only"));
        assert_eq!(failure.last_lines.len(), 2);
    }

    #[test]
    fn a_program_that_is_not_in_the_image_is_recognised_by_the_words_of_the_init() {
        let lines = vec!["[FATAL tini (7)] exec /plugin failed: No such file or directory".to_owned()];
        let failure = explain(
            Failure::new(FailureCause::Exited, "ended with exit code 127"),
            lines,
            8000,
        );
        assert!(failure.hint.unwrap().contains("ENTRYPOINT"));
        let lines = vec!["[FATAL tini (7)] exec /plugin failed: Exec format error".to_owned()];
        let failure = explain(
            Failure::new(FailureCause::Exited, "ended with exit code 127"),
            lines,
            8000,
        );
        assert!(failure.hint.unwrap().contains("architecture"));
    }

    #[test]
    fn a_program_for_another_architecture_is_the_images_fault() {
        let error = EngineError::new(
            EngineErrorKind::Failed,
            "start",
            "hap.default.p",
            "exec format error",
        );
        let failure = refused_start(&error);
        assert_eq!(failure.cause, FailureCause::Image);
        assert!(failure.hint.unwrap().contains("architecture"));
    }
}

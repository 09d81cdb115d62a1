//! Turns the evidence of a failure into a hint that a person can act on.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::StreamExt;

use crate::{
    engine::{
        Engine, deadline,
        error::{EngineError, EngineErrorKind},
        observed::ContainerId,
        program_fault::ProgramFault,
        stream::LogOptions,
    },
    model::{
        failure::{Failure, FailureCause},
        redact::Redactor,
    },
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
/// Addresses that a hint names; a plugin may listen on thousands.
const MAX_NAMED: usize = 3;
/// How a message of Docker's init begins that ends it.
const INIT_FAILED: &str = "[FATAL tini";
/// Longest line that goes with a failure, in characters.
const LINE_CHARS: usize = 400;

/// Reads the last lines of a container's output since `since`. A plugin may print what it was given
/// in confidence, and that goes no further; what cannot be read in time is left out.
pub(crate) async fn last_lines(
    engine: &dyn Engine,
    container: &ContainerId,
    since: Option<SystemTime>,
    redactor: &Redactor,
) -> Vec<String> {
    let mut options = LogOptions::default().tail(LINES);
    // An engine notes the moment of the start after the process runs, so its first lines may be
    // older than that.
    // A start that is still to come is one before the clock was set back: what was printed since then is older.
    let since = since.filter(|since| *since <= SystemTime::now());
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
                lines.push(redactor.line(&line.text, LINE_CHARS));
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

/// Where the programs in a container listen, where the engine can tell.
pub(crate) type Listening = Option<Vec<SocketAddr>>;

/// Asks the engine where the programs in a container listen; what it cannot tell in time is left
/// out.
pub(crate) async fn listening(engine: Arc<dyn Engine>, container: ContainerId) -> Listening {
    let asked = tokio::time::timeout(deadline::DIAGNOSIS, engine.diagnostics()?.listening(&container));
    asked.await.ok()?.ok()?
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
    match hint_from_refusal(&text).or_else(|| hint_from_text(&text)) {
        Some(hint) => Failure {
            cause: FailureCause::Image,
            ..failure
        }
        .with_hint(hint),
        None => failure,
    }
}

/// What is known of a plugin besides its output, when one of its runs failed.
#[derive(Debug, Clone, Default)]
pub(crate) struct FailureEvidence {
    /// The port of its manifest.
    pub api_port: u16,
    /// Where its programs listened just before it was stopped, where the engine could tell.
    pub listening: Listening,
    /// What is wrong with its program, where it was never run and the engine could tell.
    pub program: Option<ProgramFault>,
}

/// Adds the output, and a hint where the output or the failure itself gives one. A program that
/// could not be run at all is a fault of the image.
pub(crate) fn explain(mut failure: Failure, lines: Vec<String>, evidence: &FailureEvidence) -> Failure {
    if failure.cause == FailureCause::Exited && lines.last().is_some_and(|line| never_ran(line)) {
        failure.cause = FailureCause::Image;
    }
    if failure.hint.is_none() {
        let hint = lines.iter().rev().find_map(|line| hint_from_text(line));
        failure.hint = (evidence.program.as_ref().map(ToString::to_string))
            .or_else(|| hint.map(ToOwned::to_owned))
            .or_else(|| hint_from_failure(&failure, evidence));
    }
    failure.last_lines = lines;
    failure
}

/// What is wrong with the program of a container that never came to run it.
pub(crate) async fn program_fault(
    engine: &dyn Engine,
    container: &ContainerId,
    failure: &Failure,
    lines: &[String],
) -> Option<ProgramFault> {
    if failure.cause != FailureCause::Exited || !lines.last().is_some_and(|line| never_ran(line)) {
        return None;
    }
    let asked = engine.diagnostics()?.program_fault(container);
    let asked = tokio::time::timeout(deadline::DIAGNOSIS, asked);
    asked.await.ok()?.ok()?
}

/// What Docker's init says last when it cannot become the image's program. No start of the same
/// image ends otherwise.
fn never_ran(line: &str) -> bool {
    line.starts_with(INIT_FAILED) && line.contains(" exec ") && line.contains(" failed: ")
}

/// What an engine says of an image that no container can be started from, whenever it is tried. A
/// plugin may print such words for reasons of its own.
fn hint_from_refusal(text: &str) -> Option<&'static str> {
    const USER: &str = "the image's USER is not in its /etc/passwd: add the user to the image, or name it by number, such \
                        as USER 65534";
    const GROUP: &str = "the group of the image's USER is not in its /etc/group: add it to the image, or name it by \
                         number, such as USER 65534:65534";
    const RANGE: &str = "the image's USER is a number that no user can have: use 0 to 2147483647";
    const WORKDIR: &str = "the image's WORKDIR cannot be entered: name a whole path to a folder of the image that its USER \
                           may enter";
    const HINTS: &[(&str, &str)] = &[
        ("unable to find user", USER),
        ("no matching entries in passwd", USER),
        ("unable to find group", GROUP),
        ("no matching entries in group", GROUP),
        ("uids and gids must be in range", RANGE),
        ("chdir to cwd", WORKDIR),
        ("Cwd must be an absolute path", WORKDIR),
        ("mkdir to cwd", WORKDIR),
    ];
    find_hint(HINTS, text)
}

fn find_hint(hints: &[(&str, &'static str)], text: &str) -> Option<&'static str> {
    let told = hints.iter().find(|(needle, _)| text.contains(needle));
    told.map(|(_, hint)| *hint)
}

fn hint_from_text(text: &str) -> Option<&'static str> {
    const HINTS: &[(&str, &str)] = &[
        (
            "xec format error",
            "the image's program is for another processor architecture, or no program at all: build it for this machine",
        ),
        (
            INIT_FAILED,
            "the image's ENTRYPOINT cannot be run: is the program in the image, is it executable, is it for this machine's \
             processor, and is it static if the image is FROM scratch?",
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
    find_hint(HINTS, text)
}

fn hint_from_failure(failure: &Failure, evidence: &FailureEvidence) -> Option<String> {
    let silent = matches!(
        failure.cause,
        FailureCause::NotHealthyInTime | FailureCause::Unresponsive
    );
    // Whatever else was amiss, the message says it: an answer that is not good, a container that is
    // paused.
    let refused = failure.message.contains("efused");
    if !silent || !(refused || failure.message.contains("no answer from")) {
        return None;
    }
    let port = evidence.api_port;
    match &evidence.listening {
        Some(listening) => Some(hint_from_listening(listening, port, refused)),
        None if refused => Some(format!(
            "it runs, and nothing listens on port {port} of its own address: let it listen on 0.0.0.0 (not on \
             127.0.0.1) and on the port that the variable PORT names"
        )),
        None => None,
    }
}

fn hint_from_listening(listening: &[SocketAddr], port: u16, refused: bool) -> String {
    let on_port = || listening.iter().filter(|address| address.port() == port);
    if let Some(inside) = on_port().next()
        && on_port().all(|address| address.ip().is_loopback())
    {
        return format!(
            "it listens on {inside} only, where nothing outside its container reaches it: let it listen on 0.0.0.0:{port}"
        );
    }
    // `[::]` may take IPv4 as well, unless a connection is refused.
    let unheard = |address: &SocketAddr| {
        address.ip().is_loopback() || address.is_ipv6() && (refused || !address.ip().is_unspecified())
    };
    if let Some(only) = on_port().find(|address| !address.ip().is_loopback())
        && on_port().all(unheard)
    {
        return format!(
            "it listens on {only} for IPv6 only, and it is reached over IPv4: let it listen on 0.0.0.0:{port}"
        );
    }
    if on_port().next().is_some() {
        return format!(
            "it listens on port {port} and does not answer: is it blocked, or still busy with its start?"
        );
    }
    let elsewhere: Vec<_> = listening
        .iter()
        .take(MAX_NAMED)
        .map(ToString::to_string)
        .collect();
    if elsewhere.is_empty() {
        return format!(
            "it runs and listens on no TCP port: let it listen on 0.0.0.0:{port}, as the variable PORT says"
        );
    }
    format!(
        "it listens on {}, and not on port {port}: let it listen on the port that the variable PORT names, or name \
         its port in api_port of the manifest",
        elsewhere.join(" and ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(listening: Option<&[&str]>) -> FailureEvidence {
        let listening = listening.map(|all| all.iter().map(|address| address.parse().unwrap()).collect());
        FailureEvidence {
            api_port: 8000,
            listening,
            program: None,
        }
    }

    fn unreachable() -> Failure {
        Failure::new(
            FailureCause::NotHealthyInTime,
            "did not become healthy in time, the last health check: cannot connect to 10.0.0.2:8000: Connection refused",
        )
    }

    #[test]
    fn one_that_cannot_be_reached_is_told_where_it_listens() {
        for (listening, words) in [
            (None, "nothing listens on port 8000 of its own address"),
            (Some(&[][..]), "listens on no TCP port"),
            (Some(&["127.0.0.1:8000"][..]), "on 127.0.0.1:8000 only"),
            (Some(&["[::1]:8000", "127.0.0.1:8000"][..]), "on [::1]:8000 only"),
            (
                Some(&["0.0.0.0:9000", "[::]:9001"][..]),
                "on 0.0.0.0:9000 and [::]:9001, and not on port 8000",
            ),
            (
                Some(&["127.0.0.1:8000", "0.0.0.0:8000"][..]),
                "listens on port 8000 and does not answer",
            ),
        ] {
            let hint = explain(unreachable(), Vec::new(), &evidence(listening))
                .hint
                .unwrap();
            assert!(hint.contains(words), "{listening:?}: {hint}");
        }
        let ended = Failure::new(FailureCause::Exited, "ended with exit code 1");
        assert_eq!(explain(ended, Vec::new(), &evidence(Some(&[]))).hint, None);
    }

    #[test]
    fn one_that_listens_for_ipv6_only_is_told_so_where_that_is_certain() {
        let late = Failure::new(
            FailureCause::NotHealthyInTime,
            "did not become healthy in time, the last health check: no answer from /health within 5s",
        );
        for (listening, failure, words) in [
            ("[::]:8000", unreachable(), "listens on [::]:8000 for IPv6 only"),
            (
                "[fd00::2]:8000",
                unreachable(),
                "listens on [fd00::2]:8000 for IPv6 only",
            ),
            ("[fd00::2]:8000", late.clone(), "let it listen on 0.0.0.0:8000"),
            ("[::]:8000", late, "does not answer: is it blocked"),
        ] {
            for inside in [&[][..], &["127.0.0.1:8000"]] {
                let all = [&[listening], inside].concat();
                let told = explain(failure.clone(), Vec::new(), &evidence(Some(&all)));
                let hint = told.hint.unwrap();
                assert!(hint.contains(words), "{all:?}: {hint}");
            }
        }
    }

    #[test]
    fn only_the_last_word_of_the_init_makes_it_the_images_fault() {
        let ended = || Failure::new(FailureCause::Exited, "ended with exit code 1");
        let fatal = "[FATAL tini (7)] exec /plugin failed: Exec format error".to_owned();
        let told = explain(ended(), vec![fatal.clone()], &evidence(None));
        assert_eq!(told.cause, FailureCause::Image);
        let earlier = vec![fatal, "hello".to_owned()];
        assert_eq!(
            explain(ended(), earlier, &evidence(None)).cause,
            FailureCause::Exited
        );
        let other = vec!["[FATAL tini (7)] no more processes".to_owned()];
        assert_eq!(
            explain(ended(), other, &evidence(None)).cause,
            FailureCause::Exited
        );
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
            &evidence(None),
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
            &evidence(None),
        );
        assert!(failure.hint.unwrap().contains("ENTRYPOINT"));
        let lines = vec!["[FATAL tini (7)] exec /plugin failed: Exec format error".to_owned()];
        let failure = explain(
            Failure::new(FailureCause::Exited, "ended with exit code 127"),
            lines,
            &evidence(None),
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

//! How a plugin ends, and what it tells meanwhile.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::case::{Case, case};
use crate::{
    bench::{Bench, Reply, Started},
    outcome::{Stop, Verdict},
    target::Exit,
};

pub(super) const CASES: &[Case] = &[
    case!(
        "stop.grace",
        "P-STOP-1",
        (R, R),
        Started,
        "it is gone within the grace after SIGTERM",
        "handle SIGTERM; as process 1 of a container it does nothing by itself",
        grace
    ),
    case!("stop.exit-0", "P-STOP-3", (-, R), Started, "it exits with 0 after SIGTERM", "leave your main function in place of being ended by the signal", exit_0),
    case!("stop.in-flight", "P-STOP-2", (-, R), Started, "a command that runs at SIGTERM is answered", "on SIGTERM stop accepting, finish what runs, then exit", in_flight),
    case!("stop.twice", "P-STOP-4", (-, r), Started, "a second SIGTERM makes nothing worse", "a second signal may end the process at once, and must not hang it", twice),
    case!("exit.78", "P-EXIT-1", (-, o), Unstarted, "settings from the environment that it refuses end it with 78", "exit with 78 where the configuration is wrong, so that it is not started again and again", exit_78),
    case!("log.no-secret", "P-ENV-3", (-, R), Started, "neither its token nor its secret is in its output", "do not log headers, the environment or settings as a whole", no_secret),
];

async fn ended(bench: &mut Bench, sent: &str) -> Result<Exit, Stop> {
    let grace = bench.declared().grace;
    let exit = bench.exit(grace).await;
    exit.ok_or_else(|| {
        Stop::fail(
            sent,
            format!("it runs on after {grace:?}"),
            format!("its end within {grace:?}"),
        )
    })
}

async fn grace(bench: &mut Bench) -> Verdict {
    bench.terminate().await?;
    ended(bench, "SIGTERM").await.map(drop)
}

async fn exit_0(bench: &mut Bench) -> Verdict {
    bench.terminate().await?;
    let Some(exit) = bench.exit(bench.declared().grace).await else {
        // That is another case.
        return Err(Stop::NotApplicable("it does not end".to_owned()));
    };
    match exit {
        Exit::Code(0) => Ok(()),
        other => Err(Stop::fail("SIGTERM", other.to_string(), "exit code 0")),
    }
}

async fn in_flight(bench: &mut Bench) -> Verdict {
    let Some(slow) = bench.declared().inputs.slow_command.clone() else {
        return Err(Stop::not_declared("a command that takes a second (slow_command)"));
    };
    // On a connection that is there when the signal comes.
    let asked = bench.ask(bench.command_request(&slow));
    let signalled = async {
        sleep(Duration::from_millis(300)).await;
        Instant::now()
    };
    let mut asked = Box::pin(asked);
    tokio::select! {
        biased;
        early = &mut asked => {
            let took = early.took;
            early.check(Reply::is_success, "the command carried out")?;
            return Err(Stop::NotApplicable(format!("slow_command took {took:?} only")));
        }
        _ = signalled => {}
    }
    let sent = "the command of slow_command, and SIGTERM 300 ms later";
    bench.terminate().await?;
    let answered = asked.as_mut().await;
    drop(asked);
    if !answered.came.as_ref().is_ok_and(Reply::is_success) {
        return Err(Stop::fail(sent, answered.shown(), "the answer to the command"));
    }
    ended(bench, sent).await.map(drop)
}

async fn twice(bench: &mut Bench) -> Verdict {
    bench.terminate().await?;
    // It may be gone already, and then there is nobody to signal.
    let _ = bench.terminate().await;
    ended(bench, "SIGTERM twice").await.map(drop)
}

async fn exit_78(bench: &mut Bench) -> Verdict {
    let refused = &bench.declared().inputs.refused_environment;
    if refused.is_empty() {
        return Err(Stop::not_declared(
            "variables that it must not start with (refused_environment)",
        ));
    }
    let variables: Vec<(String, String)> = refused
        .iter()
        .map(|(name, value)| {
            (
                name.clone(),
                value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            )
        })
        .collect();
    let names: Vec<_> = variables.iter().map(|(name, _)| name.as_str()).collect();
    let sent = format!("a start with the refused values of {}", names.join(", "));
    bench.start(&variables).await?;
    match bench.started() {
        Started::Ended(Exit::Code(78)) => Ok(()),
        Started::Ended(exit) => Err(Stop::fail(sent, exit.to_string(), "exit code 78")),
        Started::Healthy | Started::OnWrongPort => Err(Stop::fail(sent, "it is healthy", "exit code 78")),
        Started::Never(last) => Err(Stop::fail(sent, last.as_str(), "exit code 78")),
    }
}

async fn no_secret(bench: &mut Bench) -> Verdict {
    // Whatever it logs at calls, at wrong ones too.
    bench.ask(bench.ordinary()).await;
    bench.ask(bench.unknown_command()).await;
    if !bench.declared().inputs.event_commands.is_empty() {
        bench.event_command().await.ok();
    }
    bench.terminate().await?;
    bench.exit(bench.declared().grace).await;
    let output = bench.output();
    let secret = bench.platform.secret().expose();
    let bare = secret.trim_start_matches("whsec_").to_owned();
    for (name, value) in [
        ("HAP_API_TOKEN", bench.platform.token().expose().to_owned()),
        ("HAP_WEBHOOK_SECRET", bare),
    ] {
        if let Some(line) = output.lines().find(|line| line.contains(&value)) {
            let line = line.replace(&value, "[the value]");
            let came = format!("its output has the value of {name}: {line}");
            return Err(Stop::fail(
                "calls with a token, and SIGTERM",
                came,
                "an output without it",
            ));
        }
    }
    Ok(())
}

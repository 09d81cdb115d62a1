//! A plugin under test, and what cases do with it.

mod exchange;
mod port;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use hap_manifest::{env, wire::CommandRequest};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

pub(crate) use exchange::{Exchange, Reply};
use port::free_port;

use crate::{
    declaration::{Declaration, Facts},
    http::{Broken, Connection, Request},
    outcome::{Stop, Verdict},
    platform::{Answer, Platform},
    target::{Environment, Exit, Kind, Running},
};

/// Longest time for any answer but that of a health check.
pub(crate) const CALL: Duration = Duration::from_secs(30);
/// How long others may be kept waiting by one client or one command.
pub(crate) const SOON: Duration = Duration::from_secs(3);

/// What all benches of a run have in common.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) target: Kind,
    pub(crate) facts: Facts,
    /// Whether its events were waited for in vain, so that no other case needs to.
    pub(crate) sends_nothing: AtomicBool,
}

/// A plugin under test, with a platform and a data folder of its own.
#[derive(Debug)]
pub(crate) struct Bench {
    common: Arc<Common>,
    pub(crate) platform: Platform,
    running: Option<Box<dyn Running>>,
    at: SocketAddr,
    token: Option<String>,
    data: Option<TempDir>,
    /// The place of the next command that sends an event.
    next_event: usize,
    /// How its last start went.
    started: Started,
    /// Whether its health check asks for the token, which is a case of its own.
    health_takes_token: bool,
}

/// How a plugin came to be healthy, or not.
#[derive(Debug, Clone)]
pub(crate) enum Started {
    Healthy,
    /// On the port of the manifest in place of the one that it was given.
    OnWrongPort,
    /// It ended before.
    Ended(Exit),
    /// It was never healthy; what its health check last came to.
    Never(String),
}

impl Started {
    pub(crate) const fn is_healthy(&self) -> bool {
        matches!(self, Self::Healthy | Self::OnWrongPort)
    }
}

impl Bench {
    pub(crate) async fn new(common: Arc<Common>) -> Result<Self, Stop> {
        let failed = |what: &str, error: &dyn std::fmt::Display| Stop::Error(format!("{what}: {error}"));
        let declared = &common.facts.declaration;
        let here = match &common.target {
            Kind::Started(launcher) => launcher.platform_address(),
            Kind::Running(_) => Ipv4Addr::LOCALHOST.into(),
        };
        let platform = Platform::start_at(&declared.id, here).await;
        let platform = platform.map_err(|error| failed("the platform cannot listen", &error))?;
        // Each case looks at what came by itself; what is refused would come again in the midst of the next.
        platform.answer_with(Answer::status(202));
        let data = match (&common.target, declared.keeps_data) {
            (Kind::Started(_), true) => Some(
                TempDir::with_prefix("hap-conformance-")
                    .map_err(|error| failed("no folder for data", &error))?,
            ),
            _ => None,
        };
        let (at, token) = match &common.target {
            Kind::Running(url) => (
                url.address,
                url.token.as_ref().map(|token| token.expose().to_owned()),
            ),
            Kind::Started(_) => {
                let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                (nowhere, Some(platform.token().expose().to_owned()))
            }
        };
        Ok(Self {
            common,
            platform,
            running: None,
            at,
            token,
            data,
            next_event: 0,
            started: Started::Never("it was not started".to_owned()),
            health_takes_token: false,
        })
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.common.facts
    }

    pub(crate) fn declared(&self) -> &Declaration {
        &self.common.facts.declaration
    }

    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub(crate) fn at(&self) -> SocketAddr {
        self.at
    }

    /// Whether the suite starts and stops the plugin.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.common.target, Kind::Started(_))
    }

    pub(crate) fn is_isolated(&self) -> bool {
        matches!(&self.common.target, Kind::Started(launcher) if launcher.is_isolated())
    }

    /// Starts the plugin and waits until it is healthy, in place of one that runs.
    pub(crate) async fn start(&mut self, variables: &[(String, String)]) -> Verdict {
        let common = Arc::clone(&self.common);
        let Kind::Started(launcher) = &common.target else {
            self.started = self.wait_for_health().await;
            return Ok(());
        };
        self.stop_at_once().await;
        self.next_event = 0;
        let port = free_port().ok_or_else(|| Stop::Error("no port is free".to_owned()))?;
        let environment = self.environment(port, variables);
        let running = launcher.start(&environment).await;
        let running = running.map_err(|error| Stop::Error(format!("it cannot be started: {error}")))?;
        self.at = running.address();
        self.running = Some(running);
        self.started = self.wait_for_health().await;
        Ok(())
    }

    /// Starts it and fails the case where it does not become healthy.
    pub(crate) async fn start_healthy(&mut self) -> Verdict {
        self.start(&[]).await?;
        let came = match &self.started {
            Started::Healthy | Started::OnWrongPort => return Ok(()),
            Started::Ended(exit) => exit.to_string(),
            Started::Never(last) => last.clone(),
        };
        Err(Stop::fail("a start", came, "a 2xx of its health check"))
    }

    /// How the last start went.
    pub(crate) const fn started(&self) -> &Started {
        &self.started
    }

    pub(crate) fn common(&self) -> Arc<Common> {
        Arc::clone(&self.common)
    }

    /// Puts in what was learnt of the plugin since.
    pub(crate) fn learn(&mut self, common: Arc<Common>) {
        self.common = common;
    }

    fn environment(&self, port: u16, variables: &[(String, String)]) -> Environment {
        let declared = self.declared();
        let mut all = declared.variables.clone();
        all.extend(variables.iter().cloned());
        for (name, value) in [
            (env::PLUGIN_ID, declared.id.to_string()),
            (env::PLUGIN_NAME, declared.name.clone()),
            (env::PLUGIN_VERSION, declared.version.clone()),
            (env::PORT, port.to_string()),
        ] {
            all.push((name.to_owned(), value));
        }
        for (name, value) in self.platform.environment() {
            all.push((name.to_owned(), value));
        }
        let data_dir: Option<PathBuf> = self.data.as_ref().map(|data| data.path().to_owned());
        if let Some(folder) = &data_dir {
            all.push((env::HAP_DATA_DIR.to_owned(), folder.display().to_string()));
        }
        Environment {
            port,
            variables: all,
            data_dir,
        }
    }

    async fn wait_for_health(&mut self) -> Started {
        // One that runs already has had its time.
        let period = if self.is_ours() {
            self.declared().start_period
        } else {
            SOON
        };
        let deadline = Instant::now() + period;
        let mut pause = Duration::from_millis(10);
        // Where a plugin listens that does not look at `PORT`.
        let usual = SocketAddr::new(self.at.ip(), self.declared().api_port);
        loop {
            let mut asked = self.health().await;
            if !self.health_takes_token
                && asked
                    .came
                    .as_ref()
                    .is_ok_and(|reply| matches!(reply.status(), 401 | 403))
            {
                self.health_takes_token = true;
                asked = self.health().await;
            }
            if asked.came.as_ref().is_ok_and(Reply::is_good) {
                return Started::Healthy;
            }
            if let Some(exit) = self.exit(Duration::ZERO).await {
                return Started::Ended(exit);
            }
            let is_silent = matches!(asked.came, Err(Broken::Refused(_)));
            if self.is_ours() && is_silent && usual != self.at && pause > Duration::from_millis(100) {
                let given = std::mem::replace(&mut self.at, usual);
                if self.health().await.came.is_ok_and(|reply| reply.is_good()) {
                    return Started::OnWrongPort;
                }
                self.at = given;
            }
            if Instant::now() + pause >= deadline {
                return Started::Never(asked.shown());
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// How the plugin ended; `None` where it runs on after this time, or is not ours.
    pub(crate) async fn exit(&mut self, within: Duration) -> Option<Exit> {
        self.running.as_mut()?.ended(within).await
    }

    pub(crate) async fn terminate(&self) -> Verdict {
        let Some(running) = &self.running else {
            return Err(Stop::Error("nothing runs that could be stopped".to_owned()));
        };
        let asked = running.terminate().await;
        asked.map_err(|error| Stop::Error(error.to_string()))
    }

    pub(crate) async fn stop_at_once(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().await;
        }
    }

    pub(crate) fn output(&self) -> String {
        self.running
            .as_ref()
            .map(|running| running.output())
            .unwrap_or_default()
    }

    /// Where it listens that nobody else reaches, if that is all.
    pub(crate) async fn listens_to_itself(&self) -> Option<SocketAddr> {
        let all = self.running.as_ref()?.listening().await?;
        let is_open = all.iter().any(|address| !address.ip().is_loopback());
        all.first().copied().filter(|_| !is_open)
    }

    pub(crate) fn other_address(&self) -> Option<SocketAddr> {
        let other = self.running.as_ref()?.other_address()?;
        Some(SocketAddr::new(other.ip(), self.at.port()))
    }

    /// Whether the next case may go on with this plugin.
    pub(crate) async fn is_well(&mut self) -> bool {
        let has_ended = self.exit(Duration::ZERO).await.is_some();
        !has_ended && self.health().await.came.is_ok_and(|reply| reply.is_good())
    }

    pub(crate) async fn health(&self) -> Exchange {
        let mut request = Request::get(&self.declared().paths.health);
        if self.health_takes_token {
            request = self.with_token(request);
        }
        self.send(self.at, &request, self.declared().health_timeout).await
    }

    /// Sends a request with the token and waits for its answer.
    pub(crate) async fn ask(&self, request: Request) -> Exchange {
        self.ask_within(request, CALL).await
    }

    pub(crate) async fn ask_within(&self, request: Request, within: Duration) -> Exchange {
        self.send(self.at, &self.with_token(request), within).await
    }

    pub(crate) fn with_token(&self, request: Request) -> Request {
        match &self.token {
            Some(token) => request.bearer(token),
            None => request,
        }
    }

    /// Sends a request on a connection of its own, as it is.
    pub(crate) async fn send(&self, at: SocketAddr, request: &Request, within: Duration) -> Exchange {
        let sent = request.shown();
        self.raw(at, &request.bytes(&at.to_string()), sent, within).await
    }

    /// Sends bytes on a connection of their own.
    pub(crate) async fn raw(&self, at: SocketAddr, bytes: &[u8], sent: String, within: Duration) -> Exchange {
        let began = Instant::now();
        let came = timeout(within, async {
            let mut connection = Connection::open(at).await?;
            let sending = connection.send(bytes).await;
            // Who refuses a body may do so, and hang up, before all of it came.
            let within = if sending.is_ok() {
                within
            } else {
                Duration::from_secs(1)
            };
            match (connection.answer(within).await, sending) {
                (Ok((head, body)), _) => Ok(Reply::new(head, body)),
                (Err(_), Err(broken)) | (Err(broken), Ok(())) => Err(broken),
            }
        });
        let came = came.await.unwrap_or(Err(Broken::Silent(within)));
        Exchange {
            sent,
            came,
            took: began.elapsed(),
        }
    }

    pub(crate) async fn command(&self, command: &CommandRequest) -> Exchange {
        self.ask(self.command_request(command)).await
    }

    pub(crate) fn command_request(&self, command: &CommandRequest) -> Request {
        let body = serde_json::to_vec(command).unwrap_or_default();
        Request::post(&self.declared().paths.command, body)
    }

    /// A command that is known to work; without one the case is not applicable.
    pub(crate) fn known_command(&self) -> Result<CommandRequest, Stop> {
        let known = self.facts().commands.first();
        known
            .cloned()
            .ok_or_else(|| Stop::not_declared("a command that can be carried out at any time (commands)"))
    }

    /// Something that always has an answer: a known command, or the status.
    pub(crate) fn ordinary(&self) -> Request {
        match self.facts().commands.first() {
            Some(command) => self.command_request(command),
            None => Request::get(&self.declared().paths.status),
        }
    }

    pub(crate) fn unknown_command(&self) -> Request {
        let name = "no_such_command_of_any_plugin";
        Request::json(
            &self.declared().paths.command,
            &json!({"command": name, "params": {}}),
        )
    }

    /// Has the plugin send an event, by the next of the declared commands.
    pub(crate) async fn event_command(&mut self) -> Result<Exchange, Stop> {
        let request = self.event_request()?;
        let asked = self.ask(request).await;
        asked.check(
            Reply::is_success,
            "a command that is carried out, and sends an event",
        )?;
        Ok(asked)
    }

    /// The next of the declared commands that send an event.
    pub(crate) fn event_request(&mut self) -> Result<Request, Stop> {
        let commands = &self.declared().inputs.event_commands;
        let Some(command) = commands.get(self.next_event % commands.len().max(1)) else {
            return Err(Stop::not_declared("commands that send an event (event_commands)"));
        };
        let request = self.command_request(command);
        self.next_event += 1;
        Ok(request)
    }
}

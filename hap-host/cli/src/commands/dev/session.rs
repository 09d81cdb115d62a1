use std::{
    collections::BTreeSet,
    ffi::OsString,
    future::{Future, pending},
    path::PathBuf,
    pin::Pin,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    caller::{Caller, Reply},
    lines::Lines,
    place::{Place, Settings},
    program::{Line, Program, Sign},
    show::Show,
    watch::Watch,
};
use crate::{
    cargo::RustPlugin,
    failure::{Exit, Failure},
    project::{Language, Project},
    terminal::{Console, Interrupt},
};

/// The time between SIGTERM and SIGKILL where the manifest names none.
const GRACE: Duration = Duration::from_secs(10);

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A plugin that is worked on.
pub(super) struct Session<'a> {
    console: &'a Console,
    pub(super) show: Show<'a>,
    pub(super) project: Project,
    pub(super) place: Place,
    variables: Vec<(String, String)>,
    /// What the command line names in place of the plugin's own program.
    named: Vec<OsString>,
    pub(super) file: Option<PathBuf>,
    pub(super) settings: Option<Value>,
    caller: Caller,
    changes: mpsc::Receiver<BTreeSet<PathBuf>>,
    _watching: Option<Watching>,

    pub(super) program: Option<Program>,
    /// What takes its time, and what it comes to.
    build: Option<Work<Result<PathBuf, Failure>>>,
    pub(super) health: Option<Work<Result<Duration, String>>>,
    reply: Option<Work<(String, Result<Reply, String>)>>,
    pub(super) done: usize,
    pub(super) failed: usize,
}

/// Ends the watch with the session.
struct Watching(AbortHandle);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The result of work, if there is any to wait for.
async fn result<T>(work: &mut Option<Work<T>>) -> T {
    let Some(running) = work else {
        return pending().await;
    };
    let result = running.await;
    *work = None;
    result
}

async fn sign(program: &mut Option<Program>) -> Sign {
    match program {
        Some(program) => program.sign().await,
        None => pending().await,
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(
        console: &'a Console,
        project: Project,
        place: Place,
        variables: Vec<(String, String)>,
        named: Vec<OsString>,
        config: Option<Settings>,
    ) -> Result<Self, Failure> {
        if named.is_empty() && project.start().is_none() {
            let message = format!(
                "nothing in {} tells how the plugin is started",
                project.folder().display()
            );
            return Err(Failure::new(Exit::NotFound, "no_program", message)
                .help("name the program: hap dev -- PROGRAM ARGUMENTS"));
        }
        let (file, settings) = config.map_or((None, None), |config| (Some(config.file), Some(config.value)));
        let (sender, changes) = mpsc::channel(1);
        // `hap build` puts the program for the image beside the Dockerfile.
        let made = (project.language() == Some(Language::Rust)).then(|| project.manifest().id().to_string());
        let watching = match Watch::new(project.folder(), file.as_deref(), made) {
            Ok(mut watch) => {
                let watching =
                    tokio::spawn(async move { while sender.send(watch.changes().await).await.is_ok() {} });
                Some(Watching(watching.abort_handle()))
            }
            Err(error) => {
                console.warning(format_args!(
                    "changes of files are not seen ({error}); `:restart` starts the plugin again"
                ));
                None
            }
        };
        Ok(Self {
            show: Show { console },
            console,
            caller: Caller {
                port: place.port,
                token: place.platform.token().expose().to_owned(),
            },
            project,
            place,
            variables,
            named,
            file,
            settings,
            changes,
            _watching: watching,
            program: None,
            build: None,
            health: None,
            reply: None,
            done: 0,
            failed: 0,
        })
    }

    /// Goes on until somebody ends it.
    pub(super) async fn run(mut self, mut lines: Lines, interrupt: &Interrupt) -> Result<Exit, Failure> {
        if lines.are_typed {
            self.console
                .note("type a command, such as: ring times=3; :help lists what else there is");
        }
        self.begin().await;
        let platform = self.place.platform.clone();
        let ended = loop {
            let takes_lines = self.takes_lines();
            tokio::select! {
                biased;
                () = interrupt.came() => break Err(Interrupt::failure()),
                () = self.console.closed().cancelled() => break Ok(Exit::Done),
                deliveries = platform.take_deliveries() => {
                    deliveries.iter().for_each(|delivery| self.show.delivery(delivery));
                }
                sign = sign(&mut self.program) => self.saw(sign),
                built = result(&mut self.build) => self.built(built).await,
                health = result(&mut self.health) => self.became(health),
                (to, reply) = result(&mut self.reply) => self.answered(&to, &reply),
                Some(changed) = self.changes.recv() => self.changed(&changed).await,
                line = lines.next(), if takes_lines => {
                    let is_end = match line {
                        Some(line) => self.carry_out(&line).await,
                        // Whoever started this has no more to say, and may want to see what goes on.
                        None => lines.are_all || lines.are_typed,
                    };
                    if is_end {
                        break Ok(self.exit());
                    }
                }
            }
        };
        self.stop().await;
        if ended.is_ok() && lines.are_all {
            let (done, failed) = (self.done, self.failed);
            let text = format!("{done} commands, {failed} failed");
            self.console
                .result("dev", &json!({"commands": done, "failed": failed}), text);
        }
        ended
    }

    fn exit(&self) -> Exit {
        if self.failed == 0 {
            Exit::Done
        } else {
            Exit::Failed
        }
    }

    /// One line waits for the answer to the one before, and for a plugin that is about to be healthy.
    fn takes_lines(&self) -> bool {
        let is_coming = self.health.is_some() || (self.build.is_some() && self.program.is_none());
        self.reply.is_none() && !is_coming
    }

    /// Builds the plugin, where that has to be done, and starts it.
    pub(super) async fn begin(&mut self) {
        if !self.named.is_empty() || self.project.language() != Some(Language::Rust) {
            return self.restart(None).await;
        }
        self.show.step("building", json!({}), "building");
        let (folder, id) = (
            self.project.folder().to_owned(),
            self.project.manifest().id().to_string(),
        );
        // One that is under way builds what was there before.
        self.build = Some(Box::pin(async move {
            RustPlugin::of(&folder, &id).await?.build_debug().await
        }));
    }

    async fn built(&mut self, built: Result<PathBuf, Failure>) {
        match built {
            Ok(program) => self.restart(Some(program)).await,
            Err(failure) => {
                let rest = match self.program {
                    Some(_) => "; the one of before runs on",
                    None => "; it is built again at the next change",
                };
                self.failed += usize::from(self.program.is_none());
                self.show.problem(
                    "build_failed",
                    failure.to_json("dev"),
                    &format!("{failure}{rest}"),
                );
            }
        }
    }

    /// Stops what runs and starts the plugin: the program that was built, or what its files or the command line tell.
    async fn restart(&mut self, built: Option<PathBuf>) {
        self.stop().await;
        let (program, arguments) = match (built, self.named.split_first(), self.project.start()) {
            (Some(built), ..) => (built.into_os_string(), Vec::new()),
            (None, Some((program, arguments)), _) => (program.clone(), arguments.to_vec()),
            (None, None, Some(start)) => (start.program, start.arguments),
            (None, None, None) => {
                let text = "nothing tells how the plugin is started any more";
                return self.show.problem("not_started", json!({ "error": text }), text);
            }
        };
        let line = Line {
            program,
            arguments,
            folder: self.project.folder().to_owned(),
            variables: self.place.environment(&self.project, &self.variables),
        };
        match Program::start(&line) {
            Ok(program) => {
                self.program = Some(program);
                let manifest = self.project.manifest();
                let path = manifest.health_check_path().to_string();
                let (timeout, period) = (
                    manifest.health_check().timeout(),
                    manifest.health_check().start_period(),
                );
                self.health = Some(Box::pin(healthy(self.caller.clone(), path, timeout, period)));
            }
            Err(error) => {
                self.failed += 1;
                let text = format!("{error}; is it installed, and in PATH?");
                self.show.problem("not_started", json!({ "error": error }), &text);
            }
        }
    }

    /// Asks the plugin to stop, shows what it still says and sends, and kills what is left of it after its grace.
    async fn stop(&mut self) {
        (self.health, self.reply) = (None, None);
        let Some(mut program) = self.program.take() else {
            return;
        };
        let grace = self.project.manifest().stop_timeout().unwrap_or(GRACE);
        let (deadline, id) = (Instant::now() + grace, self.project.manifest().id().to_string());
        program.terminate();
        let platform = self.place.platform.clone();
        let ends = async {
            loop {
                tokio::select! {
                    deliveries = platform.take_deliveries() => {
                        deliveries.iter().for_each(|delivery| self.show.delivery(delivery));
                    }
                    sign = program.sign() => match sign {
                        Sign::Line(line) => self.show.output(&id, &line),
                        Sign::Ended(how) => return how,
                    },
                }
            }
        };
        match timeout_at(deadline, ends).await {
            Ok(how) if how == "exit code 0" => {}
            Ok(how) => {
                let text =
                    format!("the plugin was asked to stop, and ended with {how} in place of exit code 0");
                self.show.problem("stopped", json!({ "how": how }), &text);
            }
            Err(_) => {
                let text = format!("the plugin did not stop within {grace:?}, and is killed");
                self.show
                    .problem("killed", json!({"seconds": grace.as_secs()}), &text);
            }
        }
        drop(program);
        // What came with its last breath is there already.
        if let Ok(deliveries) = timeout(Duration::ZERO, platform.take_deliveries()).await {
            deliveries
                .iter()
                .for_each(|delivery| self.show.delivery(delivery));
        }
    }

    /// The plugin wrote a line, or ended by itself.
    fn saw(&mut self, sign: Sign) {
        match sign {
            Sign::Line(line) => self.show.output(self.project.manifest().id().as_str(), &line),
            Sign::Ended(how) => {
                let program = self.program.take();
                self.health = None;
                self.failed += 1;
                let last = program.as_ref().map(Program::last_lines).unwrap_or_default();
                let about = json!({"how": how, "last_lines": last});
                let text = format!(
                    "the plugin ended: {how}; it is started again at the next change, or by :restart"
                );
                self.show.problem("ended", about, &text);
            }
        }
    }

    /// Its first answer to a health check, or none.
    fn became(&mut self, health: Result<Duration, String>) {
        match health {
            Ok(after) => {
                let address = format!("http://127.0.0.1:{}", self.place.port);
                self.show.healthy(&address, after.as_secs_f64());
                self.push();
            }
            Err(why) => {
                self.failed += 1;
                let text = format!("the plugin is not healthy: {why}");
                self.show.problem("not_healthy", json!({ "error": why }), &text);
            }
        }
    }

    /// Sends the settings, where there are any.
    pub(super) fn push(&mut self) {
        if let Some(settings) = self.settings.clone() {
            let path = self.project.manifest().config_endpoint().to_string();
            self.ask("settings", path, Some(settings));
        }
    }

    pub(super) fn ask(&mut self, to: &str, path: String, body: Option<Value>) {
        let (caller, to) = (self.caller.clone(), to.to_owned());
        self.reply = Some(Box::pin(async move {
            let reply = match body {
                Some(body) => caller.post(&path, &body).await,
                None => caller.get(&path).await,
            };
            (to, reply)
        }));
    }

    fn answered(&mut self, to: &str, reply: &Result<Reply, String>) {
        self.failed += usize::from(!self.show.reply(to, reply));
    }
}

/// Asks for the plugin's health until it is healthy.
async fn healthy(
    caller: Caller,
    path: String,
    timeout: Duration,
    period: Duration,
) -> Result<Duration, String> {
    let began = Instant::now();
    loop {
        let last = match caller.ask("GET", &path, None, timeout).await {
            Ok(reply) if (200..300).contains(&reply.status) => return Ok(began.elapsed()),
            Ok(reply) => format!("GET {path} is answered with {}: {}", reply.status, reply.error()),
            Err(error) => error,
        };
        if began.elapsed() > period {
            return Err(format!("{last}, {period:?} after its start"));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

//! `hap run`: a plugin on Docker, supervised as a host does it, in the foreground.

mod place;
mod show;

use std::path::{Path, PathBuf};

use clap::Args;
use hap_host::{
    EnvOverrides, Error, ErrorKind, Phase, PluginHandle, PluginSource, Policy, ShutdownMode,
    SubscribeOptions, Supervisor,
    engine::{LogOptions, ProgressSink},
};
use hap_manifest::permission::Permission;
use serde_json::{Value, json};

use self::place::Place;
use crate::{
    build::program_for_image,
    engine::{Own, Recipe, connect},
    failure::{Exit, Failure},
    project::Project,
    terminal::{Console, Interrupt, harmless},
};

/// Runs a plugin in a container, supervised, and shows what it does
///
/// It is built and installed as on a host, started again when it fails, and its log, its events and its state are shown until
/// Ctrl-C. Then nothing of it is left: no container, no network, no volume, no image, no folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap run
    hap run ./bell --env HAP_LOG=debug
    hap run --config settings.json
    hap run --policy strict
    hap run --grant build --grant device:/dev/ttyUSB0")]
pub(crate) struct Run {
    /// The plugin's folder
    #[arg(default_value = ".")]
    path: PathBuf,

    /// Sets a variable of the plugin's environment, as its operator may
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Grants a permission that the manifest asks for
    #[arg(long, value_name = "PERMISSION")]
    grant: Vec<Permission>,

    /// Settings that the plugin is sent when it is healthy, a JSON object
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// What the host gives to plugins
    #[arg(long, value_name = "POLICY", default_value = "home")]
    policy: Preset,
}

/// The policies that hosts begin with.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Preset {
    /// A household's: network for all, everything unusual by a grant
    Home,
    /// All that a plugin asks for, without a grant
    Development,
    /// Nothing beyond what every plugin gets, but for the build on this machine
    Strict,
}

/// Said to who interrupts twice.
const REMOVING: &str = "still stopping the plugin and removing what was made for it";

impl Run {
    pub(crate) async fn run(self, console: &Console, interrupt: &Interrupt) -> Result<Exit, Failure> {
        let project = Project::open(&self.path)?;
        let recipe = Recipe::of_folder(&project, &self.grant)?;
        let settings = self.config.as_deref().map(settings).transpose()?;
        let variables = variables(&self.env)?;
        let engine = interrupt.or(connect()).await??;
        let place = Place::take(project.folder())?;
        let own = |engine| Own::named(engine, place.instance().clone(), project.manifest().id());
        // What a run left that was killed.
        let left = own(engine.clone());
        interrupt.outlast(REMOVING, console, left.remove_all()).await?;
        place.clear()?;
        let own = own(engine);
        let mut supervisor = None;
        let live = Live {
            project: &project,
            own: &own,
            console,
            interrupt,
        };
        let ended = async {
            let built = program_for_image(&project, &recipe, None);
            interrupt.or(built).await??;
            let handle = self
                .install(&live, &place, &recipe, variables, &mut supervisor)
                .await?;
            let running = supervisor.as_ref().ok_or_else(Interrupt::failure)?;
            live.show(running, &handle, settings).await
        };
        let ended = ended.await;
        let progress = console.progress("stopping the plugin, and removing what was made for it");
        let removed = interrupt.outlast(REMOVING, console, async {
            own.settle().await;
            if let Some(supervisor) = &supervisor {
                for plugin in supervisor.plugins() {
                    // What is left is removed below, by its labels.
                    let _ = plugin.uninstall().remove_data(true).await;
                }
                let _ = supervisor.shutdown(ShutdownMode::StopPlugins).await;
            }
            own.remove_all().await
        });
        let removed = removed.await;
        drop((progress, supervisor));
        removed.and(place.remove()).and(ended)
    }

    /// Starts a supervisor and installs the plugin from its folder.
    async fn install(
        &self,
        live: &Live<'_>,
        place: &Place,
        recipe: &Recipe,
        variables: EnvOverrides,
        supervisor: &mut Option<Supervisor>,
    ) -> Result<PluginHandle, Failure> {
        let policy = match self.policy {
            Preset::Home => Policy::home(),
            Preset::Development => Policy::development(),
            // What is tried here is built here.
            Preset::Strict => Policy::strict().local_builds(true),
        };
        let builder = Supervisor::builder(live.own.engine().clone(), place.state())
            .instance(place.instance().clone())
            .policy(policy);
        let started = live.interrupt.or(live.own.whole(builder.start())).await?;
        let host = started
            .ok_or_else(Interrupt::failure)?
            .map_err(|error| failure(&error))?;
        let host = supervisor.insert(host);
        let progress = live.console.progress("building the image");
        let tell = progress.teller();
        let mut request = host
            .install(PluginSource::folder(live.project.folder()))
            .env(variables)
            .progress(ProgressSink::new(move |step| {
                if let hap_host::engine::Progress::Step(line) = step {
                    tell(line);
                }
            }));
        for permission in recipe.granted() {
            request = request.grant(permission.clone());
        }
        let install = async move { request.await };
        let installed = if recipe.only_copies() {
            // The builder would leave the half of an image.
            live.interrupt.or(live.own.whole(install)).await?
        } else {
            live.interrupt.or(live.own.until_removed(install)).await?
        };
        installed
            .ok_or_else(Interrupt::failure)?
            .map_err(|error| failure(&error))
    }
}

/// What a run is about, and how it tells.
struct Live<'a> {
    project: &'a Project,
    own: &'a Own,
    console: &'a Console,
    interrupt: &'a Interrupt,
}

impl Live<'_> {
    /// Starts the plugin and shows what happens, until somebody ends it, nobody reads, or it fails for good.
    async fn show(
        &self,
        supervisor: &Supervisor,
        handle: &PluginHandle,
        settings: Option<Value>,
    ) -> Result<Exit, Failure> {
        let console = self.console;
        let mut events = supervisor.events();
        let mut sent = supervisor.plugin_events(SubscribeOptions::default().plugin(handle.id().clone()));
        let mut lines = handle.logs(&LogOptions::default().follow(true));
        let mut has_lines = true;
        let mut start = Box::pin(self.start(handle, settings));
        let mut is_starting = true;
        loop {
            tokio::select! {
                biased;
                () = self.interrupt.came() => {
                    console.note("stopping");
                    return Ok(Exit::Interrupted);
                }
                () = console.closed().cancelled() => return Ok(Exit::Done),
                started = &mut start, if is_starting => {
                    started?;
                    is_starting = false;
                    let address = handle.state().container.map(|id| id.to_string()).unwrap_or_default();
                    let text = format!(
                        "-- {} runs in the container {address}; Ctrl-C ends it and removes all of it",
                        handle.id()
                    );
                    console.event(&json!({"event": "running", "container": address}), text);
                }
                Some(item) = events.next() => {
                    // The first failure is what the start ends with.
                    if !is_starting || !matches!(&item, hap_host::StreamItem::Event(event) if matches!(event.kind, hap_host::EventKind::Failed(_))) {
                        show::event(&item, console);
                    }
                    if !is_starting && handle.state().phase == Phase::Failed {
                        let why = handle.state().problem().unwrap_or_else(|| "it failed for good".to_owned());
                        return Err(Failure::new(Exit::Failed, "failed", harmless(&why)));
                    }
                }
                Some(delivery) = sent.next() => if let Ok(delivery) = delivery {
                    show::sent(&delivery, console);
                },
                line = lines.next(), if has_lines => match line {
                    Some(Ok(line)) => show::log(&line, console),
                    _ => has_lines = false,
                },
            }
        }
    }

    async fn start(&self, handle: &PluginHandle, settings: Option<Value>) -> Result<(), Failure> {
        handle.start().await.map_err(|error| failure(&error))?;
        if let Some(settings) = settings {
            handle
                .configure(settings)
                .await
                .map_err(|error| failure(&error))?;
        }
        Ok(())
    }
}

/// Why the host did not do what was asked.
fn failure(error: &Error) -> Failure {
    let granted: Vec<_> = error
        .violations()
        .iter()
        .filter_map(|violation| violation.missing_permission())
        .map(|permission| format!("--grant {}", permission.id()))
        .collect();
    if error.kind() == ErrorKind::NotPermitted {
        let help = if granted.is_empty() {
            "take it out of the manifest, or run with --policy development".to_owned()
        } else {
            format!("hap run {}", granted.join(" "))
        };
        return Failure::new(Exit::Refused, "not_granted", harmless(&error.to_string())).help(help);
    }
    let (exit, help) = match error.kind() {
        ErrorKind::Engine => (Exit::Unreachable, "look whether Docker runs: docker info"),
        ErrorKind::Timeout => (Exit::OutOfTime, "try again"),
        ErrorKind::Store => (
            Exit::Failed,
            "make room on that disk, or name another in XDG_STATE_HOME",
        ),
        ErrorKind::Rejected => (Exit::Failed, "mend the settings of --config"),
        ErrorKind::Failed => (
            Exit::Failed,
            "mend it and run again; hap dev runs it without a container",
        ),
        _ => (
            Exit::Failed,
            "hap check tells all that is wrong with a plugin at once",
        ),
    };
    let words = error
        .failure()
        .map_or_else(|| error.report(), ToString::to_string);
    Failure::new(exit, error.kind().as_str(), harmless(&words)).help(help)
}

fn settings(file: &Path) -> Result<Value, Failure> {
    let named = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(
            Exit::NotFound,
            "unreadable",
            format!("{named} cannot be read: {error}"),
        )
        .help("name a file with the settings as a JSON object")
    })?;
    serde_json::from_str::<Value>(&text)
        .map_err(|error| error.to_string())
        .and_then(|value| {
            if value.is_object() {
                Ok(value)
            } else {
                Err("it is no object".to_owned())
            }
        })
        .map_err(|why| {
            Failure::new(
                Exit::Usage,
                "bad_settings",
                format!("{named} has no settings: {why}"),
            )
            .help("settings are a JSON object, such as {\"level\": 3}")
        })
}

fn variables(all: &[String]) -> Result<EnvOverrides, Failure> {
    let bad = |message: String| {
        Failure::new(Exit::Usage, "bad_variable", message).help("write it as --env NAME=VALUE")
    };
    all.iter().try_fold(EnvOverrides::new(), |variables, text| {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| bad("a variable has no value: there is no = in it".to_owned()))?;
        variables
            .with(name, value)
            .map_err(|error| bad(error.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_a_name_and_a_value_and_a_bad_one_does_not_show_its_value() {
        let good = variables(&["BELL=a=b".to_owned()]).unwrap();
        assert_eq!(good.get("BELL"), Some("a=b"));
        let bad = variables(&["hunter2".to_owned()]).unwrap_err();
        assert!(!bad.to_string().contains("hunter2"), "{bad}");
        assert!(variables(&["1 2=x".to_owned()]).is_err());
    }
}

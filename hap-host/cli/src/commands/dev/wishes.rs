use std::{collections::BTreeSet, path::PathBuf};

use serde_json::{Value, json};

use super::{
    input::{HELP, Input},
    place::settings,
    session::Session,
};
use crate::project::Project;

/// What somebody asks for, by a line or by a change of a file.
impl Session<'_> {
    /// Files were written.
    pub(super) async fn changed(&mut self, changed: &BTreeSet<PathBuf>) {
        let shown = changed
            .iter()
            .map(|path| path.strip_prefix(self.project.folder()).unwrap_or(path));
        let shown: Vec<_> = shown.map(|path| path.display().to_string()).collect();
        self.show.step(
            "changed",
            json!({ "files": shown }),
            &format!("changed: {}", shown.join(", ")),
        );
        let is_settings = |path: &&PathBuf| self.file.as_ref() == Some(*path);
        if changed.iter().any(|path| is_settings(&path))
            && let Some(file) = &self.file
        {
            match settings(file) {
                Ok(read) => {
                    self.settings = Some(read.value);
                    // Those of a plugin that starts are sent when it is healthy.
                    if self.program.is_some() && self.health.is_none() {
                        self.push();
                    }
                }
                Err(failure) => {
                    self.show
                        .problem("bad_settings", failure.to_json("dev"), &failure.to_string())
                }
            }
            if changed.len() == 1 {
                return;
            }
        }
        match Project::open(self.project.folder()) {
            Ok(project) => self.project = project,
            Err(failure) => {
                return self
                    .show
                    .problem("invalid_manifest", failure.to_json("dev"), &failure.to_string());
            }
        }
        self.begin().await;
    }

    /// Does what a line says. Returns whether it is the end.
    pub(super) async fn carry_out(&mut self, line: &str) -> bool {
        let input = match Input::parse(line) {
            Ok(Input::Nothing) => return false,
            Ok(input) => input,
            Err(why) => {
                self.done += 1;
                self.failed += 1;
                let text = format!("{}: {why}", line.trim());
                self.show
                    .problem("bad_line", json!({"line": line.trim(), "error": why}), &text);
                return false;
            }
        };
        self.done += 1;
        let manifest = self.project.manifest();
        let (to, path, body) = match input {
            Input::Command(command) => {
                let name = command
                    .get("command")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned();
                (name, manifest.command_endpoint().to_string(), Some(command))
            }
            Input::Status => (":status".to_owned(), manifest.status_endpoint().to_string(), None),
            Input::Health => (
                ":health".to_owned(),
                manifest.health_check_path().to_string(),
                None,
            ),
            Input::Config(settings) => {
                self.settings = Some(settings.clone());
                (
                    ":config".to_owned(),
                    manifest.config_endpoint().to_string(),
                    Some(settings),
                )
            }
            Input::Answer(answer) => {
                self.place.platform.answer_with(answer);
                return false;
            }
            Input::Restart => {
                self.begin().await;
                return false;
            }
            Input::Help => {
                self.show.step("help", json!({ "lines": HELP }), HELP);
                return false;
            }
            Input::Quit => return true,
            Input::Nothing => return false,
        };
        if self.program.is_some() {
            self.ask(&to, path, body);
        } else {
            self.failed += usize::from(!self.show.reply(&to, &Err("the plugin does not run".to_owned())));
        }
        false
    }
}

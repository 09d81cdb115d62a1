//! The help of each sub-command, its examples, the completions, and how the command line as a whole behaves.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

const HAP: &str = env!("CARGO_BIN_EXE_hap");

fn hap(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(HAP);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// All sub-commands at any depth, each with the words that lead to it.
fn commands() -> Vec<(String, clap::Command)> {
    fn collect(path: &str, command: &clap::Command, found: &mut Vec<(String, clap::Command)>) {
        for inner in command
            .get_subcommands()
            .filter(|inner| inner.get_name() != "help")
        {
            let path = format!("{path} {}", inner.get_name());
            found.push((path.clone(), inner.clone()));
            collect(&path, inner, found);
        }
    }
    let mut found = Vec::new();
    collect("hap", &hap_cli::command(), &mut found);
    found
}

/// The examples of a sub-command, as its help prints them.
fn examples(command: &clap::Command) -> Vec<String> {
    let help = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    let lines = lines.take_while(|line| line.starts_with("    "));
    lines.map(|line| line.trim().to_owned()).collect()
}

/// The words of an example, without what a shell does: what goes to a file, and behind a pipe.
fn words(example: &str) -> Vec<String> {
    let line = example.split(" | ").next().unwrap_or_default();
    let line = line.split(" # ").next().unwrap_or_default();
    let line = line
        .split([' '])
        .take_while(|word| !matches!(*word, ">" | "<" | "2>"));
    line.filter(|word| !word.is_empty())
        .map(|word| word.trim_matches(['"', '\'']).to_owned())
        .collect()
}

#[test]
fn each_sub_command_has_examples_that_its_command_line_takes() {
    let commands = commands();
    assert!(commands.len() > 5, "{commands:?}");
    for (path, command) in &commands {
        let examples = examples(command);
        assert!(!examples.is_empty(), "{path} has no examples");
        assert!(command.get_about().is_some(), "{path} does not say what it does");
        for example in examples {
            let words = words(&example);
            let has_variable = words.first().is_some_and(|word| word.contains('='));
            let words: Vec<_> = words.into_iter().skip(usize::from(has_variable)).collect();
            assert_eq!(
                words.first().map(String::as_str),
                Some("hap"),
                "{path}: {example}"
            );
            let read = hap_cli::command().try_get_matches_from(&words);
            assert!(read.is_ok(), "{path}: {example}: {}", read.unwrap_err());
        }
    }
}

/// A folder that is a plugin, with the folder of a plugin in it, so that an example finds one with or without a path.
fn plugin() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    for arguments in [
        &["new", "porch-light", "--lang", "python", "--path", path][..],
        &["new", "bell", "--lang", "python"],
    ] {
        let made = hap(folder.path(), arguments);
        assert!(made.status.success(), "{}", text(&made.stderr));
    }
    folder
}

/// Those that need no engine and write nothing outside of their folder.
#[test]
fn the_examples_of_harmless_sub_commands_run() {
    let mut ran = 0;
    for (path, command) in commands() {
        let folder = match path.as_str() {
            "hap new" => None,
            "hap describe" | "hap completions" => Some(plugin()),
            _ => continue,
        };
        for example in examples(&command) {
            let empty = tempfile::tempdir().unwrap();
            let folder = folder.as_ref().unwrap_or(&empty);
            // A package is no thing that `hap new` makes.
            if example.contains(".zip") {
                continue;
            }
            let words = words(&example);
            let words: Vec<_> = words.iter().skip(1).map(String::as_str).collect();
            let output = hap(folder.path(), &words);
            let said = text(&output.stderr);
            assert!(output.status.success(), "{example}: {said}");
            assert!(!output.stdout.is_empty(), "{example}: {said}");
            ran += 1;
        }
    }
    assert!(ran >= 8, "{ran}");
}

#[test]
fn help_goes_to_standard_output_and_succeeds() {
    let here = Path::new(".");
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["help"],
        &["help", "new"],
        &["new", "--help"],
    ] {
        let output = hap(here, arguments);
        assert!(output.status.success(), "{arguments:?}");
        assert!(
            output.stderr.is_empty(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(text(&output.stdout).contains("Usage: hap"), "{arguments:?}");
    }
    let help = text(&hap(here, &["--help"]).stdout);
    for (path, _) in commands().iter().filter(|(path, _)| path.split(' ').count() == 2) {
        let name = path.trim_start_matches("hap ");
        assert!(help.contains(&format!("\n  {name} ")), "{name} in {help}");
    }
    assert!(help.contains("Exit codes:"), "{help}");
    assert!(text(&hap(here, &["--version"]).stdout).starts_with("hap "));
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_what_was_meant() {
    let here = Path::new(".");
    for (arguments, part) in [
        (&["descibe", "bell"][..], "'describe'"),
        (&["new", "bell", "--lng", "python"], "'--lang'"),
        (&["new"], "<NAME>"),
        (&[], "Usage"),
    ] {
        let output = hap(here, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(part), "{arguments:?}: {part} in {said}");
    }
}

#[test]
fn a_failure_for_programs_is_one_object_on_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let output = hap(folder.path(), &["--json", "describe"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["success"], &told["code"]),
        (&false.into(), &"no_manifest".into())
    );
    assert!(told["help"].as_str().unwrap().contains("hap new NAME"), "{told}");
}

/// `PIPESTATUS` tells what `hap` ended with.
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = plugin();
    for line in ["completions bash", "describe", "check", "--help"] {
        let script = format!("'{HAP}' {line} | head -1 >/dev/null; exit ${{PIPESTATUS[0]}}");
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(folder.path())
            .output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("panicked"), "{line}");
    }
}

#[test]
fn completions_are_scripts_that_know_each_sub_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = hap(folder.path(), &["completions", shell]);
        assert!(output.status.success(), "{shell}");
        let script = text(&output.stdout);
        for (path, _) in commands() {
            let name = path.rsplit(' ').next().unwrap();
            assert!(script.contains(name), "{shell}: {name}");
        }
        let file = folder.path().join(shell);
        fs::write(&file, script).unwrap();
        // The other shells may not be on this machine, and their scripts are made by the same crate.
        let checked = Command::new(shell).arg("-n").arg(&file).status();
        match checked {
            Ok(status) => assert!(status.success(), "{shell} does not read it"),
            Err(error) => assert!(shell != "bash", "{error}"),
        }
    }
}

/// One page with every command, made from its help.
#[test]
fn the_page_of_commands_is_made_from_the_help() {
    let mut page = "# Every command of `hap`\n\nMade from the help of each: `hap help COMMAND` prints the same. `--json`, `--quiet` and \
        `--color` hold for all of them, and `hap help` lists the exit codes. [Operating a host](guide-operate.md) and [writing a \
        plugin](guide-plugin.md) show them at work.\n"
        .to_owned();
    for (path, mut command) in commands() {
        let depth = path.split(' ').count();
        // What this machine's environment says is no part of it.
        command = command.mut_args(|argument| argument.hide_env_values(true));
        let help = command
            .term_width(100)
            .bin_name(&path)
            .render_long_help()
            .to_string();
        let help: Vec<_> = help.lines().map(str::trim_end).collect();
        page.push_str(&format!(
            "\n{} {path}\n\n```text\n{}\n```\n",
            "#".repeat(depth),
            help.join("\n").trim()
        ));
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hap.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let kept = fs::read_to_string(file).unwrap();
    assert_eq!(
        kept, page,
        "docs/hap.md is another: write it anew with UPDATE_GOLDEN=1"
    );
}

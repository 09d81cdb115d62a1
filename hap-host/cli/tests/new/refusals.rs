//! What `hap new` refuses, and what it says.

use super::*;

#[track_caller]
fn refused(arguments: &[&str], exit: i32, says: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("full")).unwrap();
    fs::write(folder.path().join("full/mine"), "").unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let output = hap(folder.path(), &[&["new"], arguments].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{said}");
    for part in says {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    // One message that says what to do.
    assert_eq!(said.matches("error:").count(), 1, "{said}");
    assert_eq!(text(&output.stdout), "");
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["file", "full"]);
}

#[test]
fn a_name_that_is_no_id_is_told_the_nearest_one() {
    refused(
        &["Porch Light"],
        2,
        &["\"Porch Light\"", "try \"porch-light\"", "a-z, 0-9"],
    );
    refused(&["-"], 2, &["error:"]);
    refused(&["ü"], 2, &["for example \"porch-light\""]);
}

#[test]
fn rust_has_names_that_no_package_can_have() {
    refused(
        &["2nd-bell"],
        2,
        &["\"2nd-bell\"", "begins with a letter", "plugin-2nd-bell"],
    );
    refused(&["match"], 2, &["another meaning", "plugin-match"]);
    refused(&["deps"], 2, &["plugin-deps"]);
}

#[test]
fn a_folder_with_anything_in_it_is_left_alone() {
    refused(&["full"], 6, &["full is there already", "--path"]);
    refused(&["file"], 6, &["file is there already, and is no folder"]);
    refused(&["bell", "--path", "full"], 6, &["full is there already"]);
}

#[test]
fn other_values_are_told_their_rule() {
    refused(
        &["bell", "--lang", "perl"],
        2,
        &["perl", "rust", "python", "node", "shell"],
    );
    refused(
        &["bell", "--lang", "python", "--base", "A b"],
        2,
        &["\"A b\"", "python:3-slim"],
    );
    refused(
        &["bell", "--hap-plugin", "full"],
        3,
        &["full", "<checkout>/hap-plugin"],
    );
}

#[test]
fn an_author_is_written_as_json_has_it() {
    refused(&["bell", "--author", " "], 2, &["--author", "at most 255"]);
    refused(&["bell", "--author", "a\nb"], 2, &["--author", "one line"]);
    let folder = tempfile::tempdir().unwrap();
    let author = "Ada \"the \\ bell\"";
    let made = hap(
        folder.path(),
        &["new", "bell", "--lang", "shell", "--author", author],
    );
    assert!(made.status.success(), "{}", text(&made.stderr));
    let manifest = fs::read_to_string(folder.path().join("bell/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["author"], author);
}

#[test]
fn an_empty_folder_and_a_deep_one_are_filled() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bell")).unwrap();
    assert!(hap(folder.path(), &["new", "bell"]).status.success());
    assert!(folder.path().join("bell/src/main.rs").is_file());
    let made = hap(
        folder.path(),
        &["--json", "new", "light", "--lang", "node", "--path", "a/b"],
    );
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(made["success"], true);
    assert_eq!(made["result"]["id"], "light");
    for file in made["result"]["files"].as_array().unwrap() {
        assert!(folder.path().join("a/b").join(file.as_str().unwrap()).is_file());
    }
}

#[test]
fn another_base_image_is_that_of_the_dockerfile() {
    let folder = tempfile::tempdir().unwrap();
    let made = hap(
        folder.path(),
        &["new", "bell", "--lang", "python", "--base", "mine/python:3.11"],
    );
    assert!(made.status.success(), "{}", text(&made.stderr));
    let dockerfile = fs::read_to_string(folder.path().join("bell/Dockerfile")).unwrap();
    assert!(
        dockerfile.contains("\nARG BASE=mine/python:3.11\nFROM $BASE\n"),
        "{dockerfile}"
    );
}

//! `hap package` and `hap describe` of a package, as a person runs them.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

use std::{
    fs::{self, File, Permissions},
    io::Cursor,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use hap_manifest::package::{Limits, Package, PackageKey, PackageSignature, SignatureError};
use serde_json::{Value, json};

/// The beginning of a program for arm64.
fn program() -> Vec<u8> {
    let mut head = b"\x7fELF\x02\x01".to_vec();
    head.resize(18, 0);
    head.push(183);
    head.resize(64, 0);
    head
}

fn plugin() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("bell");
    fs::create_dir(&folder).unwrap();
    let manifest = json!({
        "id": "bell", "name": "Bell", "version": "1.2.0", "author": "Example Home",
        "description": "Rings when somebody is at the door", "image": "example/bell:1.2.0",
    });
    let readme = format!("# bell\n\n{}\n", "It rings at the door. ".repeat(8));
    fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    let dockerfile = "FROM scratch\nCOPY run /run\nENTRYPOINT [\"/run\"]\n";
    fs::write(folder.join("Dockerfile"), dockerfile).unwrap();
    fs::write(folder.join("README.md"), readme).unwrap();
    fs::write(folder.join("run"), program()).unwrap();
    fs::set_permissions(folder.join("run"), Permissions::from_mode(0o755)).unwrap();
    home
}

fn hap(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hap"));
    command.args(arguments).current_dir(folder).env("HOME", folder);
    command.output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_same_files_give_the_same_bytes_wherever_and_however_often_they_are_packed() {
    let home = plugin();
    let bell = home.path().join("bell");
    // In the folder itself, so that the package lies among what is packed the next time.
    for _ in 0..3 {
        let output = hap(&bell, &["--json", "package"]);
        assert!(output.status.success(), "{output:?}");
        let result = &json(&output)["result"];
        assert_eq!(
            (&result["file"], &result["files"]),
            (&json!("bell-1.2.0.zip"), &json!(4))
        );
    }
    let output = hap(home.path(), &["package", "bell", "-o", "other.zip"]);
    assert!(text(&output.stdout).contains("size      "), "{output:?}");
    let first = fs::read(bell.join("bell-1.2.0.zip")).unwrap();
    assert_eq!(fs::read(home.path().join("other.zip")).unwrap(), first);
    assert_eq!(
        names(home.path()),
        ["bell", "other.zip"],
        "nothing is left beside it"
    );
}

#[test]
fn another_package_of_that_name_is_not_replaced_without_a_word() {
    let home = plugin();
    assert!(hap(home.path(), &["package", "bell"]).status.success());
    let first = fs::read(home.path().join("bell-1.2.0.zip")).unwrap();
    fs::write(home.path().join("bell/more.txt"), "more").unwrap();
    let refused = hap(home.path(), &["--json", "package", "bell"]);
    assert_eq!(refused.status.code(), Some(6));
    assert_eq!(json(&refused)["code"], "already_there");
    assert_eq!(fs::read(home.path().join("bell-1.2.0.zip")).unwrap(), first);
    assert!(hap(home.path(), &["package", "bell", "--force"]).status.success());
    assert_ne!(fs::read(home.path().join("bell-1.2.0.zip")).unwrap(), first);
}

#[test]
fn errors_refuse_all_at_once_and_a_program_that_is_not_built_is_said() {
    let home = plugin();
    let bell = home.path().join("bell");
    fs::write(bell.join(".env"), "A=b").unwrap();
    fs::write(bell.join("conformance.json"), "{").unwrap();
    let output = hap(home.path(), &["--json", "package", "bell"]);
    assert_eq!(output.status.code(), Some(1));
    let found = json(&output)["details"]["findings"].clone();
    let ids: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["id"].clone())
        .collect();
    assert_eq!(ids, ["HAP501", "HAP414"]);
    assert_eq!(names(home.path()), ["bell"]);
    // What the packer itself refuses it refuses without the check too.
    let output = hap(home.path(), &["package", "bell", "--no-check"]);
    assert!(
        text(&output.stderr).contains("\".env\" looks like a secret"),
        "{output:?}"
    );
    let output = hap(
        home.path(),
        &["package", "bell", "--no-check", "--allow-secret", ".env"],
    );
    assert!(output.status.success(), "{output:?}");

    fs::remove_file(bell.join("conformance.json")).unwrap();
    fs::remove_file(bell.join("run")).unwrap();
    fs::write(bell.join("Cargo.toml"), "[package]\nname = \"run\"\n").unwrap();
    let output = hap(home.path(), &["package", "bell", "--no-check"]);
    assert!(
        text(&output.stderr).contains("run `hap build` first"),
        "{output:?}"
    );
}

#[test]
fn a_package_is_signed_for_its_id_its_version_and_its_processor() {
    let home = plugin();
    assert!(hap(home.path(), &["key", "new", "-o", "k"]).status.success());
    assert!(hap(home.path(), &["key", "new", "-o", "other"]).status.success());
    let output = hap(home.path(), &["package", "bell", "--sign", "k"]);
    assert!(output.status.success(), "{output:?}");
    let path = home.path().join("bell-1.2.0.zip");
    let signature = fs::read_to_string(home.path().join("bell-1.2.0.zip.minisig")).unwrap();
    assert!(
        signature.contains("trusted comment: id:bell version:1.2.0 arch:arm64\n"),
        "{signature}"
    );
    let signature: PackageSignature = signature.parse().unwrap();
    let key = |name: &str| -> PackageKey {
        fs::read_to_string(home.path().join(name))
            .unwrap()
            .parse()
            .unwrap()
    };
    let open = |bytes: Vec<u8>, keys: &[PackageKey]| {
        let limits = Limits::default();
        Package::open_signed(Cursor::new(bytes), &limits, &signature, keys).map(|(_, key)| key)
    };
    let bytes = fs::read(&path).unwrap();
    let keys = [key("other.pub"), key("k.pub")];
    assert_eq!(open(bytes.clone(), &keys).unwrap(), keys[1]);
    assert!(matches!(
        open(bytes.clone(), &keys[..1]),
        Err(SignatureError::UnknownKey { .. })
    ));
    let mut changed = bytes;
    changed[40] ^= 1;
    assert!(matches!(
        open(changed, &keys),
        Err(SignatureError::Modified { .. })
    ));

    let output = hap(home.path(), &["describe", "bell-1.2.0.zip"]);
    let shown = text(&output.stdout);
    let digest = Package::open(File::open(&path).unwrap())
        .unwrap()
        .digest()
        .to_string();
    for part in [digest.as_str(), &keys[1].id(), "manifest.json", "4 files"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let output = hap(home.path(), &["--json", "describe", "bell-1.2.0.zip"]);
    assert_eq!(json(&output)["result"]["package"]["signed_by"], keys[1].id());

    // Another package in its place, not signed: whoever reads both is warned.
    fs::write(home.path().join("bell/more.txt"), "more").unwrap();
    let output = hap(home.path(), &["package", "bell", "--force"]);
    assert!(
        text(&output.stderr).contains("is of another package"),
        "{output:?}"
    );
    let output = hap(home.path(), &["package", "bell", "--sign", "nokey"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn what_a_stranger_packed_does_not_steer_the_terminal() {
    let home = plugin();
    let manifest = home.path().join("bell/manifest.json");
    let hostile = fs::read_to_string(&manifest).unwrap();
    let hostile = hostile.replace("Rings when", "Rings\\n\\t\u{202e}when");
    fs::write(&manifest, hostile).unwrap();
    let zip = home.path().join("x\u{1b}[2J.zip");
    let _ = hap(home.path(), &["package", "bell", "-o", zip.to_str().unwrap()]);
    fs::write(home.path().join("y\u{1b}[2J.zip"), "PK").unwrap();
    for arguments in [
        &["describe", "bell"][..],
        &["describe", "x\u{1b}[2J.zip"],
        &["describe", "y\u{1b}[2J.zip"],
        &["check", "x\u{1b}[2J.zip"],
        &["check", "nowhere\u{1b}[2J"],
        &["package", "nowhere\u{1b}[2J"],
        &["key", "new", "-o", "k\u{1b}[2J"],
    ] {
        // With colours, since what is written without them has no control character at all.
        let output = hap(home.path(), &[&["--color", "always"], arguments].concat());
        let shown = text(&output.stdout) + &text(&output.stderr);
        let steers = shown.contains("\u{1b}[2J") || shown.contains('\u{202e}');
        assert!(!steers, "{arguments:?} {shown:?}");
        assert!(!shown.is_empty());
    }
}

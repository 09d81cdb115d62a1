//! What `pack` writes, and what it refuses to.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use hap_manifest::package::{Digest, Limits, PackError, PackOptions, Package, pack};
use tempfile::TempDir;

use crate::raw::MANIFEST;

/// A folder with what every package has and more.
pub(crate) fn folder(more: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let needed = [
        ("README.md", "# Light\n"),
        ("manifest.json", MANIFEST),
        ("Dockerfile", "FROM scratch\n"),
    ];
    for (name, text) in needed.iter().chain(more) {
        write(folder.path(), name, text);
    }
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn names(folder: &TempDir) -> Vec<String> {
    let package = pack(folder.path(), &PackOptions::new()).unwrap();
    package
        .entries()
        .iter()
        .map(|entry| entry.name().to_owned())
        .collect()
}

#[track_caller]
fn refused(folder: &TempDir, options: &PackOptions) -> String {
    pack(folder.path(), options).unwrap_err().to_string()
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let files = [
        ("src/main.py", "print()\n"),
        ("b", "2"),
        ("a/z", "1"),
        ("icon.svg", "<svg/>"),
    ];
    let one = folder(&files);
    let two = tempfile::tempdir().unwrap();
    // Written in another order, at another time.
    for (name, text) in files.iter().rev() {
        write(two.path(), name, text);
    }
    for name in ["Dockerfile", "manifest.json", "README.md"] {
        fs::copy(one.path().join(name), two.path().join(name)).unwrap();
    }
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let file = fs::File::options()
        .write(true)
        .open(two.path().join("b"))
        .unwrap();
    file.set_modified(old).unwrap();
    // Who may read a file, and a folder with nothing in it, are of one machine.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        fs::create_dir(two.path().join("empty")).unwrap();
    }
    let one = pack(one.path(), &PackOptions::new()).unwrap().into_bytes();
    let two = pack(two.path(), &PackOptions::new()).unwrap().into_bytes();
    assert_eq!(one, two);
}

/// Who lists digests of packages relies on these bytes: a change here changes every digest.
#[test]
fn the_bytes_are_those_they_always_were() {
    let text = "a line that comes again\n".repeat(100);
    let folder = folder(&[("src/main.py", &text)]);
    let package = pack(folder.path(), &PackOptions::new()).unwrap();
    assert_eq!(package.digest(), Digest::of(&package.into_bytes()));
    let digest = pack(folder.path(), &PackOptions::new())
        .unwrap()
        .digest()
        .to_string();
    assert_eq!(
        digest,
        "sha256:7f333b24c099df751b9b9d07aaf1cd03b1703ab449406258e9283b1de463dfd5"
    );
}

#[test]
fn what_was_packed_is_read() {
    let folder = folder(&[
        ("src/main.py", "print()\n"),
        ("docs/Übersicht.md", "x"),
        ("CHANGELOG.md", ""),
    ]);
    let bytes = pack(folder.path(), &PackOptions::new()).unwrap().into_bytes();
    let mut package = Package::open(Cursor::new(&bytes)).unwrap();
    let names: Vec<_> = package.entries().iter().map(|entry| entry.name()).collect();
    let sorted = [
        "CHANGELOG.md",
        "Dockerfile",
        "README.md",
        "docs/Übersicht.md",
        "manifest.json",
        "src/main.py",
    ];
    assert_eq!(names, sorted);
    assert_eq!(package.read("src/main.py").unwrap(), b"print()\n");
    assert_eq!(
        package.entry("src/main.py").unwrap().digest(),
        Digest::of(b"print()\n")
    );
    assert_eq!(package.entry("src/main.py").unwrap().size(), 8);
    assert_eq!(package.size(), bytes.len() as u64);
    assert_eq!(package.digest(), Digest::of(&bytes));
    assert_eq!(
        package.read("src").unwrap_err().to_string(),
        "the package has no file \"src\""
    );
}

#[test]
fn the_icon_is_found_where_the_manifest_says() {
    let manifest = MANIFEST.replace("\"image\"", "\"icon\": \"art/icon.svg\", \"image\"");
    let folder = folder(&[("manifest.json", &manifest), ("art/icon.svg", "<svg/>")]);
    let package = pack(folder.path(), &PackOptions::new()).unwrap();
    assert_eq!(package.icon().unwrap().name(), "art/icon.svg");
}

#[test]
fn the_ignore_file_is_honoured() {
    let folder = folder(&[
        (".hapignore", "*.log\n/build/\n!keep.log\n"),
        (".git/config", ""),
        ("target/debug/light", ""),
        ("a.log", ""),
        ("keep.log", ""),
        ("build/x", ""),
        ("src/build/y", ""),
        ("src/__pycache__/z.pyc", ""),
    ]);
    assert_eq!(
        names(&folder),
        [
            "Dockerfile",
            "README.md",
            "keep.log",
            "manifest.json",
            "src/build/y"
        ]
    );
    for (text, refusal) in [
        (
            "a\n".repeat(501),
            "line 501 of .hapignore is one too many: at most 500 are allowed",
        ),
        (
            "a".repeat(256),
            "line 1 of .hapignore is too long: at most 255 bytes are allowed",
        ),
        (
            "#\n".repeat(70_000),
            ".hapignore has more than 128 KiB, the most that is allowed",
        ),
        (
            "a\\b".to_owned(),
            "line 1 of .hapignore has a backslash; write '/' between folders",
        ),
        (
            "a/../b".to_owned(),
            "line 1 of .hapignore has an empty, \".\" or \"..\" part",
        ),
    ] {
        write(folder.path(), ".hapignore", &text);
        assert_eq!(refused(&folder, &PackOptions::new()), refusal);
    }
    fs::write(folder.path().join(".hapignore"), b"\xff").unwrap();
    assert_eq!(refused(&folder, &PackOptions::new()), ".hapignore is not UTF-8");
    // As much as is allowed.
    let line = format!("{}\n", "a*".repeat(127));
    write(folder.path(), ".hapignore", &line.repeat(500));
    assert_eq!(names(&folder).len(), 7);
    write(folder.path(), ".hapignore", "a[b]\n");
    assert_eq!(
        refused(&folder, &PackOptions::new()),
        "line 1 of .hapignore has a bracket, which has no meaning here; use '*' or '?'"
    );
}

#[test]
fn secrets_are_refused_unless_allowed() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n";
    for (name, text, reason) in [
        (".env", "TOKEN=1", "it holds environment variables of one machine"),
        ("keys/id_rsa", "", "it is named as a private key of SSH"),
        ("test/server.pem", key, "it has a private key in it"),
        ("server.key", "", "it is named as a key"),
        (
            "config/credentials.json",
            "{}",
            "it is named as a store of passwords",
        ),
    ] {
        let folder = folder(&[(name, text)]);
        assert_eq!(
            refused(&folder, &PackOptions::new()),
            format!(
                "{name:?} looks like a secret: {reason}; list it in .hapignore, or allow it by name if everybody may have it"
            )
        );
        assert!(pack(folder.path(), &PackOptions::new().allow_secret(name)).is_ok());
        write(folder.path(), ".hapignore", name);
        assert!(pack(folder.path(), &PackOptions::new()).is_ok());
    }
}

#[test]
fn a_folder_that_is_no_plugin_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let error = pack(empty.path(), &PackOptions::new()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(error.to_string(), "the package would be refused");
    assert_eq!(
        source,
        "the package has no \"manifest.json\"; add the plugin's manifest"
    );
    assert!(matches!(
        pack(&empty.path().join("none"), &PackOptions::new()),
        Err(PackError::Read { .. })
    ));
}

#[test]
fn limits_are_kept_while_packing() {
    let folder = folder(&[("x", &"0123456789".repeat(100))]);
    let limited = |limits| refused(&folder, &PackOptions::new().limits(limits));
    let limits = Limits::default();
    assert_eq!(
        limited(limits.with_entries(3)),
        "the folder has more than 3 files to pack, the most that is allowed; list some in .hapignore"
    );
    assert_eq!(
        limited(limits.with_unpacked_bytes(1_000)),
        "\"x\" brings the folder to more than 1000 bytes, the most that is allowed; list it in .hapignore"
    );
    let error = pack(
        folder.path(),
        &PackOptions::new().limits(limits.with_zip_bytes(300)),
    )
    .unwrap_err();
    assert!(matches!(error, PackError::Refused { .. }), "{error:?}");
}

#[cfg(unix)]
#[test]
fn links_and_special_files_are_refused() {
    let linked = folder(&[]);
    std::os::unix::fs::symlink("/etc/passwd", linked.path().join("x")).unwrap();
    assert_eq!(
        refused(&linked, &PackOptions::new()),
        "\"x\" is a symbolic link; put the file in its place, or list it in .hapignore"
    );
    write(linked.path(), ".hapignore", "/x");
    assert!(pack(linked.path(), &PackOptions::new()).is_ok());
    let special = folder(&[]);
    let _listener = std::os::unix::net::UnixListener::bind(special.path().join("s")).unwrap();
    assert_eq!(
        refused(&special, &PackOptions::new()),
        "\"s\" is no file; replace it, or list it in .hapignore"
    );
    let ignored = folder(&[("real", "")]);
    std::os::unix::fs::symlink("real", ignored.path().join(".hapignore")).unwrap();
    assert!(matches!(
        pack(ignored.path(), &PackOptions::new()),
        Err(PackError::Special { .. })
    ));
    let named = folder(&[("a\\b", "")]);
    assert_eq!(
        refused(&named, &PackOptions::new()),
        "invalid name \"a\\\\b\": it has a backslash; write '/' between folders; rename it, or list it in .hapignore"
    );
}

//! Where files are written, and where never.

use std::fs::{self, File};
use std::io::Cursor;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use hap_manifest::package::{ExtractError, PackOptions, Package, PackageError, pack};

use crate::packing::folder;
use crate::raw::{Raw, with};

fn open(path: &std::path::Path) -> File {
    File::open(path).unwrap()
}

#[test]
fn a_tree_comes_back_as_it_was() {
    let source = folder(&[("src/deep/er/main.py", "print()\n"), ("run.sh", "#!/bin/sh\n")]);
    fs::set_permissions(source.path().join("run.sh"), fs::Permissions::from_mode(0o700)).unwrap();
    let mut package = pack(source.path(), &PackOptions::new()).unwrap();
    let target = tempfile::tempdir().unwrap();
    package.extract_into(open(target.path())).unwrap();
    for entry in package.entries() {
        let path = target.path().join(entry.name());
        assert_eq!(
            fs::read(&path).unwrap(),
            fs::read(source.path().join(entry.name())).unwrap()
        );
        let executable = fs::metadata(&path).unwrap().permissions().mode() & 0o100 != 0;
        assert_eq!(executable, entry.name() == "run.sh");
    }
    let again = pack(target.path(), &PackOptions::new()).unwrap();
    assert_eq!(again.digest(), package.digest());
}

#[test]
fn empty_folders_are_created_once() {
    let entries = [Raw::folder("a/b/"), Raw::folder("a/"), Raw::new("a/b/c", b"x")];
    let mut package = Package::open(Cursor::new(with(entries))).unwrap();
    let target = tempfile::tempdir().unwrap();
    package.extract_into(open(target.path())).unwrap();
    assert_eq!(fs::read(target.path().join("a/b/c")).unwrap(), b"x");
}

#[test]
fn only_an_empty_folder_is_written_to() {
    let mut package = Package::open(Cursor::new(with([]))).unwrap();
    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("mine"), "").unwrap();
    assert_eq!(
        package.extract_into(open(target.path())).unwrap_err().to_string(),
        "the folder to extract into is not empty: it holds \"mine\"; give a new one"
    );
    let error = package
        .extract_into(open(&target.path().join("mine")))
        .unwrap_err();
    assert!(matches!(error, ExtractError::Folder { .. }), "{error:?}");
    let linked = tempfile::tempdir().unwrap();
    symlink(target.path(), linked.path().join("manifest.json")).unwrap();
    assert!(package.extract_into(open(linked.path())).is_err());
}

/// A file that is replaced after it was checked does not bring other content in.
#[test]
fn a_package_that_changes_is_noticed() {
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("p.zip");
    fs::write(&path, with([Raw::new("x", b"good")])).unwrap();
    let mut package = Package::open(open(&path)).unwrap();
    let evil = with([Raw::new("x", b"evil").with(|raw| raw.checksum = crc32fast::hash(b"good"))]);
    fs::write(&path, evil).unwrap();
    assert!(matches!(package.read("x"), Err(PackageError::Checksum { .. })));
    let target = tempfile::tempdir().unwrap();
    assert!(package.extract_into(open(target.path())).is_err());
}

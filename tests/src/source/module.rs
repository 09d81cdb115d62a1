//! The modules of a crate, file by file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use syn::{Attribute, Item, ItemMod};

use super::ModulePath;

/// One file of a crate.
#[derive(Debug)]
pub struct Module {
    /// The file, below `src`.
    pub path: PathBuf,
    /// The module that the file is.
    pub module: ModulePath,
    /// What stands in it.
    pub file: syn::File,
}

/// Returns the folder `src` of a crate of this workspace.
#[must_use]
pub fn src_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(name)
        .join("src")
}

/// Reads all files of a crate from its `lib.rs` on. Modules that are tests are left out.
///
/// # Panics
/// When a file is missing or is not Rust.
#[must_use]
pub fn modules(src: &Path) -> Vec<Module> {
    let mut found = Vec::new();
    read(src, &src.join("lib.rs"), &ModulePath::new(), &mut found);
    found
}

#[expect(clippy::panic, reason = "a test without its sources fails")]
fn read(src: &Path, path: &Path, module: &ModulePath, found: &mut Vec<Module>) {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let parent = path.parent().unwrap_or(src);
    let folder = match path.file_name().and_then(|name| name.to_str()) {
        Some("lib.rs" | "mod.rs") => parent.to_owned(),
        _ => path.with_extension(""),
    };
    let mut below = Vec::new();
    declared(&file.items, &folder, module, &mut below);
    found.push(Module {
        path: path.strip_prefix(src).unwrap_or(path).to_owned(),
        module: module.clone(),
        file,
    });
    for (folder, child) in below {
        let name = child.last().cloned().unwrap_or_default();
        let beside = folder.join(format!("{name}.rs"));
        let within = folder.join(&name).join("mod.rs");
        read(
            src,
            if beside.exists() { &beside } else { &within },
            &child,
            found,
        );
    }
}

/// The modules that have files of their own, with the folder that each is looked for in.
fn declared(items: &[Item], folder: &Path, module: &ModulePath, below: &mut Vec<(PathBuf, ModulePath)>) {
    for item in items {
        let Item::Mod(ItemMod {
            attrs,
            ident,
            content,
            ..
        }) = item
        else {
            continue;
        };
        if is_test(attrs) {
            continue;
        }
        let child = [module.as_slice(), &[ident.to_string()]].concat();
        match content {
            None => below.push((folder.to_owned(), child)),
            Some((_, items)) => declared(items, &folder.join(ident.to_string()), &child, below),
        }
    }
}

/// Returns whether an item is there for tests alone.
#[must_use]
pub fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_cfg = attribute.path().is_ident("cfg");
        is_cfg
            && attribute.meta.require_list().is_ok_and(|list| {
                let condition = list.tokens.to_string();
                condition == "test" || condition.starts_with("all (test") || condition.starts_with("all(test")
            })
    })
}

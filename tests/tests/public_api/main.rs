//! What each crate offers to others, as a file of text that is compared with the sources.
//!
//! `UPDATE_PUBLIC_API=1 cargo test -p hap-tests --test public_api` writes the files of `docs/api`.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

#[cfg(test)]
mod api;
#[cfg(test)]
mod host_config;

use std::{collections::BTreeSet, fs, path::Path};

use api::Api;
use hap_tests::{document, source::src_of};

/// Most lines of a difference that are shown.
const MOST_SHOWN: usize = 60;

#[test]
fn what_hap_manifest_offers_is_as_it_was_written_down() {
    check("hap-manifest");
}

#[test]
fn what_hap_plugin_offers_is_as_it_was_written_down() {
    check("hap-plugin");
}

#[test]
fn what_hap_host_offers_is_as_it_was_written_down() {
    check("hap-host");
}

#[test]
fn what_hap_conformance_offers_is_as_it_was_written_down() {
    check_at("hap-conformance", &src_of("tests/conformance"));
}

fn check(name: &str) {
    check_at(name, &src_of(name));
}

fn check_at(name: &str, src: &Path) {
    let api = Api::of_crate(src, &name.replace('-', "_"));
    assert!(api.paths().count() > 20, "the sources of {name} were not read");
    let actual = api.text();
    let path = document::path(&format!("api/{name}.txt"));
    if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
        fs::write(&path, &actual).unwrap();
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let told = difference(&committed, &actual);
    assert!(
        told.is_empty() && committed == actual,
        "the public API of {name} is another one than docs/api/{name}.txt says:\n{told}\n\
         If that is meant, tell of it in CHANGELOG.md, then write the file and commit it with the change:\n  \
         UPDATE_PUBLIC_API=1 cargo test -p hap-tests --test public_api\n\
         If it is not, make what was added private, or bring back what is gone."
    );
}

/// The lines that only one of two texts has, each below the item that it belongs to.
fn difference(before: &str, after: &str) -> String {
    let (before, after) = (entries(before), entries(after));
    let gone = before.difference(&after).map(|entry| ('-', entry));
    let new = after.difference(&before).map(|entry| ('+', entry));
    let mut all: Vec<_> = gone
        .chain(new)
        .map(|(sign, (item, line))| (item, line, sign))
        .collect();
    all.sort();
    let mut told: Vec<String> = all
        .iter()
        .take(MOST_SHOWN)
        .map(|(item, line, sign)| match line.is_empty() {
            true => format!("  {sign} {item}"),
            false => format!("  {sign} {item}\n  {sign}     {line}"),
        })
        .collect();
    if all.len() > MOST_SHOWN {
        told.push(format!("  and {} more", all.len() - MOST_SHOWN));
    }
    told.join("\n")
}

/// The lines of a text, each with the item above it.
fn entries(text: &str) -> BTreeSet<(&str, &str)> {
    let mut item = "";
    let mut found = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with(' ') {
            found.insert((item, line.trim()));
        } else {
            item = line;
            found.insert((item, ""));
        }
    }
    found
}

/// A crate of one file, as its text.
fn api_of(files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Api::of_crate(Path::new(folder.path()), "lamp").text()
}

#[test]
fn what_can_be_reached_is_listed_under_the_path_that_it_is_reached_by() {
    let text = api_of(&[
        (
            "lib.rs",
            "mod inner;\npub mod open;\npub use inner::deep::{Lamp, switch as toggle};\npub use serde;\n\
             #[doc(hidden)] pub fn hidden() {}\n#[cfg(test)] pub fn tested() {}\npub(crate) fn own() {}\n",
        ),
        ("inner/mod.rs", "pub(crate) mod deep;\npub struct Unreached;\n"),
        (
            "inner/deep.rs",
            "use std::fmt;\n/// A lamp.\n#[derive(Debug, Clone)]\n#[non_exhaustive]\npub struct Lamp<'a> { pub name: &'a str, watts: u8 }\n\
             impl<'a> Lamp<'a> { pub const fn new(name: &'a str) -> Self { Self { name, watts: 0 } } fn own(&self) {} }\n\
             impl fmt::Display for Lamp<'_> { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { Ok(()) } }\n\
             pub async fn switch<T: Into<u8>>(lamp: Lamp<'_>, to: impl Fn(u8) -> bool) -> Result<T, ()> { todo!() }\n",
        ),
        (
            "open.rs",
            "pub trait Dim: Send { const MOST: u8; type Of; fn dim(&mut self, to: u8) -> Result<(), ()>; fn off(&mut self) {} }\n\
             pub enum Colour { Red, Mixed(u8, u8), Named { name: String } }\npub const MOST: u8 = 3;\npub type Two = [u8; 2];\n",
        ),
    ]);
    let expected = "\
pub async fn lamp::toggle<T: Into<u8>>(lamp: Lamp<'_>, to: impl Fn(u8) -> bool) -> Result<T, ()>
pub const lamp::open::MOST: u8
pub enum lamp::open::Colour
    Mixed(u8, u8)
    Named { name: String }
    Red
pub mod lamp::open
pub struct lamp::Lamp<'a>
    #[derive(Clone)]
    #[derive(Debug)]
    #[non_exhaustive]
    impl fmt::Display
    pub const fn new(name: &'a str) -> Self
    pub name: &'a str
pub trait lamp::open::Dim: Send
    const MOST: u8
    fn dim(&mut self, to: u8) -> Result<(), ()>
    fn off(&mut self) { ... }
    type Of
pub type lamp::open::Two = [u8; 2]
pub use lamp::serde = serde
";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn what_a_macro_defines_is_listed_with_the_macro() {
    let text = api_of(&[(
        "lib.rs",
        "macro_rules! named { ($name:ident, $text:literal) => { impl $name { pub fn as_str(&self) -> &str { $text } fn own() {} } } }\n\
         macro_rules! colours { ($($name:ident,)*) => { pub enum Colour { $($name,)* } } }\n\
         pub struct Lamp(u8);\nnamed!(Lamp, \"lamp\");\ncolours! { Red, Green, }\n",
    )]);
    for line in [
        "    by named!: pub fn as_str(&self) -> &str\n",
        "pub colours! { Red, Green, } of lamp\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(!text.contains("own"), "{text}");
}

#[test]
fn a_difference_names_the_item_and_the_line() {
    let before = "pub struct a::B\n    pub fn c()\npub struct a::D\n";
    let after = "pub struct a::B\n    pub fn c(self)\npub struct a::E\n";
    assert_eq!(
        difference(before, after),
        "  - pub struct a::B\n  -     pub fn c()\n  + pub struct a::B\n  +     pub fn c(self)\n  - pub struct a::D\n  + pub struct a::E"
    );
    assert_eq!(difference(before, before), "");
}

//! Reads the messages of a crate.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};

/// The texts of a crate's sources that are more than a word, each with its file; without those of
/// attributes, which are for readers of the sources, and of tests.
pub(crate) fn messages(src: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_test = path.file_stem().is_some_and(|name| name == "tests");
            if path.is_dir() && !is_test {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !is_test {
                let stream = fs::read_to_string(&path).unwrap().parse().unwrap();
                let mut texts = Vec::new();
                collect(stream, &mut texts);
                found.extend(texts.into_iter().map(|text| (path.clone(), text)));
            }
        }
    }
    found.retain(|(_, text)| text.contains(' '));
    found
}

fn collect(stream: TokenStream, found: &mut Vec<String>) {
    let (mut attribute, mut of_test) = (false, false);
    for tree in stream {
        match tree {
            TokenTree::Punct(punct) => {
                // `#[..]` and `#![..]`.
                attribute = punct.as_char() == '#' || (attribute && punct.as_char() == '!');
                if punct.as_char() == ';' {
                    of_test = false;
                }
                continue;
            }
            TokenTree::Group(group) if attribute => {
                of_test |= group.stream().to_string().replace(' ', "") == "cfg(test)";
            }
            TokenTree::Group(group) if of_test => {
                of_test = group.delimiter() != proc_macro2::Delimiter::Brace
            }
            TokenTree::Group(group) => collect(group.stream(), found),
            TokenTree::Literal(literal) => {
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    found.push(text.value());
                }
            }
            TokenTree::Ident(_) => {}
        }
        attribute = false;
    }
}

/// Whether a text names something by a path of Rust.
pub(crate) fn names_a_path(text: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '>');
    text.match_indices("::").any(|(at, _)| {
        let (before, after) = text.split_at(at);
        is_word(before.chars().next_back()) && is_word(after.chars().nth(2))
    })
}

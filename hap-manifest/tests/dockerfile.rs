//! What must hold for any Dockerfile.
#![cfg(feature = "package")]

use hap_manifest::package::Dockerfile;
use proptest::prelude::*;

/// The lines as every engine joins them: a backslash, and blanks behind it, at the end of a line.
fn joined(text: &str) -> String {
    let mut whole = String::new();
    for line in text.split('\n') {
        match line.trim_end().strip_suffix('\\') {
            Some(part) => whole.push_str(part),
            None => {
                whole.push_str(line);
                whole.push('\n');
            }
        }
    }
    whole
}

/// Pieces of which Dockerfiles are made, and of which they are not.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => Just("FROM scratch\n".to_owned()),
        2 => Just("COPY a /a\n".to_owned()),
        1 => Just("COPY --from=x /a /a\n".to_owned()),
        1 => Just("FROM scratch AS x\n".to_owned()),
        1 => Just("RUN id\n".to_owned()),
        1 => Just("ADD http://127.0.0.1/ /a\n".to_owned()),
        1 => Just("ONBUILD ".to_owned()),
        1 => Just("# escape=`\n".to_owned()),
        1 => Just("ENV A=\\\n".to_owned()),
        1 => Just("\\\n".to_owned()),
        1 => Just("`\n".to_owned()),
        1 => "[rR]\\\\?\n?[uU]\\\\?\n?[nN][ \t\r\n\\\\]{0,2}[a-z]{0,2}\n?",
        1 => "(FROM|COPY|ADD|RUN|ENV|ARG)[ \t]{0,2}(--[a-z]{0,5}=?)?[a-z$\"'\\\\:/<.]{0,6}[ \r\n]{0,2}",
        1 => any::<String>(),
    ]
}

/// An instruction that runs something, in one of its spellings.
fn run() -> impl Strategy<Value = String> {
    let gap = || {
        prop_oneof![
            Just(""),
            Just("\\\n"),
            Just("\\  \r\n"),
            Just("\\\n# comment\n"),
            Just("\\\n\n")
        ]
    };
    let letter = |upper: &'static str, lower: &'static str| prop_oneof![Just(upper), Just(lower)];
    let space = prop_oneof![Just(" "), Just("\t"), Just(" \\\n"), Just("\\\n\t")];
    let before = prop_oneof![Just(""), Just(" "), Just("\t "), Just("\\\n")];
    let argument = prop_oneof![
        Just("id"),
        Just("[\"id\"]"),
        Just("--mount=type=bind id"),
        Just("<<E\nid\nE")
    ];
    (
        before,
        letter("R", "r"),
        gap(),
        letter("U", "u"),
        gap(),
        letter("N", "n"),
        space,
        argument,
    )
        .prop_map(|(before, r, one, u, two, n, space, argument)| {
            format!("{before}{r}{one}{u}{two}{n}{space}{argument}")
        })
}

proptest! {
    #[test]
    fn bytes_of_any_kind_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        // Hardly any of them begins with an image.
        prop_assert!(!Dockerfile::read(&bytes).only_copies());
    }

    #[test]
    fn what_only_copies_has_no_trace_of_anything_else(pieces in prop::collection::vec(piece(), 0..8)) {
        let text = pieces.concat();
        let read = Dockerfile::read(text.as_bytes());
        prop_assert_eq!(read.only_copies(), read.steps().is_empty() && read.fault().is_none());
        if !read.only_copies() {
            return Ok(());
        }
        prop_assert!(read.images().is_empty());
        // No line of it begins with what runs or fetches.
        let begins = |line: &str, word: &str| {
            let bare = line.trim().to_ascii_uppercase();
            bare.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
        };
        for line in joined(&text).lines() {
            prop_assert!(!begins(line, "RUN"), "{:?}", text);
            prop_assert!(!begins(line, "ONBUILD"), "{:?}", text);
            prop_assert!(!(begins(line, "ADD") && line.contains("://")), "{:?}", text);
        }
    }

    #[test]
    fn whatever_runs_something_is_not_free_however_it_is_spelled(
        before in prop::sample::select(vec!["FROM scratch\n", "FROM scratch\r\n", "\u{feff}from scratch\n\n# x\n"]),
        run in run(),
        after in prop::sample::select(vec!["", "\n", "\nCOPY a /a\n", " \\\nCOPY a /a"]),
    ) {
        let text = format!("{before}{run}{after}");
        prop_assert!(!Dockerfile::read(text.as_bytes()).only_copies(), "{:?}", text);
    }

    #[test]
    fn an_instruction_among_free_ones_decides(at in 0_usize..4, run in run()) {
        let mut lines = vec!["COPY a /a".to_owned(), "ENV A=b".to_owned(), "USER 1".to_owned(), "CMD [\"/a\"]".to_owned()];
        let free = format!("FROM scratch\n{}\n", lines.join("\n"));
        prop_assert!(Dockerfile::read(free.as_bytes()).only_copies());
        lines.insert(at, run);
        let text = format!("FROM scratch\n{}\n", lines.join("\n"));
        prop_assert!(!Dockerfile::read(text.as_bytes()).only_copies(), "{:?}", text);
    }
}

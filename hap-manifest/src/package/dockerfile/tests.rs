use super::*;

fn is_free(text: &str) -> bool {
    Dockerfile::read(text.as_bytes()).only_copies()
}

/// With an image to begin with, so that only the given part decides.
fn after_scratch(text: &str) -> Dockerfile {
    Dockerfile::read(format!("FROM scratch\n{text}\n").as_bytes())
}

fn fault(text: &str) -> String {
    let read = Dockerfile::read(text.as_bytes());
    read.fault().map_or_else(String::new, ToString::to_string)
}

#[test]
fn a_dockerfile_that_puts_files_into_an_image_is_free() {
    for text in [
        "FROM scratch\nCOPY light /light\nCOPY --chown=65534:65534 data /data\nENV A=b\nUSER 65534:65534\nEXPOSE 8000\n\
         HEALTHCHECK --interval=10s CMD [\"/light\", \"healthcheck\"]\nENTRYPOINT [\"/light\"]\n",
        "\u{feff}from scratch\r\nLABEL a=\"b\" \\\r\n      c=\"d\"\r\ncopy a \\\r\n  /b\r\n",
        "# a comment\n\n  FROM\tscratch  AS Files\n\tCOPY a /a\nFROM scratch\nCOPY --from=files /a /a\nCOPY --from=0 /a /c",
        "FROM scratch AS base\nCOPY a /a\nFROM BASE\nWORKDIR /x\nSTOPSIGNAL SIGTERM\nVOLUME /data\nCMD [\"/a\"]",
        "ARG VERSION=1\nFROM scratch\nARG NAME\nCOPY $NAME /light\nADD files.tar /\nADD [\"a b\", \"/x\"]\n",
        "# escape=\\\nFROM scratch\nCOPY a /a\n",
        "FROM scratch\nENV A=1 RUN=x\nLABEL text=\"RUN something << else\"",
    ] {
        let read = Dockerfile::read(text.as_bytes());
        assert!(read.only_copies(), "{text:?}: {read:?}");
        assert!(read.images().is_empty());
    }
}

#[test]
fn whatever_runs_something_or_takes_another_image_is_not() {
    for line in [
        "RUN id",
        "run id",
        " \tRuN\tid",
        "RUN [\"/bin/id\"]",
        "R\\\nUN id",
        "RUN\\\n id",
        "RU\\  \nN id",
        "COPY --from=alpine:3 /bin/sh /sh",
        "COPY --chown=0 --from=private/app:1 /x /x",
        "COPY --fr\\\nom=alpine:3 /x /x",
        "COPY --link a /a",
        "FROM alpine:3",
        "FROM --platform=linux/amd64 scratch",
        "FROM Scratch",
        "SHELL [\"/bin/sh\", \"-c\"]",
        "ENV A=1 \\\n# a comment\nRUN id",
        "ENV A=1 \\\n\nRUN id",
    ] {
        let read = after_scratch(line);
        assert!(!read.only_copies(), "{line:?}: {read:?}");
        assert_eq!(read.fault(), None, "{line:?}");
    }
}

#[test]
fn what_engines_may_read_in_another_way_is_built_by_nobody() {
    for line in [
        "ADD http://127.0.0.1:8080/ /x",
        "ADD HTTP://127.0.0.1/ /x",
        "ADD [\"http://127.0.0.1/\", \"/x\"]",
        "ADD [\"http:\\u002f\\u002f127.0.0.1/\", \"/x\"]",
        "ADD http:\"/\"/127.0.0.1/ /x",
        "ADD http:'/'/127.0.0.1/ /x",
        "ADD http:\\/\\/127.0.0.1/ /x",
        "ADD $ADDRESS /x",
        "ADD git@github.com:a/b.git /x",
        "ADD github.com/a/b /x",
        "ADD --checksum=sha256:1 a /x",
        "COPY --chown=\"a b\" --from=alpine /x /x",
        "COPY --chown=a\\ b --from=alpine /x /x",
        "COPY -- --from=alpine /x /x",
        "COPY --from=$IMAGE /x /x",
        "COPY --from=7 /x /x",
        "COPY --from=0 /x /x",
        "COPY --from= /x /x",
        "COPY <<EOF /x\nRUN id\nEOF",
        "RUN <<EOF\nid\nEOF",
        "RUN --mount=type=bind,from=alpine id",
        "RUN --network=host id",
        "ONBUILD RUN id",
        "ENV A=1 \\\\\nRUN id",
        "FROM $BASE",
        "FROM \"scratch\"",
        "FROM sc\\ratch",
        "FROM 3f2a1bcdef12",
        "FROM scratch\nFROM 0",
        "FROM scratch AS",
        "FROM scratch AS a b",
        "FROM",
        "USER --x",
        "SOMETHING else",
        "//syntax=docker/dockerfile:1",
        "# syntax=docker/dockerfile:1",
        "#\tEscape = `",
        "ENV A=\u{a0}1",
        "ENV A=1\rRUN id",
        "ENV A=1\u{b}RUN id",
        "ENV A=1\u{2028}RUN id",
    ] {
        let read = after_scratch(line);
        assert!(read.fault().is_some(), "{line:?}: {read:?}");
        assert!(!read.only_copies(), "{line:?}");
    }
    assert!(!is_free(""));
    assert!(!is_free("# nothing"));
    assert!(!Dockerfile::read(b"FROM scratch\nENV A=\xff").only_copies());
    assert!(!Dockerfile::read(&vec![b'\n'; Dockerfile::MAX_BYTES + 1]).only_copies());
}

#[test]
fn a_fault_names_the_first_line_and_the_way_out() {
    let text = "FROM scratch\n\nADD http://example.com/x \\\n  /x\nONBUILD RUN id\n";
    let told = fault(text);
    assert!(
        told.starts_with("line 3: ADD may fetch") && told.contains("COPY"),
        "{told}"
    );
}

#[test]
fn images_are_listed_with_plain_arguments_filled_in() {
    let images = |text: &str| Dockerfile::read(text.as_bytes()).images().to_vec();
    assert_eq!(
        images(
            "ARG V=1.90\nARG R=docker.io/library\nFROM $R/rust:${V}-slim AS b\nFROM scratch\nCOPY --from=b /x /x\nCOPY --from=a/b:1 /y /y"
        ),
        ["docker.io/library/rust:1.90-slim", "a/b:1"]
    );
    for unclear in [
        "ARG V\nFROM rust:$V$W",
        "ARG V=$W\nFROM rust:$V",
        "ARG V=\"1\"\nFROM rust:$V",
        "ARG A=1 B=2\nFROM rust:$A",
        "ARG V=1\nFROM rust:${V:-2}",
        "FROM scratch\nARG V=1\nFROM rust:$V",
    ] {
        assert!(!fault(unclear).is_empty(), "{unclear:?}");
    }
}

#[test]
fn steps_are_shown_in_one_line_of_bounded_length() {
    let long = format!("FROM scratch\nRUN a \\\n  && {}", "b".repeat(10_000));
    let read = Dockerfile::read(long.as_bytes());
    let [step] = read.steps() else { panic!("{read:?}") };
    assert_eq!((step.line(), step.text().chars().count()), (2, 300));
    assert!(step.to_string().starts_with("line 2: RUN a "));
}

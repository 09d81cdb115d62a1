use super::{Fixture, plugin::program};

const LOADER: Option<&str> = Some("/lib64/ld-linux-x86-64.so.2");

pub(super) const FIXTURES: &[Fixture] = &[
    (
        "HAP301",
        |p| {
            p.docker(
                "CMD [\"/bell\", \"healthcheck\"]",
                "CMD curl -f http://localhost:8000/health",
            )
        },
        |p| p.docker("HEALTHCHECK CMD [\"/bell\", \"healthcheck\"]", "HEALTHCHECK NONE"),
    ),
    (
        "HAP302",
        |p| p.docker("USER 65534:65534", "USER root"),
        |p| p.docker("USER 65534:65534", "USER 1000"),
    ),
    (
        "HAP304",
        |p| p.docker("EXPOSE 8000", "EXPOSE 8080"),
        |p| p.docker("EXPOSE 8000", "EXPOSE 8000/tcp 9000"),
    ),
    (
        "HAP305",
        |p| p.docker("ENTRYPOINT [\"/bell\"]", "ENTRYPOINT /bell --verbose"),
        |p| p.docker("ENTRYPOINT [\"/bell\"]", "ENTRYPOINT [\"/bell\", \"--verbose\"]"),
    ),
    (
        "HAP306",
        |p| p.docker("ENTRYPOINT [\"/bell\"]\n", ""),
        |p| p.docker("ENTRYPOINT [\"/bell\"]", "CMD [\"/bell\"]"),
    ),
    (
        "HAP307",
        |p| p.docker("COPY bell", "COPY sound.wav /sound.wav\nCOPY bell"),
        |p| p.docker("COPY bell", "COPY *.md dat? /doc/\nCOPY bell"),
    ),
    (
        "HAP308",
        |p| p.write(".dockerignore", "*\n!data\n"),
        |p| p.write(".dockerignore", "*\n!data\n!bell\n"),
    ),
    (
        "HAP309",
        |p| {
            p.remove("bell")
                .write("Cargo.toml", "[package]\nname = \"bell\"\n")
        },
        |p| p.write("Cargo.toml", "[package]\nname = \"bell\"\n"),
    ),
    (
        "HAP310",
        |p| {
            p.program("target/bell", b"x")
                .docker("COPY bell", "COPY target/bell /b\nCOPY bell")
        },
        |p| {
            p.program("out/bell", b"x")
                .docker("COPY bell", "COPY out/bell /b\nCOPY bell")
        },
    ),
    (
        "HAP311",
        |p| p.program("bell", &program(183, None)),
        |p| p.program("bell", &program(62, None)),
    ),
    (
        "HAP312",
        |p| p.program("bell", &program(62, LOADER)),
        |p| {
            p.program("bell", &program(62, LOADER))
                .program("ld", b"x")
                .docker("COPY bell", "COPY ld /lib64/ld-linux-x86-64.so.2\nCOPY bell")
        },
    ),
    (
        "HAP313",
        |p| p.mode("bell", 0o644),
        |p| p.mode("bell", 0o644).docker("COPY bell", "COPY --chmod=755 bell"),
    ),
    (
        "HAP314",
        |p| p.docker("COPY bell", "ADD https://example.com/tool /tool\nCOPY bell"),
        |p| p.docker("COPY bell", "ADD README.md /README\nCOPY bell"),
    ),
    (
        "HAP315",
        |p| {
            p.docker("FROM scratch", "FROM python")
                .write(".hapcheck", "HAP316 it is Python\n")
        },
        |p| {
            p.docker("FROM scratch", "FROM python:3.13-slim")
                .write(".hapcheck", "HAP316 it is Python\n")
        },
    ),
    (
        "HAP316",
        |p| p.docker("FROM scratch", "FROM python:3.13-slim\nRUN pip install requests"),
        |p| p.docker("FROM scratch", "FROM scratch\nLABEL a=b"),
    ),
    (
        "HAP317",
        |p| p.docker("COPY --chown=65534:65534 data", "COPY data"),
        |p| p.docker("COPY --chown=65534:65534 data /data", "COPY data /other"),
    ),
    (
        "HAP318",
        |p| p.docker("HAP_DATA_DIR=/data", "HAP_DATA_DIR=/var/bell"),
        |p| p.docker("HAP_DATA_DIR=/data", "HAP_DATA_DIR=/data/bell"),
    ),
    (
        "HAP319",
        |p| {
            p.program("bell", b"#!/bin/sh\r\necho\r\n")
                .program("sh", b"x")
                .docker("COPY bell", "COPY sh /bin/sh\nCOPY bell")
        },
        |p| {
            p.program("bell", b"#!/bin/sh\necho\n")
                .program("sh", b"x")
                .docker("COPY bell", "COPY sh /bin/sh\nCOPY bell")
        },
    ),
    (
        "HAP320",
        |p| p.program("bell", b"#!/usr/bin/env python3\n"),
        |p| {
            p.program("bell", b"#!/usr/bin/env python3\n")
                .program("env", b"x")
                .docker("COPY bell", "COPY env /usr/bin/env\nCOPY bell")
        },
    ),
    (
        "HAP321",
        |p| p.docker("COPY bell", "RUN --mount=type=cache,target=/x true\nCOPY bell"),
        |p| p.docker("COPY bell", "# no options\nCOPY bell"),
    ),
    (
        "HAP322",
        |p| p.docker("COPY bell /bell", "COPY bell /bin/bell"),
        |p| p.docker("COPY bell /bell", "COPY bell /"),
    ),
    (
        "HAP324",
        |p| p.docker("USER", "VOLUME /var/lib/bell\nUSER"),
        |p| p.docker("USER", "VOLUME [\"/data\"]\nUSER"),
    ),
    (
        "HAP326",
        |p| p.docker("USER", "STOPSIGNAL SIGKILL\nUSER"),
        |p| p.docker("USER", "STOPSIGNAL SIGTERM\nUSER"),
    ),
    (
        "HAP330",
        |p| p.docker("ENV ", "ENV HAP_BIND=127.0.0.1 "),
        |p| p.docker("ENV ", "ENV HAP_BIND=0.0.0.0 MQTT_SERVER=127.0.0.1 "),
    ),
    (
        "HAP331",
        |p| p.write("plugin.py", "import x\napp.run(host=\"127.0.0.1\", port=8000)\n"),
        |p| {
            p.write(
                "plugin.py",
                "# not host=\"127.0.0.1\"\napp.run(host=\"0.0.0.0\")\n",
            )
        },
    ),
    (
        "HAP502",
        |p| p.docker("USER", "ENV API_KEY=0123456789\nUSER"),
        |p| p.docker("USER", "ARG API_KEY\nENV API_KEY_FILE=/data/key\nUSER"),
    ),
];

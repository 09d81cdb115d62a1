//! What a plugin asks of its container.

use hap_manifest::{Capability, ContainerUser, DevicePath};

use crate::{accepts, refuses};

#[test]
fn device_path() {
    let longest = format!("/dev/{}", "a".repeat(250));
    accepts::<DevicePath>(&[
        "/dev/ttyUSB0",
        "/dev/serial/by-id/usb-x_1.2",
        "/dev/a+b",
        "/dev/...",
        &longest,
    ]);
    let example = "for example \"/dev/ttyUSB0\"";
    for (text, rule, help) in [
        ("", "it must begin with \"/dev/\"", example),
        ("/etc/passwd", "it must begin with \"/dev/\"", example),
        ("/dev", "it must begin with \"/dev/\"", example),
        (
            "ttyUSB0",
            "it must begin with \"/dev/\"",
            "write \"/dev/ttyUSB0\"",
        ),
        ("..", "it must begin with \"/dev/\"", example),
        ("/dev/", "it has an empty, '.' or '..' segment", example),
        ("/dev/../etc", "it has an empty, '.' or '..' segment", example),
        ("/dev/./a", "it has an empty, '.' or '..' segment", example),
        ("/dev/a/", "it has an empty, '.' or '..' segment", example),
        (
            "/dev/a:/dev/b",
            "':' at position 7 is not allowed",
            "write \"/dev/a\"; the plugin sees it by the same name",
        ),
        ("/dev/a*:b", "'*' at position 7 is not allowed", example),
        ("/dev/a b", "' ' at position 7 is not allowed", example),
        ("/dev/*", "'*' at position 6 is not allowed", example),
        ("/dev/a\n", "'\\n' at position 7 is not allowed", example),
    ] {
        refuses::<DevicePath>(&[(text, &format!("invalid device path {text:?}: {rule}; {help}"))]);
    }
    let long = format!("{longest}a");
    refuses::<DevicePath>(&[(
        &long,
        &format!(
            "invalid device path \"/dev/{}\"...: it has 256 bytes, at most 255 are allowed",
            "a".repeat(55)
        ),
    )]);
}

#[test]
fn capability() {
    let longest = "A".repeat(32);
    accepts::<Capability>(&["NET_RAW", "SYS_TIME", "A1", "X_", &longest]);
    assert_eq!("CAP_NET_RAW".parse::<Capability>().unwrap().as_str(), "NET_RAW");
    let shape = "it must begin with a letter and have at most 32 characters";
    let long = "A".repeat(33);
    for (text, rule) in [
        ("net_raw", "'n' at position 1 is not one of A-Z, 0-9 and '_'"),
        ("cap-net-raw", "'c' at position 1 is not one of A-Z, 0-9 and '_'"),
        ("NET-RAW", "'-' at position 4 is not one of A-Z, 0-9 and '_'"),
        ("NET RAW", "' ' at position 4 is not one of A-Z, 0-9 and '_'"),
    ] {
        let expected = format!("invalid capability {text:?}: {rule}; write \"NET_RAW\"");
        refuses::<Capability>(&[(text, &expected)]);
    }
    for (text, rule) in [
        ("net_r\u{e4}w", "'n' at position 1 is not one of A-Z, 0-9 and '_'"),
        ("", shape),
        ("CAP_", shape),
        ("1A", shape),
        ("_A", shape),
        (&long, shape),
        ("ALL", "it would lift every restriction"),
        ("CAP_ALL", "it would lift every restriction"),
    ] {
        let expected = format!("invalid capability {text:?}: {rule}; for example \"NET_RAW\"");
        refuses::<Capability>(&[(text, &expected)]);
    }
}

#[test]
fn container_user() {
    let longest = "u".repeat(32);
    accepts::<ContainerUser>(&[
        "1000",
        "1000:1000",
        "app",
        "app:app",
        "_app",
        "0",
        "a.b-c_d",
        &longest,
    ]);
    let long = "u".repeat(33);
    for text in [
        "", ":", "a:", ":a", "a:b:c", "-1", "a b", "a/b", "a\n", "ä", ".a", &long,
    ] {
        let expected = format!(
            "invalid user {text:?}: it must be a name or number, optionally with ':' and a group, each of at most 32 \
             letters, digits, '_', '.' and '-'; for example \"1000:1000\""
        );
        refuses::<ContainerUser>(&[(text, &expected)]);
    }
}

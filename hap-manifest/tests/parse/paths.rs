//! Paths of endpoints and in containers.

use hap_manifest::{EndpointPath, VolumePath};

use crate::{accepts, refuses};

#[test]
fn endpoint_path() {
    accepts::<EndpointPath>(&["/", "/health", "/api/v1/health/", "/a.b/..c/~x", "/a@b:c"]);
    refuses::<EndpointPath>(&[
        ("", "invalid endpoint path \"\": it is empty"),
        (
            "health",
            "invalid endpoint path \"health\": it must begin with '/'; write \"/health\"",
        ),
        (
            "http://x/health",
            "invalid endpoint path \"http://x/health\": it must begin with '/'; write only the path, without scheme and host",
        ),
        (
            "//",
            "invalid endpoint path \"//\": it has an empty segment ('//' or a '/' at the end); write the path in its normal form",
        ),
        (
            "/a//b",
            "invalid endpoint path \"/a//b\": it has an empty segment ('//' or a '/' at the end); write \"/a/b\"",
        ),
        (
            "/../etc",
            "invalid endpoint path \"/../etc\": it has a '.' or '..' segment; write the path in its normal form",
        ),
        (
            "/a/.",
            "invalid endpoint path \"/a/.\": it has a '.' or '..' segment; write \"/a\"",
        ),
        (
            "/a?b",
            "invalid endpoint path \"/a?b\": '?' at position 3 is not allowed in a path; use letters, digits, '-', '_', '.' and '/', without query or escapes",
        ),
        (
            "/%2e%2e",
            "invalid endpoint path \"/%2e%2e\": '%' at position 2 is not allowed in a path; use letters, digits, '-', '_', '.' and '/', without query or escapes",
        ),
        (
            "/a b",
            "invalid endpoint path \"/a b\": ' ' at position 3 is not allowed in a path; use letters, digits, '-', '_', '.' and '/', without query or escapes",
        ),
        (
            "/a\r\n",
            "invalid endpoint path \"/a\\r\\n\": '\\r' at position 3 is not allowed in a path; use letters, digits, '-', '_', '.' and '/', without query or escapes",
        ),
    ]);
    let long = format!("/{}", "a".repeat(255));
    assert!(
        long.parse::<EndpointPath>()
            .unwrap_err()
            .to_string()
            .ends_with("it has 256 bytes, at most 255 are allowed")
    );
}

#[test]
fn volume_path() {
    accepts::<VolumePath>(&["/data", "/var/lib/light", "/with space", "/größe", "/..."]);
    refuses::<VolumePath>(&[
        ("", "invalid container path \"\": it is empty"),
        (
            "/",
            "invalid container path \"/\": it would cover the whole container; name a directory, such as \"/data\"",
        ),
        (
            "data",
            "invalid container path \"data\": it must begin with '/'; write \"/data\"",
        ),
        (
            "/host:/data",
            "invalid container path \"/host:/data\": it has a ':'; write \"/data\"; the host chooses where the data lives",
        ),
        (
            "/data/",
            "invalid container path \"/data/\": it has an empty segment ('//' or a '/' at the end); write \"/data\"",
        ),
        (
            "/a/../b",
            "invalid container path \"/a/../b\": it has a '.' or '..' segment; write the path in its normal form",
        ),
        (
            "/a\\b",
            "invalid container path \"/a\\\\b\": '\\\\' at position 3 is not allowed",
        ),
        (
            "/a\0",
            "invalid container path \"/a\\0\": '\\0' at position 3 is not allowed",
        ),
        (
            "/a\t",
            "invalid container path \"/a\\t\": '\\t' at position 3 is not allowed",
        ),
        (
            "//",
            "invalid container path \"//\": it has an empty segment ('//' or a '/' at the end); write the path in its normal form",
        ),
        (
            "~/data",
            "invalid container path \"~/data\": it must begin with '/'",
        ),
        (
            "./data",
            "invalid container path \"./data\": it must begin with '/'; write \"/data\"",
        ),
        (
            "./data:/data/:ro",
            "invalid container path \"./data:/data/:ro\": it has a ':'; name only the path inside the container; the host chooses where the data lives",
        ),
    ]);
    let long = format!("/{}", "a".repeat(255));
    refuses::<VolumePath>(&[(
        &long,
        &format!(
            "invalid container path \"/{}\"...: it has 256 bytes, at most 255 are allowed",
            "a".repeat(59)
        ),
    )]);
    let path = |text: &str| text.parse::<VolumePath>().unwrap();
    assert!(path("/data").contains(&path("/data")));
    assert!(path("/data").contains(&path("/data/a")));
    assert!(!path("/data").contains(&path("/database")));
    assert!(!path("/data/a").contains(&path("/data")));
}

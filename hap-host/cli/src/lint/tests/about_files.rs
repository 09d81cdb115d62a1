use std::io;

use hap_manifest::package::PackError;
use serde_json::json;

use super::Fixture;
use crate::lint::view::Refusal;

pub(super) const FIXTURES: &[Fixture] = &[
    ("HAP201", |p| p.remove("manifest.json"), |p| p.pack()),
    (
        "HAP202",
        |p| p.write(".hapignore", "README.md\n"),
        |p| p.write(".hapignore", "x.md\n"),
    ),
    (
        "HAP203",
        |p| p.remove("Dockerfile"),
        |p| {
            p.set("dockerfile", json!("image/Dockerfile"))
                .rename("Dockerfile", "image/Dockerfile")
        },
    ),
    (
        "HAP204",
        |p| p.remove("CHANGELOG.md"),
        |p| p.write("CHANGELOG.md", "## [1.0.0] - today\n"),
    ),
    (
        "HAP205",
        |p| p.write("what?.wav", "x"),
        |p| p.write("what.wav", "x"),
    ),
    (
        "HAP206",
        |p| p.link("bell", "ring"),
        |p| p.link("bell", "ring").write(".hapignore", "ring\n"),
    ),
    (
        "HAP207",
        |p| p.socket("s"),
        |p| p.socket("s").write(".hapignore", "s\n"),
    ),
    (
        "HAP208",
        |p| {
            for number in 0..2_000 {
                p.write(&format!("vendor/{number}"), "");
            }
            p
        },
        |p| {
            for number in 0..2_000 {
                p.write(&format!("vendor/{number}"), "");
            }
            p.write(".hapignore", "vendor/\n")
        },
    ),
    (
        "HAP209",
        |p| p.sized("model.bin", 201 << 20),
        |p| p.sized("model.bin", 201 << 20).write(".hapignore", "*.bin\n"),
    ),
    (
        "HAP210",
        |p| p.pack().write("package.zip", "PK no package"),
        |p| p.pack(),
    ),
    (
        "HAP211",
        |p| p.write(".hapignore", "logs\\*.txt\n"),
        |p| p.write(".hapignore", "logs/*.txt\n"),
    ),
    (
        "HAP212",
        |p| p.sized("a.bin", 51 << 20),
        |p| p.sized("a.bin", 20 << 20),
    ),
    (
        "HAP213",
        |p| {
            let path = "data/README".into();
            let source = io::ErrorKind::PermissionDenied.into();
            p.refuse(Refusal::Pack(PackError::Read { path, source }))
        },
        |p| p.mode("data/README", 0o400),
    ),
    (
        "HAP214",
        |p| p.write("Ring.wav", "x").write("ring.wav", "x"),
        |p| p.write("Ring.wav", "x").write("ring-2.wav", "x"),
    ),
    (
        "HAP215",
        |p| p.write(".vscode/settings.json", "{}").write("notes.txt~", "x"),
        |p| {
            p.write(".vscode/settings.json", "{}")
                .write(".hapignore", ".vscode\n")
        },
    ),
    (
        "HAP401",
        |p| p.write("README.md", "# bell\n\nTODO\n"),
        |p| p.write("README.md", format!("# bell\n\n{}\n", "It rings. ".repeat(10))),
    ),
    (
        "HAP408",
        |p| p.set("icon", json!("icon.png")).write("icon.png", png(2000)),
        |p| p.set("icon", json!("icon.png")).write("icon.png", png(512)),
    ),
    (
        "HAP409",
        |p| p.set("icon", json!("icon.svg")),
        |p| p.set("icon", json!("icon.svg")).write("icon.svg", "<svg/>"),
    ),
    (
        "HAP410",
        |p| p.write("CHANGELOG.md", "## 1.0.0-rc.1\n\n## 11.0.0\n"),
        |p| p.write("CHANGELOG.md", "## v1.0.0 (today)\n"),
    ),
    (
        "HAP413",
        |p| p.remove("conformance.json"),
        |p| p.write("conformance.json", "{}"),
    ),
    (
        "HAP414",
        |p| p.write("conformance.json", "{\"command\": []}"),
        |p| p.write("conformance.json", "{\"config\": {\"valid\": {}}}"),
    ),
    (
        "HAP415",
        |p| {
            p.replace(
                "README.md",
                "# bell",
                "# bell\n\nSee [the guide](../docs/guide.md#x).",
            )
        },
        |p| {
            p.replace(
                "README.md",
                "# bell",
                "# bell\n\nSee [changes](CHANGELOG.md), [me](https://x.example/a).",
            )
        },
    ),
    (
        "HAP501",
        |p| p.write(".env", "A=1"),
        |p| p.write(".env.example", "A="),
    ),
    (
        "HAP505",
        |p| p.write("a.py", "T = 'ghp_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R'\n"),
        |p| p.write("a.py", "T = 'ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'\n"),
    ),
    (
        "HAP507",
        |p| p.write("a.py", "B = 'mqtt://bell:hunter2@broker'\n"),
        |p| p.write("a.py", "B = 'mqtt://broker'\n"),
    ),
    (
        "HAP901",
        |p| p.write(".hapcheck", "# ours\nHAP405 nobody wrote it\n"),
        |p| {
            p.write(".hapcheck", "HAP405 nobody wrote it\n")
                .set("author", json!(""))
        },
    ),
    (
        "HAP902",
        |p| p.write(".hapcheck", "HAP4 what\nHAP405\n"),
        |p| p.write(".hapcheck", "# nothing\n\n"),
    ),
];

/// A picture of so many pixels each way, as far as its head tells.
fn png(pixels: u32) -> Vec<u8> {
    let mut head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    head.extend(pixels.to_be_bytes());
    head.extend(pixels.to_be_bytes());
    head
}

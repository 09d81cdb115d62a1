//! What of the configuration file concerns the machine.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::super::facts::ConfigFacts;

/// Most bytes of a file.
const MOST: u64 = 1 << 20;

/// Takes what there is to take from a file, whatever the host says of it.
pub(super) fn read(path: PathBuf, trouble: Option<String>) -> ConfigFacts {
    let mut text = String::new();
    // A file that cannot be read is the host's trouble.
    let read = File::open(&path).and_then(|file| file.take(MOST).read_to_string(&mut text));
    let table = read
        .ok()
        .and_then(|_| text.parse::<Table>().ok())
        .unwrap_or_default();
    ConfigFacts {
        trouble,
        ..facts(&table, path)
    }
}

/// Values of another kind than they should be are the host's to refuse.
fn facts(table: &Table, path: PathBuf) -> ConfigFacts {
    let api = table.get("api").and_then(Value::as_table);
    let text = |table: Option<&Table>, key: &str| table?.get(key)?.as_str().map(str::to_owned);
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    ConfigFacts {
        events_port: table
            .get("events_port")
            .and_then(Value::as_integer)
            .and_then(|port| port.try_into().ok()),
        engine: text(Some(table), "engine"),
        instance: text(Some(table), "instance"),
        listen: text(api, "listen"),
        certificate: text(api, "certificate").map(|file| folder.join(file)),
        key: text(api, "key").map(|file| folder.join(file)),
        path: Some(path),
        trouble: None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_tells_what_concerns_the_machine_and_a_broken_one_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hap.toml");
        let toml = "events_port = 4000\nengine = \"process\"\n[api]\nlisten = \"127.0.0.1:1\"\ncertificate = \"c.pem\"\n";
        fs::write(&path, toml).unwrap();
        let facts = read(path.clone(), None);
        assert_eq!(
            (facts.events_port, facts.engine.as_deref()),
            (Some(4000), Some("process"))
        );
        assert_eq!(facts.certificate.unwrap(), folder.path().join("c.pem"));
        assert!(facts.trouble.is_none() && facts.key.is_none());
        fs::write(&path, "a = 1\nb = [\n").unwrap();
        let facts = read(path.clone(), Some("it is no TOML".to_owned()));
        assert_eq!(
            (facts.path, facts.trouble.as_deref()),
            (Some(path), Some("it is no TOML"))
        );
    }
}

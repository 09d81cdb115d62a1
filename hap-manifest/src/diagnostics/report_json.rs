//! Issues as JSON, for programs that show them in their own way.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::report::{Issue, ManifestError};

impl Serialize for Issue {
    /// An object with `severity`, `code`, `pointer` and `message`, and where they are known `help`,
    /// `line` and `column`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("severity", &format_args!("{}", self.severity()))?;
        map.serialize_entry("code", self.code().as_str())?;
        map.serialize_entry("pointer", self.pointer())?;
        if let (Some(line), Some(column)) = (self.line(), self.column()) {
            map.serialize_entry("line", &line)?;
            map.serialize_entry("column", &column)?;
        }
        map.serialize_entry("message", self.message())?;
        if let Some(help) = self.help() {
            map.serialize_entry("help", help)?;
        }
        map.end()
    }
}

impl Serialize for ManifestError {
    /// Returns the list of all issues.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.issues().serialize(serializer)
    }
}

//! Answers of the engine that cannot be read whole, read by their parts.
//!
//! A newer engine uses words that the client library does not know, and the library then reads nothing
//! of the answer. What it cannot read is left out here, as small as it is: one word, not one container,
//! and not the list that the container is in.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

/// More than this of one value is not left out: then it is something else than was asked for.
const MOST_LEFT_OUT: usize = 64;

/// What could be read of an answer.
#[derive(Debug)]
pub(super) struct Read<T> {
    pub(super) value: T,
    /// Where it says what cannot be read, such as `Mounts[0].Type`. Never what it says there: it may be
    /// a secret.
    pub(super) left_out: Vec<String>,
}

/// Reads one value without what cannot be read of it. `None` where that is all, or a part that it
/// cannot be without.
pub(super) fn value<T: DeserializeOwned>(text: &str) -> Option<Read<T>> {
    of_value(serde_json::from_str(text).ok()?)
}

/// Reads a list by its elements, without those that cannot be read in any part.
pub(super) fn list<T: DeserializeOwned>(text: &str) -> Option<Read<Vec<T>>> {
    let elements: Vec<Value> = serde_json::from_str(text).ok()?;
    let mut read = Read {
        value: Vec::with_capacity(elements.len()),
        left_out: Vec::new(),
    };
    for (index, element) in elements.into_iter().enumerate() {
        match of_value(element) {
            Some(one) => {
                read.value.push(one.value);
                let inside = one.left_out.into_iter();
                read.left_out
                    .extend(inside.map(|path| format!("[{index}].{path}")));
            }
            None => read.left_out.push(format!("[{index}]")),
        }
    }
    Some(read)
}

fn of_value<T: DeserializeOwned>(mut value: Value) -> Option<Read<T>> {
    let mut left_out = Vec::new();
    let mut last: Option<Removed> = None;
    loop {
        let path = match serde_path_to_error::deserialize(&value) {
            Ok(value) => return Some(Read { value, left_out }),
            Err(error) => steps(error.path())?,
        };
        match last.take() {
            // What was left out must be there: the library's words know one for nothing.
            Some(removed) if removed.is_text && removed.from == path => {
                if let Some(Value::Object(members)) = at(&mut value, &path) {
                    members.insert(removed.name, Value::from(""));
                }
                continue;
            }
            _ => {}
        }
        if left_out.len() >= MOST_LEFT_OUT {
            return None;
        }
        left_out.push(shown(&path));
        last = remove(&mut value, &path)?;
    }
}

/// A member that was left out last.
struct Removed {
    from: Vec<Step>,
    name: String,
    is_text: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

/// The way to what could not be read. `None` where it is not known.
fn steps(path: &Path) -> Option<Vec<Step>> {
    let step = |segment: &Segment| match segment {
        Segment::Map { key } => Some(Step::Member(key.clone())),
        Segment::Seq { index } => Some(Step::Element(*index)),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().map(step).collect()
}

fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Member(name) if text.is_empty() => text.push_str(name),
            Step::Member(name) => text.extend([".", name]),
            Step::Element(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

fn at<'v>(value: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => value.get_mut(name),
        Step::Element(index) => value.get_mut(index),
    })
}

/// Takes out what is at a path, and tells what that was if it was a member. `None` for the whole.
#[expect(
    clippy::option_option,
    reason = "an element is taken out, and put back by nobody"
)]
fn remove(value: &mut Value, path: &[Step]) -> Option<Option<Removed>> {
    let (last, way) = path.split_last()?;
    match (at(value, way)?, last) {
        (Value::Object(members), Step::Member(name)) => {
            let removed = members.remove(name)?;
            Some(Some(Removed {
                from: way.to_vec(),
                name: name.clone(),
                is_text: removed.is_string(),
            }))
        }
        (Value::Array(elements), Step::Element(index)) if *index < elements.len() => {
            elements.remove(*index);
            Some(None)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerInspectResponse, ContainerSummary, Network, Volume};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_word_that_nobody_knows_is_all_that_is_left_out() {
        let told = json!({
            "Id": "abc",
            "State": { "Status": "dreaming", "Running": true, "ExitCode": 0 },
            "HostConfig": {
                "Memory": "much", "NanoCpus": 5,
                "Mounts": [{ "Type": "volume", "Target": "/a" }, { "Type": "future", "Target": "/b" }]
            }
        });
        assert!(serde_json::from_value::<ContainerInspectResponse>(told.clone()).is_err());
        let read = value::<ContainerInspectResponse>(&told.to_string()).unwrap();
        let state = read.value.state.unwrap();
        assert_eq!((state.status, state.running), (None, Some(true)));
        let host = read.value.host_config.unwrap();
        assert_eq!((host.memory, host.nano_cpus), (None, Some(5)));
        let targets = host.mounts.unwrap().into_iter().map(|mount| mount.target);
        assert_eq!(targets.flatten().collect::<Vec<_>>(), ["/a", "/b"]);
        let mut left_out = read.left_out;
        left_out.sort();
        assert_eq!(
            left_out,
            ["HostConfig.Memory", "HostConfig.Mounts[1].Type", "State.Status"]
        );
    }

    #[test]
    fn a_list_keeps_all_its_elements_but_those_that_lack_what_each_must_have() {
        let told = json!([
            { "Id": "a", "Mounts": [{ "RW": "perhaps" }] },
            { "Id": "b", "State": "dreaming", "Labels": { "x": "y" } },
            { "Id": "c" }
        ]);
        let read = list::<ContainerSummary>(&told.to_string()).unwrap();
        let ids: Vec<_> = read
            .value
            .iter()
            .filter_map(|found| found.id.as_deref())
            .collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!(read.left_out, ["[0].Mounts[0].RW", "[1].State"]);

        let told = json!([{ "Name": "a" }, 7, { "Name": "b", "IPAM": { "Config": "none" } }]);
        let read = list::<Network>(&told.to_string()).unwrap();
        let names: Vec<_> = read
            .value
            .iter()
            .filter_map(|found| found.name.as_deref())
            .collect();
        assert_eq!(
            (names, read.left_out),
            (
                vec!["a", "b"],
                vec!["[1]".to_owned(), "[2].IPAM.Config".to_owned()]
            )
        );
    }

    #[test]
    fn a_word_that_must_be_there_becomes_the_one_for_nothing() {
        let volume = json!({
            "Name": "a", "Driver": "local", "Mountpoint": "/m", "Labels": {}, "Options": {}, "Scope": "galaxy"
        });
        let read = value::<Volume>(&volume.to_string()).unwrap();
        assert_eq!(
            (read.value.name.as_str(), read.left_out),
            ("a", vec!["Scope".to_owned()])
        );
    }

    #[test]
    fn what_lacks_a_part_that_it_must_have_or_is_no_json_is_not_read() {
        assert!(value::<Volume>(r#"{"Driver":"local"}"#).is_none());
        for text in ["", "hello", "{", r#""text""#] {
            assert!(value::<ContainerInspectResponse>(text).is_none(), "{text}");
            assert!(list::<ContainerSummary>(text).is_none(), "{text}");
        }
    }
}

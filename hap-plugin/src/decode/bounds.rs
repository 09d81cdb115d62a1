//! [`Bounds`]: the ranges, lengths and counts that a schema sets and the type behind it does not know.
//!
//! A type has read the value already, so its shape is right. What is looked at is what
//! `#[schemars(range(..))]` and `#[schemars(length(..))]` say. Of alternatives that counts which the value
//! has the shape of; where that cannot be told, nothing is refused.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::decode::limit::{Broken, Limits};
use crate::decode::mismatch::Mismatch;
use crate::decode::shape::Shape;

/// How many parts of a schema in each other are followed: several for each level of a value, of which there are
/// at most 128.
const DEPTH: usize = 1_000;

/// The bounds of a schema, in a form that is quick to check.
#[derive(Debug)]
pub(crate) struct Bounds {
    nodes: Vec<Node>,
}

/// A part of a schema. Others are named by their numbers, since schemas refer to themselves.
#[derive(Debug, Default)]
struct Node {
    /// A bound is in it or below it.
    is_bounded: bool,
    is_secret: bool,
    limits: Limits,
    shape: Shape,
    properties: BTreeMap<String, usize>,
    other_properties: Option<usize>,
    first_items: Vec<usize>,
    items: Option<usize>,
    /// All of them hold.
    all: Vec<usize>,
    /// One of each group holds.
    any: Vec<Vec<usize>>,
}

/// What is wrong with a value, and where.
#[derive(Debug)]
struct Violation {
    broken: Broken,
    is_secret: bool,
    /// The innermost first.
    path: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

/// What looking at a value finds.
#[derive(Debug, Default)]
struct Found {
    has_other_shape: bool,
    violation: Option<Violation>,
}

impl Bounds {
    /// Reads a schema; `None` where it has no bounds that its types do not have.
    pub(crate) fn of(schema: &Value) -> Option<Self> {
        let mut reader = Reader {
            root: schema,
            nodes: Vec::new(),
            known: BTreeMap::new(),
        };
        reader.read(schema);
        let mut bounds = Self { nodes: reader.nodes };
        bounds.mark();
        bounds.nodes.first()?.is_bounded.then_some(bounds)
    }

    /// Says where a value breaks a bound, after `prefix`.
    pub(crate) fn check(&self, value: &Value, prefix: &str) -> Result<(), Mismatch> {
        let Some(violation) = self.look(0, value, false, DEPTH).violation else {
            return Ok(());
        };
        let mut path = prefix.to_owned();
        for step in violation.path.iter().rev() {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => path.extend([".", key]),
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        let key = violation.path.last().and_then(|step| match step {
            Step::Key(key) => Some(key.clone()),
            Step::Index(_) => None,
        });
        let path = if path.is_empty() { ".".to_owned() } else { path };
        Err(Mismatch::out_of_bounds(
            path,
            key,
            violation.broken,
            violation.is_secret,
        ))
    }

    /// Marks what leads to a bound, until there is no more of it.
    fn mark(&mut self) {
        loop {
            let below: Vec<usize> = (0..self.nodes.len())
                .filter(|index| {
                    self.nodes.get(*index).is_some_and(|node| {
                        let is_bounded =
                            |index: usize| self.nodes.get(index).is_some_and(|node| node.is_bounded);
                        !node.is_bounded && (node.limits.are_set() || node.below().any(is_bounded))
                    })
                })
                .collect();
            if below.is_empty() {
                return;
            }
            for index in below {
                if let Some(node) = self.nodes.get_mut(index) {
                    node.is_bounded = true;
                }
            }
        }
    }

    /// `shape`: whether it matters that the value has another shape.
    fn look(&self, index: usize, value: &Value, shape: bool, depth: usize) -> Found {
        let mut found = Found::default();
        let (Some(node), Some(depth)) = (self.nodes.get(index), depth.checked_sub(1)) else {
            return found;
        };
        if !shape && !node.is_bounded {
            return found;
        }
        if shape && !node.shape.is_of(value) {
            found.has_other_shape = true;
            return found;
        }
        found.violation = node.limits.broken_by(value).map(|broken| Violation {
            broken,
            is_secret: node.is_secret,
            path: Vec::new(),
        });
        for part in &node.all {
            found.join(self.look(*part, value, shape, depth));
        }
        for group in &node.any {
            found.join(self.look_at_any(group, value, depth));
        }
        match value {
            Value::Object(object) if node.has_properties() => {
                for (key, value) in object {
                    if let Some(index) = node.properties.get(key).copied().or(node.other_properties) {
                        let inner = self.look(index, value, shape, depth);
                        found.join(inner.below(|| Step::Key(key.clone())));
                    }
                }
            }
            Value::Array(list) if node.has_items() => {
                for (at, value) in list.iter().enumerate() {
                    if let Some(index) = node.first_items.get(at).copied().or(node.items) {
                        found.join(self.look(index, value, shape, depth).below(|| Step::Index(at)));
                    }
                }
            }
            _ => {}
        }
        if node.is_secret
            && let Some(violation) = &mut found.violation
        {
            violation.is_secret = true;
        }
        found
    }

    /// Of the alternatives that the value has the shape of, one has to hold.
    fn look_at_any(&self, group: &[usize], value: &Value, depth: usize) -> Found {
        let mut first = None;
        for index in group {
            let found = self.look(*index, value, true, depth);
            match found.violation {
                _ if found.has_other_shape => {}
                None => return Found::default(),
                violation => first = first.or(violation),
            }
        }
        Found {
            has_other_shape: first.is_none(),
            violation: first,
        }
    }
}

impl Node {
    fn below(&self) -> impl Iterator<Item = usize> {
        let properties = self.properties.values().chain(&self.other_properties);
        let items = self.first_items.iter().chain(&self.items);
        let parts = self.all.iter().chain(self.any.iter().flatten());
        properties.chain(items).chain(parts).copied()
    }

    fn has_properties(&self) -> bool {
        self.other_properties.is_some() || !self.properties.is_empty()
    }

    const fn has_items(&self) -> bool {
        self.items.is_some() || !self.first_items.is_empty()
    }
}

impl Found {
    fn join(&mut self, other: Self) {
        self.has_other_shape |= other.has_other_shape;
        if self.violation.is_none() {
            self.violation = other.violation;
        }
    }

    fn below(mut self, step: impl FnOnce() -> Step) -> Self {
        if let Some(violation) = &mut self.violation {
            violation.path.push(step());
        }
        self
    }
}

/// Reads a schema once, each part that is referred to once.
struct Reader<'a> {
    root: &'a Value,
    nodes: Vec<Node>,
    /// What was referred to, by its pointer.
    known: BTreeMap<&'a str, usize>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, schema: &'a Value) -> usize {
        let index = self.nodes.len();
        self.nodes.push(Node::default());
        let mut node = Node {
            limits: Limits::of(schema),
            shape: Shape::of(schema),
            is_secret: schema.get("writeOnly") == Some(&Value::Bool(true))
                || schema.get("format").and_then(Value::as_str) == Some("password"),
            ..Node::default()
        };
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            node.all.extend(self.referred(target));
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, property) in properties.into_iter().flatten() {
            node.properties.insert(key.clone(), self.read(property));
        }
        node.other_properties = self.part(schema, "additionalProperties");
        node.items = self.part(schema, "items");
        node.first_items = self.list(schema, "prefixItems");
        node.all.extend(self.list(schema, "allOf"));
        for group in ["anyOf", "oneOf"] {
            let group = self.list(schema, group);
            if !group.is_empty() {
                node.any.push(group);
            }
        }
        if let Some(place) = self.nodes.get_mut(index) {
            *place = node;
        }
        index
    }

    fn referred(&mut self, target: &'a str) -> Option<usize> {
        if let Some(index) = self.known.get(target) {
            return Some(*index);
        }
        let schema = self.root.pointer(target.strip_prefix('#')?)?;
        self.known.insert(target, self.nodes.len());
        Some(self.read(schema))
    }

    fn part(&mut self, schema: &'a Value, name: &str) -> Option<usize> {
        let part = schema.get(name).filter(|part| part.is_object())?;
        Some(self.read(part))
    }

    fn list(&mut self, schema: &'a Value, name: &str) -> Vec<usize> {
        let parts = schema.get(name).and_then(Value::as_array);
        parts.into_iter().flatten().map(|part| self.read(part)).collect()
    }
}

#[cfg(test)]
#[path = "bounds_tests.rs"]
mod tests;

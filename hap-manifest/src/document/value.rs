//! A [`Node`] as a source of serde.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
    value::{CowStrDeserializer, StrDeserializer},
};
use serde::forward_to_deserialize_any;

use super::refusal::Refusal;
use crate::diagnostics::issue_code::IssueCode;
use crate::diagnostics::report::Issue;
use crate::diagnostics::suggest::meant;
use crate::json::node::{Children, Node};
use crate::json::pointer::escaped;
use crate::value::error::bare;
use crate::value::number::whole;

/// What is remembered from one attempt to the next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The pointers of values that were refused, which are left out from then on.
    pub(super) refused: RefCell<BTreeSet<String>>,
    /// The pointers of keys that no struct knows, with their issues.
    unknown: RefCell<BTreeSet<String>>,
    pub(super) issues: RefCell<Vec<Issue>>,
}

impl Memory {
    fn leaves_out(&self, node: Node<'_>) -> bool {
        self.refused.borrow().contains(&node.pointer())
    }

    /// Reports a key once.
    fn unknown(&self, object: Node<'_>, key: &str, known: &[&'static str]) {
        let pointer = format!("{}/{}", object.pointer(), escaped(key));
        if !self.unknown.borrow_mut().insert(pointer.clone()) {
            return;
        }
        let message = format!("unknown field `{}`", bare(key));
        let issue = Issue::new(pointer, IssueCode::UnknownField, message).at_key();
        let issue = match meant(key, known) {
            Some(name) => issue.with_help(format!("did you mean `{name}`?")),
            None if known.len() <= 8 => issue.with_help(format!("the fields are {}", known.join(", "))),
            None => issue,
        };
        self.issues.borrow_mut().push(issue);
    }
}

/// One value, as serde reads it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'d> {
    pub(super) node: Node<'d>,
    pub(super) memory: &'d Memory,
}

impl<'d> Source<'d> {
    fn of(self, node: Node<'d>) -> Self {
        Self { node, ..self }
    }

    fn members(self, known: Option<&'static [&'static str]>) -> Object<'d> {
        Object {
            source: self,
            rest: self.node.children(),
            known,
            value: None,
        }
    }

    /// Reads a number as an integer if it is one, however it is written.
    fn integer<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let number = self.node.number().as_ref().and_then(whole);
        match number {
            Some(number) => match (u64::try_from(number), i64::try_from(number)) {
                (Ok(number), _) => visitor.visit_u64(number),
                (_, Ok(number)) => visitor.visit_i64(number),
                _ => self.deserialize_any(visitor),
            },
            None => self.deserialize_any(visitor),
        }
    }
}

impl<'de> Deserializer<'de> for Source<'de> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let node = self.node;
        let read = if let Some(text) = node.text() {
            match text {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            }
        } else if let Some(flag) = node.flag() {
            visitor.visit_bool(flag)
        } else if let Some(number) = node.number() {
            match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (_, _, number) => visitor.visit_f64(number.unwrap_or(f64::MAX)),
            }
        } else if node.is_list() {
            visitor.visit_seq(List {
                source: self,
                rest: node.children(),
            })
        } else if node.is_object() {
            visitor.visit_map(self.members(None))
        } else {
            visitor.visit_unit()
        };
        read.map_err(|refusal| refusal.at(node))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        if self.node.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        // The derived visitors would take a list for the values of all fields.
        if !self.node.is_object() {
            return Err(Refusal::no_object().at(self.node));
        }
        let read = visitor.visit_map(self.members(Some(fields)));
        read.map_err(|refusal| refusal.at(self.node))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let mut members = self.node.children();
        let variant = if self.node.is_object() {
            members.next().filter(|_| members.next().is_none())
        } else {
            None
        };
        let read = match (self.node.text(), variant) {
            (Some(name), _) => visitor.visit_enum(Variant { name, content: None }),
            (None, Some(member)) => visitor.visit_enum(Variant {
                name: member.key(),
                content: Some(self.of(member)),
            }),
            (None, None) => return Err(Refusal::no_variant(variants).at(self.node)),
        };
        read.map_err(|refusal| refusal.at(self.node))
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.integer(visitor).map_err(|refusal| refusal.at(self.node))
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_u8(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_u8(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_u8(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// The entries of a list that were not refused.
struct List<'d> {
    source: Source<'d>,
    rest: Children<'d>,
}

impl<'d> SeqAccess<'d> for List<'d> {
    type Error = Refusal;

    fn next_element_seed<T: DeserializeSeed<'d>>(&mut self, seed: T) -> Result<Option<T::Value>, Refusal> {
        let memory = self.source.memory;
        let Some(node) = self.rest.find(|node| !memory.leaves_out(*node)) else {
            return Ok(None);
        };
        let read = seed.deserialize(self.source.of(node));
        read.map(Some).map_err(|refusal| refusal.at(node))
    }
}

/// The members of an object that were not refused, and that a struct knows.
struct Object<'d> {
    source: Source<'d>,
    rest: Children<'d>,
    known: Option<&'static [&'static str]>,
    value: Option<Node<'d>>,
}

impl<'d> Object<'d> {
    fn counts(&self, member: Node<'d>) -> bool {
        let Source { node, memory } = self.source;
        let key = member.key();
        // Of equal keys the last counts; that there are two is told elsewhere.
        if memory.leaves_out(member) || !node.get(&key).is_some_and(|last| last.is(member)) {
            return false;
        }
        let Some(known) = self.known else { return true };
        if known.contains(&&*key) {
            return !member.is_null();
        }
        // Editors look there for the schema of a file.
        if key != "$schema" || !node.pointer().is_empty() {
            memory.unknown(node, &key, known);
        }
        false
    }
}

impl<'d> MapAccess<'d> for Object<'d> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'d>>(&mut self, seed: K) -> Result<Option<K::Value>, Refusal> {
        loop {
            let Some(member) = self.rest.next() else {
                return Ok(None);
            };
            if !self.counts(member) {
                continue;
            }
            self.value = Some(member);
            let key = seed.deserialize(CowStrDeserializer::new(member.key()));
            return key.map(Some).map_err(|refusal: Refusal| refusal.at(member));
        }
    }

    fn next_value_seed<V: DeserializeSeed<'d>>(&mut self, seed: V) -> Result<V::Value, Refusal> {
        let node = self.value.take().unwrap_or(self.source.node);
        let read = seed.deserialize(self.source.of(node));
        read.map_err(|refusal| refusal.at(node))
    }
}

/// A value of an enum: its name alone, or an object of its name and its content.
struct Variant<'d> {
    name: Cow<'d, str>,
    content: Option<Source<'d>>,
}

impl<'d> EnumAccess<'d> for Variant<'d> {
    type Error = Refusal;
    type Variant = Content<'d>;

    fn variant_seed<V: DeserializeSeed<'d>>(self, seed: V) -> Result<(V::Value, Content<'d>), Refusal> {
        let name = seed.deserialize(StrDeserializer::<Refusal>::new(&self.name))?;
        Ok((name, Content(self.content)))
    }
}

struct Content<'d>(Option<Source<'d>>);

impl<'d> Content<'d> {
    fn source(self) -> Result<Source<'d>, Refusal> {
        let lacking = || serde::de::Error::custom("this one has a value: write {\"name\": value}");
        self.0.ok_or_else(lacking)
    }
}

impl<'d> VariantAccess<'d> for Content<'d> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        match self.0 {
            None => Ok(()),
            Some(_) => Err(serde::de::Error::custom(
                "this one has no value: write its name in quotes",
            )),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'d>>(self, seed: T) -> Result<T::Value, Refusal> {
        let source = self.source()?;
        seed.deserialize(source)
            .map_err(|refusal| refusal.at(source.node))
    }

    fn tuple_variant<V: Visitor<'d>>(self, _: usize, visitor: V) -> Result<V::Value, Refusal> {
        self.source()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'d>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.source()?.deserialize_struct("", fields, visitor)
    }
}

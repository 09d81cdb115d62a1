//! What the table says of a route.

use std::time::Duration;

use axum::routing::MethodRouter;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{role::Role, state::Api};
use crate::error::ErrorKind;

/// One method of one path: how it is served, checked and described.
#[derive(Debug)]
pub(super) struct Route {
    /// Its HTTP method.
    pub method: &'static str,
    pub path: &'static str,
    /// Its name in the OpenAPI document.
    pub operation: &'static str,
    /// The least role that may have it.
    pub role: Role,
    pub summary: &'static str,
    /// All that it takes in its query and, for its description only, in headers.
    pub parameters: &'static [Parameter],
    pub input: Input,
    pub output: Output,
    /// How it may fail beyond what its shape tells.
    pub errors: &'static [ErrorKind],
    /// A plugin may answer it with a refusal of its own.
    pub asks_plugin: bool,
    pub limit: Limit,
    pub serve: fn() -> MethodRouter<Api>,
}

impl Route {
    /// A route that takes nothing, answers at once and fails in no way of its own. The summary
    /// comes as a comment does, with the blank before it.
    pub(super) const fn new(
        method: &'static str,
        path: &'static str,
        operation: &'static str,
        role: Role,
        summary: &'static str,
        output: Output,
        serve: fn() -> MethodRouter<Api>,
    ) -> Self {
        Self {
            method,
            path,
            operation,
            role,
            summary: summary.trim_ascii_start(),
            parameters: &[],
            input: Input::None,
            output,
            errors: &[],
            asks_plugin: false,
            limit: Limit::Quick,
            serve,
        }
    }
}

/// A parameter of the query, or a header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub header: bool,
    /// Without it the call is refused.
    pub required: bool,
    pub kind: Kind,
    pub about: &'static str,
}

impl Parameter {
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// A parameter of the query.
pub(super) const fn query(name: &'static str, kind: Kind, about: &'static str) -> Parameter {
    Parameter {
        name,
        header: false,
        required: false,
        kind,
        about,
    }
}

/// One that is true or false.
pub(super) const fn flag(name: &'static str, about: &'static str) -> Parameter {
    query(name, Kind::Flag, about)
}

/// One that is any text.
pub(super) const fn text(name: &'static str, about: &'static str) -> Parameter {
    query(name, Kind::Text, about)
}

/// A text in a header.
pub(super) const fn in_header(name: &'static str, about: &'static str) -> Parameter {
    let mut parameter = text(name, about);
    parameter.header = true;
    parameter
}

/// The form of a parameter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// The id of a plugin.
    Plugin,
    /// May be given more than once.
    Texts,
    Flag,
    Number(u32, u32),
    Time,
}

/// A schema, made by a generator that collects the named ones.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// The schema of a type.
pub(super) fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// A body that is JSON of this type.
pub(super) const fn body<T: JsonSchema>() -> Input {
    Input::Json(shape::<T>)
}

/// An answer that is 200 with JSON of this type.
pub(super) const fn json<T: JsonSchema>() -> Output {
    Output::Json(&[200], shape::<T>)
}

/// What the body of a request has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input {
    /// It is not looked at.
    None,
    /// `{}`, or nothing; JSON by its content type all the same, which no page elsewhere can send.
    Empty,
    Json(Shape),
    /// A package, or the manifest of an image.
    Package(Shape),
}

/// What a good answer is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Output {
    /// JSON, with one of these statuses.
    Json(&'static [u16], Shape),
    /// JSON, or for those who accept it a stream of events that ends in the same.
    JsonOrEvents(&'static [u16], Shape, &'static [(&'static str, Shape)]),
    /// Events by their names.
    Events(&'static [(&'static str, Shape)]),
    /// Text of one of these media types.
    Text(&'static [&'static str]),
    /// The OpenAPI document itself.
    Document,
}

/// How long a call may take in all. What it waits for has deadlines of its own; this one holds
/// where those would add up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    Quick,
    Config,
    Command,
    Life,
    Install,
    Update,
    Orphans,
}

impl Limit {
    pub(super) fn of(self, api: &Api) -> Duration {
        let dependency_wait = api.supervisor.0.shared.dependency_wait;
        let seconds = match self {
            Self::Quick => 60,
            Self::Config => 150,
            // One question for each kind, then one call for each that goes.
            Self::Orphans => 15 * 60,
            Self::Command => 11 * 60,
            Self::Life => return Duration::from_secs(15 * 60) + dependency_wait,
            Self::Install => 45 * 60,
            // The same, the way to the new version, its watch, and the way back.
            Self::Update => return Duration::from_secs(2 * 60 * 60) + dependency_wait * 2,
        };
        Duration::from_secs(seconds)
    }
}

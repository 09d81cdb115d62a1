//! The named schemas of the document.

use hap_manifest::wire::openapi_components;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

use super::route::Shape;

/// The named schemas of what is read and of what is written.
pub(super) struct Schemas {
    reading: SchemaGenerator,
    writing: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12()
                .with(|settings| settings.definitions_path = "/components/schemas".into())
        };
        Self {
            reading: settings().into_generator(),
            writing: settings().for_serialize().into_generator(),
        }
    }

    pub(super) fn read(&mut self, shape: Shape) -> Value {
        shape(&mut self.reading).to_value()
    }

    pub(super) fn written(&mut self, shape: Shape) -> Value {
        shape(&mut self.writing).to_value()
    }

    /// All of them. What is both read and written is described as it may be sent here, which is the
    /// looser of both.
    pub(super) fn into_components(mut self) -> Map<String, Value> {
        let mut all = self.writing.take_definitions(true);
        all.extend(self.reading.take_definitions(true));
        openapi_components(all)
    }
}

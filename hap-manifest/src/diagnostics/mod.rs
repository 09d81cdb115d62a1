//! What is wrong with a text: issues with their places, collected within bounds and drawn for
//! people.

pub(crate) mod audience;
pub(crate) mod collector;
pub(crate) mod encoding;
pub(crate) mod issue_code;
pub(crate) mod place;
pub(crate) mod report;
mod report_json;
pub(crate) mod suggest;
pub(crate) mod text;

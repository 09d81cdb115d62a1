//! [`ConfigSchema`], a manifest's `config_schema` ready for use.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, ValidationOptions, Validator};
use serde_json::{Value, json};

use super::fault::Fault;
use super::problem::{ConfigProblem, ConfigProblems};
use super::secrets::Secrets;
use super::{bounds, defaults, keywords};
use crate::diagnostics::issue_code::IssueCode;
use crate::diagnostics::report::Issue;
use crate::value::error::{ParseError, quoted};

/// Most bytes of all compiled patterns together, and the bounds of what one of them may take of it:
/// enough for fifty letters of any script, and a hundred hostile ones stay harmless.
const PATTERNS_SIZE: usize = 16 * 1024 * 1024;
const PATTERN_SIZE: RangeInclusive<usize> = 256 * 1024..=2 * 1024 * 1024;
/// Most mistakes of a schema that are reported.
const MOST_FAULTS: usize = 20;
/// Most errors that are asked of the library. It tells some several times, in other words or the same.
const MOST_ERRORS: usize = 10_000;

/// The JSON Schema of a plugin's settings, compiled: what a host checks settings with before it
/// sends them.
///
/// `$schema` names the draft: 2020-12, 2019-09 or 7. Without it the draft is 2020-12. A schema
/// comes with a plugin, so it is hostile input:
///
/// * it refers only to itself, by JSON pointer (`#/$defs/...`): nothing is fetched;
/// * it may not be recursive, and unfolded it has at most 10,000 parts, so that a check takes time
///   in proportion to the settings; a pattern counts as 100 of them;
/// * patterns run in linear time; look-around and back-references are refused.
///
/// The `format`s of JSON Schema are checked, in each draft: `ipv4` refuses `999`. Others, such as
/// `password`, say what a value is for and refuse nothing.
///
/// Cloning is cheap. `Debug` shows neither the schema nor a value.
///
/// ```
/// use hap_manifest::ConfigSchema;
/// use serde_json::json;
///
/// let schema = json!({
///     "type": "object",
///     "properties": {
///         "interval": {"type": "integer", "minimum": 1, "default": 30},
///         "password": {"type": "string", "minLength": 8}
///     },
///     "required": ["password"]
/// });
/// let schema = ConfigSchema::new(&schema, ["password"])?;
/// assert_eq!(schema.defaults(), json!({"interval": 30}));
///
/// let problems = schema.check(&json!({"interval": 0, "password": "hunter2"})).unwrap_err();
/// let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
/// assert_eq!(problems, [
///     "/interval: 0 is less than the minimum of 1",
///     "/password: the secret value is shorter than 8 characters",
/// ]);
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Clone)]
pub struct ConfigSchema(Arc<Inner>);

struct Inner {
    validator: Validator,
    secrets: Secrets,
    source: Value,
}

impl ConfigSchema {
    /// Compiles a schema. `secrets` are top-level keys of the settings, or JSON pointers into them
    /// that begin with a slash. No problem repeats their values. Properties that the schema marks
    /// `writeOnly` or `"format": "password"` are secret as well. So are those whose nameless parts
    /// (`items`, `additionalProperties`, `anyOf` ...) have such a mark.
    ///
    /// This takes from microseconds to milliseconds, so keep the value.
    ///
    /// # Errors
    /// What is wrong with the schema, or which of the bounds above it breaks.
    pub fn new<S: Into<String>>(
        schema: &Value,
        secrets: impl IntoIterator<Item = S>,
    ) -> Result<Self, ParseError> {
        Self::compiled(schema, secrets.into_iter().map(Into::into)).map_err(|faults| {
            let first = faults.into_iter().next();
            first.unwrap_or_else(|| Fault::new("no schema")).into_error()
        })
    }

    pub(super) fn compiled(
        schema: &Value,
        secrets: impl Iterator<Item = String>,
    ) -> Result<Self, Vec<Fault>> {
        Ok(Self(Arc::new(Inner {
            validator: compile(schema)?,
            secrets: Secrets::of(schema, secrets),
            source: schema.clone(),
        })))
    }

    /// Checks settings and reports everything that is wrong with them, at most 100 problems and how
    /// many more there are, each once and without the value of a secret.
    ///
    /// # Errors
    /// The problems, each with its place.
    pub fn check(&self, config: &Value) -> Result<(), ConfigProblems> {
        let inner = &*self.0;
        // A value that is no object has no name that says whether it may be shown.
        let mask = (!config.is_object()).then_some("the value");
        let errors = inner.validator.iter_errors(config).take(MOST_ERRORS);
        let problems = errors.map(|error| ConfigProblem::of(&error, &inner.secrets, mask));
        ConfigProblems::none_or(problems)
    }

    /// Returns the values that the schema gives as `default` of its properties, nested objects
    /// included, as one object. They are what the author wrote; see
    /// [`check_defaults`](Self::check_defaults).
    #[must_use]
    pub fn defaults(&self) -> Value {
        Value::Object(defaults::of(&self.0.source))
    }

    /// Returns whether the value at a JSON pointer into the settings is secret, by the manifest or
    /// by the schema.
    #[must_use]
    pub fn is_secret(&self, pointer: &str) -> bool {
        self.0.secrets.cover(pointer)
    }

    /// Returns the settings with `"***"` in place of each secret value, ready to be shown.
    #[must_use]
    pub fn redacted(&self, config: &Value) -> Value {
        self.0.secrets.redact(config)
    }

    /// Checks every `default` in the schema against the schema around it. This is for the author's
    /// tools, not for each start: it compiles the schema once more.
    ///
    /// # Errors
    /// The problems; their places are in the schema, such as `/properties/interval/default`.
    pub fn check_defaults(&self) -> Result<(), ConfigProblems> {
        let inner = &*self.0;
        // It compiled before, so it does now.
        let patterns = bounds::check(&inner.source).unwrap_or_default();
        let all = draft(&inner.source)
            .ok()
            .and_then(|draft| options(draft, patterns).build_map(&inner.source).ok());
        let wrong = all.map(|all| defaults::wrong(&inner.source, &all, &inner.secrets));
        ConfigProblems::none_or(wrong.unwrap_or_default().into_iter())
    }
}

impl fmt::Debug for ConfigSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigSchema").finish_non_exhaustive()
    }
}

/// Fails with at least one fault.
fn compile(schema: &Value) -> Result<Validator, Vec<Fault>> {
    let patterns = bounds::check(schema).map_err(|fault| vec![fault])?;
    let draft = draft(schema).map_err(|fault| vec![fault])?;
    options(draft, patterns).build(schema).map_err(|first| {
        // The compiler stops at the first.
        let checker = match draft {
            Draft::Draft7 => jsonschema::draft7::meta::validator(),
            Draft::Draft201909 => jsonschema::draft201909::meta::validator(),
            _ => jsonschema::draft202012::meta::validator(),
        };
        let told = checker.iter_errors(schema).take(MOST_ERRORS);
        let told = told.map(|error| Fault::of(&error));
        let mut faults = Vec::new();
        for fault in told.chain(broken_patterns(schema, draft, patterns)) {
            // Each vocabulary of the draft tells the same mistake.
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
        if faults.is_empty() {
            faults.push(Fault::of(&first));
        }
        let more = faults.len().saturating_sub(MOST_FAULTS);
        faults.truncate(MOST_FAULTS);
        if more > 0 {
            faults.push(Fault::new(format!("{more} more mistakes are not listed")));
        }
        faults
    })
}

/// Returns all patterns that cannot be used. The compiler reports the first alone.
fn broken_patterns(schema: &Value, draft: Draft, patterns: usize) -> Vec<Fault> {
    let mut broken = Vec::new();
    let mut left = vec![schema];
    while let Some(part) = left.pop() {
        if let Some(pattern) = part.get("pattern").filter(|pattern| pattern.is_string()) {
            let alone = json!({ "pattern": pattern });
            let error = options(draft, patterns).build(&alone).err();
            broken.extend(error.map(|error| Fault::of(&error).inside(schema, part, "pattern")));
        }
        left.extend(bounds::parts(part));
    }
    broken
}

fn options(draft: Draft, patterns: usize) -> ValidationOptions<'static> {
    let size = PATTERNS_SIZE.checked_div(patterns).unwrap_or(PATTERNS_SIZE);
    let size = size.clamp(*PATTERN_SIZE.start(), *PATTERN_SIZE.end());
    let patterns = PatternOptions::regex().size_limit(size);
    let options = jsonschema::options().with_draft(draft);
    // Without it the drafts differ: the one of 2020-12 takes a format for a remark.
    let options = options.should_validate_formats(true);
    options.with_pattern_options(patterns).offline()
}

fn draft(schema: &Value) -> Result<Draft, Fault> {
    let Some(uri) = schema.as_object().and_then(|map| map.get("$schema")) else {
        return Ok(Draft::Draft202012);
    };
    let known = [
        ("https://json-schema.org/draft/2020-12/schema", Draft::Draft202012),
        ("https://json-schema.org/draft/2019-09/schema", Draft::Draft201909),
        ("http://json-schema.org/draft-07/schema", Draft::Draft7),
    ];
    let name = uri.as_str().unwrap_or_default();
    let plain = name.strip_suffix('#').unwrap_or(name);
    known
        .iter()
        .find(|(known, _)| *known == plain)
        .map(|(_, draft)| *draft)
        .ok_or_else(|| {
            let fault = Fault::new(format!(
                "the version {} of JSON Schema is not known",
                quoted(name)
            ));
            fault.at("/$schema").with_help(
                "write \"$schema\": \"https://json-schema.org/draft/2020-12/schema\", or leave it out",
            )
        })
}

/// Returns what an author has to fix in the schema of a manifest.
pub(crate) fn issues(schema: &Value, secrets: impl Iterator<Item = String>) -> Vec<Issue> {
    let schema = match ConfigSchema::compiled(schema, secrets) {
        Ok(schema) => schema,
        Err(faults) => return faults.into_iter().map(Fault::into_issue).collect(),
    };
    let unknown = keywords::unknown(&schema.0.source).into_iter();
    let unknown = unknown.map(|fault| fault.into_issue_of(IssueCode::UnknownKeyword));
    let wrong = schema.check_defaults().err();
    let issue = |problem: &ConfigProblem| {
        let pointer = format!("/config_schema{}", problem.pointer());
        let message = format!("this default is refused by its own schema: {}", problem.message());
        Issue::new(pointer, IssueCode::WrongDefault, message).with_help(
            "a user who changes nothing would have settings that are refused: mend the default or the rule",
        )
    };
    let wrong = wrong.iter().flat_map(ConfigProblems::iter).map(issue);
    wrong.chain(unknown).collect()
}

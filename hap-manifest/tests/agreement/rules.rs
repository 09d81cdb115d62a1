//! What a schema cannot say: the whole list of what the reader refuses and the schema does not.

use hap_manifest::{Issue, IssueCode, Manifest};
use serde_json::{Value, json};

/// One rule, told by the issue it leads to.
pub(crate) struct Rule {
    pub(crate) code: IssueCode,
    /// Pointer to what is refused; `*` stands for any one key or index.
    pub(crate) at: &'static str,
    /// Words of the message.
    pub(crate) says: &'static str,
    /// Fields that break it, and no other rule.
    pub(crate) example: fn() -> Value,
}

impl Rule {
    pub(crate) fn covers(&self, issue: &Issue) -> bool {
        let mut tokens = issue.pointer().split('/');
        let fits = self
            .at
            .split('/')
            .all(|part| tokens.next().is_some_and(|token| part == "*" || part == token));
        fits && tokens.next().is_none() && issue.code() == self.code && issue.message().contains(self.says)
    }
}

macro_rules! rules {
    ($($code:ident $at:literal $says:literal $example:tt)*) => {
        &[$(Rule { code: IssueCode::$code, at: $at, says: $says, example: || json!($example) }),*]
    };
}

/// Each is documented in the crate's README.
pub(crate) const RULES_A_SCHEMA_CANNOT_SAY: &[Rule] = rules![
    // Sizes and times are texts, and patterns do not count.
    InvalidValue "/memory_limit" "it is less than 6 MiB" {"memory_limit": "5m"}
    InvalidValue "/memory_limit" "without a unit it counts bytes" {"memory_limit": "512"}
    InvalidValue "/memory_limit" "it is more than 9223372036854775807 bytes" {"memory_limit": "9999999999g"}
    InvalidValue "/stop_timeout" "it is more than 24h" {"stop_timeout": "25h"}
    InvalidValue "/health_check/*" "it is more than 24h" {"health_check": {"interval": "25h"}}
    InvalidValue "/restart/*" "it is more than 24h" {"restart": {"max": "25h"}}
    InvalidValue "/health_check/interval" "it must be at least 1s" {"health_check": {"interval": "500ms", "timeout": "100ms"}}
    InvalidValue "/health_check/timeout" "it must be more than 0" {"health_check": {"timeout": "0s"}}
    // Numbers of versions have 64 bits.
    InvalidValue "/version" "value of major version number exceeds u64::MAX" {"version": "18446744073709551616.0.0"}
    InvalidValue "/version" "value of minor version number exceeds u64::MAX" {"version": "0.18446744073709551616.0"}
    InvalidValue "/version" "value of patch version number exceeds u64::MAX" {"version": "0.0.18446744073709551616"}
    InvalidValue "/platform" "exceeds u64::MAX" {"platform": "^18446744073709551616"}
    InvalidValue "/depends_on/*/version" "exceeds u64::MAX" {"depends_on": [{"id": "a", "version": "^1.18446744073709551616"}]}
    // A schema counts characters, engines and systems count bytes.
    InvalidValue "/volumes/*" "bytes, at most 255 are allowed" {"volumes": [LONG_PATH]}
    InvalidValue "/tmpfs/*" "bytes, at most 255 are allowed" {"tmpfs": [LONG_PATH]}
    InvalidValue "/env_vars/*" "bytes, at most 32768 are allowed" {"env_vars": {"A": "ä".repeat(16_385)}}
    // A schema bounds the whole of an image reference, and does not know IPv6.
    InvalidValue "/image" "registry and repository together exceed 255 bytes" {"image": "a".repeat(256)}
    InvalidValue "/image" "is not an IPv6 address" {"image": "[::1::2]/a"}
    // What one value says about another.
    InvalidValue "/restart/initial" "it is longer than `max`" {"restart": {"initial": "2m", "max": "1m"}}
    HealthTiming "/health_check/*" "it must be shorter than the interval" {"health_check": {"timeout": "10s"}}
    EmptyRange "/platform" "no version is in the range" {"platform": ">2, <1"}
    EmptyRange "/depends_on/*/version" "no version is in the range" {"depends_on": [{"id": "a", "version": "<0.0.0"}]}
    DuplicateEntry "/depends_on/*" "is already listed" {"depends_on": ["a", {"id": "a", "version": "^1"}]}
    SelfDependency "/depends_on/*" "depends on itself" {"depends_on": ["my-plugin"]}
    UnknownSecret "/secrets/*" "is not a property of `config_schema`" {"config_schema": {"properties": {"a": {}}}, "secrets": ["b"]}
    EndpointCollision "/*" "is the path of another call of the protocol" {"status_endpoint": "/metrics"}
    EndpointCollision "/config_endpoint" "are both posted to" {"config_endpoint": "/command"}
    ReservedPath "/volumes/*" "nothing can be mounted at" {"volumes": ["/proc"]}
    ReservedPath "/tmpfs/*" "nothing can be mounted at" {"tmpfs": ["/dev/x"]}
    OverlappingPaths "/volumes/*" "overlaps" {"volumes": ["/a", "/a/b"]}
    OverlappingPaths "/tmpfs/*" "is already a volume" {"volumes": ["/a"], "tmpfs": ["/a"]}
];

/// What is refused of a text, whatever its value: a schema judges values.
pub(crate) struct TextRule {
    pub(crate) code: IssueCode,
    /// A text that breaks it, and the value that another reader takes it for.
    pub(crate) example: fn() -> (Vec<u8>, Value),
}

pub(crate) const RULES_OF_THE_TEXT: &[TextRule] = &[
    // Nested deeper than readers go.
    TextRule {
        code: IssueCode::InvalidJson,
        example: || {
            let deep = (0..130).fold(json!(1), |inner, _| json!([inner]));
            let value = with(json!({ "config_schema": { "enum": deep } }));
            (value.to_string().into(), value)
        },
    },
    TextRule {
        code: IssueCode::InvalidUtf8,
        example: || {
            let value = with(json!({ "icon": "\u{fffd}" }));
            let text = value.to_string().replace('\u{fffd}', "#");
            (
                text.bytes()
                    .map(|byte| if byte == b'#' { 0xff } else { byte })
                    .collect(),
                value,
            )
        },
    },
    TextRule {
        code: IssueCode::DuplicateKey,
        example: || {
            let value = with(json!({ "icon": "b" }));
            let text = value
                .to_string()
                .replace(r#""icon":"b""#, r#""icon":"a","icon":"b""#);
            (text.into(), value)
        },
    },
    TextRule {
        code: IssueCode::TooLarge,
        example: || {
            let value = with(json!({ "icon": " ".repeat(Manifest::MAX_BYTES) }));
            (value.to_string().into(), value)
        },
    },
    // Written again it is longer: `1000000000000000.0`.
    TextRule {
        code: IssueCode::TooLarge,
        example: || {
            let value = with(json!({ "config_schema": { "enum": vec![1e15; 20_000] } }));
            (
                value.to_string().replace("1000000000000000.0", "1e15").into(),
                value,
            )
        },
    },
];

/// The least manifest, with these fields.
pub(crate) fn with(fields: Value) -> Value {
    let mut manifest: Value = serde_json::from_str(include_str!("../fixtures/guide.json")).unwrap();
    let Value::Object(fields) = fields else {
        panic!("not fields: {fields}")
    };
    manifest.as_object_mut().unwrap().extend(fields);
    manifest
}

/// 129 characters, 257 bytes.
const LONG_PATH: &str = concat!(
    "/",
    "ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää",
    "ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää",
);

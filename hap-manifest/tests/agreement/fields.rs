//! Values for every field of a manifest: good ones, ones at the bounds, near misses, and others.

use hap_manifest::env::RESERVED;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The fields and what their values are like; the required ones first.
pub(crate) const FIELDS: &[(&str, Kind)] = &[
    ("id", Kind::Id),
    ("name", Kind::Line),
    ("version", Kind::Version),
    ("description", Kind::Description),
    ("author", Kind::Author),
    ("image", Kind::Image),
    ("api_port", Kind::Integer(65_535)),
    ("cpu_limit", Kind::Cpu),
    ("memory_limit", Kind::Memory),
    ("network_access", Kind::Flag),
    ("device_access", Kind::Flag),
    ("dockerfile", Kind::File),
    ("health_check_path", Kind::Endpoint),
    ("command_endpoint", Kind::Endpoint),
    ("status_endpoint", Kind::Endpoint),
    ("config_endpoint", Kind::Endpoint),
    ("env_vars", Kind::EnvVars),
    ("volumes", Kind::Paths),
    ("depends_on", Kind::Dependencies),
    ("price", Kind::Price),
    ("category", Kind::Line),
    ("tags", Kind::Lines),
    ("homepage", Kind::Homepage),
    ("license", Kind::Line),
    ("icon", Kind::Text),
    ("config_schema", Kind::Schema),
    ("secrets", Kind::Lines),
    ("devices", Kind::Devices),
    ("capabilities", Kind::Capabilities),
    ("user", Kind::User),
    ("writable_rootfs", Kind::Flag),
    ("tmpfs", Kind::Paths),
    ("pids_limit", Kind::Integer(32_768)),
    ("health_check", Kind::HealthCheck),
    ("stop_timeout", Kind::Duration),
    ("restart", Kind::Restart),
    ("platform", Kind::Range),
];

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Id,
    Line,
    Lines,
    Text,
    Description,
    Author,
    Homepage,
    File,
    Version,
    Range,
    Image,
    Integer(u32),
    Cpu,
    Memory,
    Flag,
    Endpoint,
    EnvVars,
    Paths,
    Dependencies,
    Price,
    Schema,
    Devices,
    Capabilities,
    User,
    HealthCheck,
    Duration,
    Restart,
}

impl Kind {
    /// Values that are often good, often just not, and now and then of another type.
    pub(crate) fn values(self) -> BoxedStrategy<Value> {
        prop_oneof![9 => self.near(), 1 => anything()].boxed()
    }

    fn near(self) -> BoxedStrategy<Value> {
        match self {
            Self::Id => texts(
                &[
                    "a",
                    "0",
                    "a-b",
                    "-a",
                    "a-",
                    "A",
                    "a_b",
                    "",
                    "a\n",
                    "\u{e4}",
                    LABEL,
                    TOO_LONG_LABEL,
                ],
                "[a-z0-9-]{1,8}",
            ),
            Self::Line => texts(LINES, "\\PC{1,12}"),
            Self::Lines => list(texts(LINES, "[a-c]{1,2}"), "a"),
            Self::Text => texts(LINES, ".{0,9}"),
            Self::Description => prop_oneof![
                texts(LINES, ".{0,9}"),
                (9_999..10_002_usize).prop_map(|length| "\u{e4}".repeat(length).into()),
            ]
            .boxed(),
            Self::Author => texts(LINES, "\\PC{0,12}"),
            Self::Homepage => prop_oneof![
                texts(
                    &[
                        "https://a.example",
                        "HTTP://a",
                        "http://",
                        "http:/a",
                        "https:a",
                        " https://a",
                        "javascript:alert(1)",
                        " javascript://a",
                        "data:text/html,x",
                        "a.example/b:c",
                        "a:80/b",
                        "/a:b",
                        "?a:b",
                        "#a:b",
                        ":",
                        "mailto:a@b",
                        "h\u{17f}ttps://a",
                    ],
                    "(https?)?[:/?#a]{1,6}",
                ),
                texts(LINES, ".{0,9}"),
            ]
            .boxed(),
            Self::File => texts(
                &[
                    "Dockerfile",
                    "docker/Dockerfile.plugin",
                    "./Dockerfile",
                    "././Dockerfile",
                    "./",
                    ".",
                    "..",
                    "...",
                    "../Dockerfile",
                    "a/../b",
                    "a/./b",
                    "a//b",
                    "a/",
                    "/Dockerfile",
                    "C:\\Dockerfile",
                    "C:Dockerfile",
                    "a b/\u{e4}",
                    " ",
                    "a\u{202e}b",
                    "a\nb",
                    "",
                ],
                "(./)?[a.]{0,3}(/[a.]{0,4}){0,2}",
            ),
            Self::Version => texts(
                VERSIONS,
                "(0|[0-9]{1,2})\\.[0-9]{1,2}\\.[0-9]{1,2}(-[0-9a-z.-]{0,4})?(\\+[0-9a-z.-]{0,4})?",
            ),
            Self::Range => range(),
            Self::Image => image(),
            Self::Integer(max) => integer(max),
            Self::Cpu => cpu(),
            Self::Memory => texts(
                &[
                    "6m", "5m", "6M", "6144k", "6291456", "6291455b", "1g", "0", "-6m", " 6m", "6 m", "1.5g",
                    "512mb", "",
                ],
                "[0-9]{1,21}[bkmgBKMGx]?",
            ),
            Self::Flag => prop_oneof![Just(json!(true)), Just(json!(false)), Just(json!("yes"))].boxed(),
            Self::Endpoint => texts(
                &[
                    "/",
                    "/a",
                    "/a/",
                    "//",
                    "/a//b",
                    "/.",
                    "/..",
                    "/...",
                    "/.a",
                    "/..a",
                    "/a/./b",
                    "a",
                    "",
                    "/a?b",
                    "/%61",
                    "/command",
                    "/health",
                    "/metrics/",
                ],
                "(/[a.~+]{0,4}){1,3}",
            ),
            Self::EnvVars => env_vars(),
            Self::Paths => list(
                texts(
                    &[
                        "/data",
                        "/",
                        "/a/b",
                        "/proc",
                        "/run",
                        "/tmp/x",
                        "/usr",
                        "/etc/hosts",
                        "/a:b",
                        "/a\\b",
                        "/a\u{85}",
                        "/ä ö",
                        "/a/",
                        "relative",
                        "",
                    ],
                    "(/[a-c.]{0,4}){1,3}",
                ),
                "/x",
            ),
            Self::Dependencies => dependencies(),
            Self::Price => prop_oneof![
                any::<f64>().prop_map(Value::from),
                any::<i64>().prop_map(Value::from),
                texts(LINES, ".{0,5}"),
                Just(json!(-0.0)),
            ]
            .boxed(),
            Self::Schema => prop_oneof![
                Just(json!({})),
                Just(json!(true)),
                Just(json!({"properties": {"a": {}, "b": {"default": 5}}})),
                Just(json!({"type": 5})),
            ]
            .boxed(),
            Self::Devices => list(
                texts(
                    &[
                        "/dev/ttyUSB0",
                        "/dev",
                        "/dev/",
                        "/dev/.",
                        "/dev/../a",
                        "/dev/...",
                        "/dev/a/.b",
                        "/etc/a",
                        "/dev/a:b",
                        "",
                    ],
                    "/dev(/[a-c.+]{0,4}){1,3}",
                ),
                "/dev/x",
            ),
            Self::Capabilities => list(
                texts(
                    &[
                        "NET_RAW",
                        "CAP_NET_RAW",
                        "ALL",
                        "CAP_ALL",
                        "CAP_",
                        "CAP_CAP_A",
                        "CAP_1",
                        "1A",
                        "_A",
                        "net_raw",
                        "A",
                        "",
                    ],
                    "(CAP_)?[A-Z][A-Z0-9_]{0,34}",
                ),
                "X",
            ),
            Self::User => texts(
                &["0", "a:b", ":", "a:", ":b", "a:b:c", "-a", "_a", "a b", ""],
                "[a-z0-9_.-]{0,34}(:[a-z0-9_.-]{0,34})?",
            ),
            Self::HealthCheck => object(&[
                ("interval", Self::Duration),
                ("timeout", Self::Duration),
                ("retries", Self::Integer(100)),
                ("start_period", Self::Duration),
                ("unknown", Self::Text),
            ]),
            Self::Duration => texts(
                &[
                    "0s",
                    "10s",
                    "1m",
                    "999ms",
                    "24h",
                    "25h",
                    "86400001ms",
                    "1.5s",
                    "1m30s",
                    "-1s",
                    "10",
                    "s",
                    "10S",
                    "",
                ],
                "[0-9]{1,10}(ms|s|m|h)",
            ),
            Self::Restart => prop_oneof![
                modes(),
                (
                    proptest::option::of(modes()),
                    object(&[
                        ("initial", Self::Duration),
                        ("max", Self::Duration),
                        ("unknown", Self::Text)
                    ])
                )
                    .prop_map(|(mode, mut object)| {
                        if let (Some(mode), Some(object)) = (mode, object.as_object_mut()) {
                            object.insert("mode".to_owned(), mode);
                        }
                        object
                    }),
            ]
            .boxed(),
        }
    }
}

const LABEL: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const TOO_LONG_LABEL: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// White space and control characters of every kind.
const LINES: &[&str] = &[
    "",
    " ",
    "a",
    " a ",
    "\t",
    "a\tb",
    "a\nb",
    "\u{85}",
    "a\u{9f}",
    "\u{7f}",
    "\u{a0}",
    "\u{1680}",
    "\u{2003}",
    "\u{2028}",
    "\u{202f}",
    "\u{205f}",
    "\u{3000}",
    "\u{3000}\u{feff}",
    "\u{feff}",
    "\u{200b}",
    "\u{180e}",
    "\u{1f4a1}",
    "\u{2764}\u{fe0f}",
    "a\u{fe0f}",
    "\u{1f468}\u{200d}\u{1f469}",
    "\u{1f468}\u{200d}",
    "a\u{200d}b",
    "\u{3164}",
    "\u{2800}",
    "\u{2028}a",
    "a\u{e0041}",
    "\u{110bd}",
    "\u{10ffff}",
    "\u{202d}",
    "a\u{202e}b",
    "\u{2066}a",
    "\u{2069}",
    "\u{200f}a",
    "a\u{1b}[2J",
    "a\r\nb",
    "\0",
];

/// 248 characters.
macro_rules! pad {
    () => {
        concat!(
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        )
    };
}

const VERSIONS: &[&str] = &[
    "1.0.0",
    "1.0",
    "1",
    "01.0.0",
    "1.00.0",
    "1.0.0-",
    "1.0.0-a.1",
    "1.0.0-01",
    "1.0.0-0a",
    "1.0.0+",
    "1.0.0+001",
    "1.0.0-a+b",
    "1.0.0-a..b",
    " 1.0.0",
    "1.0.0 ",
    "v1.0.0",
    "1.0.0\n",
    // 255 characters, and one more.
    concat!("1.0.0-", pad!(), "a"),
    concat!("1.0.0-", pad!(), "ab"),
    "18446744073709551615.0.0",
    "18446744073709551616.0.0",
];

fn texts(known: &'static [&'static str], pattern: &'static str) -> BoxedStrategy<Value> {
    let lengths = (254..258_usize, "[a\u{e4}]").prop_map(|(length, text)| text.repeat(length));
    prop_oneof![
        8 => proptest::sample::select(known).prop_map(Value::from),
        8 => pattern.prop_map(Value::from),
        1 => lengths.prop_map(Value::from),
    ]
    .boxed()
}

/// A list of such entries, sometimes far too long, sometimes with one twice.
fn list(entries: BoxedStrategy<Value>, many: &'static str) -> BoxedStrategy<Value> {
    let long =
        (255..259_usize).prop_map(move |length| (0..length).map(|n| format!("{many}{n}").into()).collect());
    let twice = (entries.clone(), 2..4_usize).prop_map(|(entry, times)| vec![entry; times]);
    let entry = prop_oneof![20 => entries, 1 => anything()];
    prop_oneof![20 => vec(entry, 0..4), 2 => twice, 1 => long]
        .prop_map(Value::Array)
        .boxed()
}

/// An object with one of these members, or with some; one that is absent is sometimes `null`.
fn object(members: &'static [(&'static str, Kind)]) -> BoxedStrategy<Value> {
    let one = proptest::sample::select(members).prop_flat_map(|(key, kind)| {
        kind.values()
            .prop_map(move |value| Map::from_iter([(key.to_owned(), value)]))
    });
    let some = members
        .iter()
        .fold(Just(Map::new()).boxed(), |object, (key, kind)| {
            let value = prop_oneof![
                9 => Just(None),
                5 => kind.values().prop_map(Some),
                1 => Just(Some(Value::Null)),
            ];
            (object, value)
                .prop_map(|(mut object, value)| {
                    object.extend(value.map(|value| ((*key).to_owned(), value)));
                    object
                })
                .boxed()
        });
    prop_oneof![one, some].prop_map(Value::Object).boxed()
}

fn range() -> BoxedStrategy<Value> {
    let number = "(0|[0-9]{1,2}|\\*|x)";
    let part = format!(
        "(=|>|>=|<|<=|~|\\^|!)? ?{number}(\\.{number}(\\.{number}(-[a0.]{{0,3}})?(\\+[a0.]{{0,2}})?)?)?"
    );
    let parts = vec(proptest::string::string_regex(&part).unwrap(), 1..4);
    let joined = (parts, prop_oneof![Just(", "), Just(","), Just(" , "), Just(" ")]);
    let many = (31..35_usize).prop_map(|count| vec!["^1"; count].join(",").into());
    prop_oneof![
        6 => joined.prop_map(|(parts, comma)| parts.join(comma).into()),
        2 => texts(&["*", " * ", "x", "X ", "", " ", "1.*", "1.*.*", "1.*.3", "1.x.X", ">1.*", "*, 1", "1,", ",1", "1 2", "latest"], " *[0-9] *"),
        1 => many,
    ]
    .boxed()
}

fn image() -> BoxedStrategy<Value> {
    let hex = "0123456789abcdef".repeat(8);
    let registry = prop_oneof![
        4 => Just(String::new()),
        2 => "[a-zA-Z-]{1,4}/",
        4 => "(localhost|[a-zA-Z0-9.-]{1,6}|\\[[0-9a-f:]{1,6}\\])(:[0-9]{1,6})?/",
        1 => Just("[::1]:5000/".to_owned()),
    ];
    let repository = prop_oneof![
        6 => "[a-z0-9]{1,3}([._/-]{1,2}[a-zA-Z0-9]{1,3}){0,3}",
        1 => (63..66_usize).prop_map(|length| "a".repeat(length)),
        1 => (250..258_usize).prop_map(|length| "x".repeat(length)),
    ];
    let tag = prop_oneof![
        4 => Just(String::new()),
        3 => ":[a-zA-Z0-9_.-]{0,5}",
        1 => (126..131_usize).prop_map(|length| format!(":{}", "t".repeat(length))),
    ];
    let digest = (
        prop_oneof![
            Just("sha256"),
            Just("sha384"),
            Just("sha512"),
            Just("md5"),
            Just("sha256:sha256")
        ],
        prop_oneof![Just(64_usize), Just(96), Just(128), Just(63), Just(0)],
    )
        .prop_map(move |(algorithm, length)| {
            format!("@{algorithm}:{}", hex.chars().take(length).collect::<String>())
        });
    let digest = prop_oneof![3 => Just(String::new()), 1 => digest];
    prop_oneof![
        9 => (registry, repository, tag, digest).prop_map(|(a, b, c, d)| format!("{a}{b}{c}{d}").into()),
        1 => texts(&["", "a b", "--a", "http://a/b", "a//b", "a@", "a:", "ä", "a/b:c/d", "a:1/b:2", "a.b", "a_b.c/d", "A.b/c", "A/c"], "[a-z:/@.]{0,6}"),
    ]
    .boxed()
}

fn integer(max: u32) -> BoxedStrategy<Value> {
    let max = i64::from(max);
    prop_oneof![
        3 => (1..=max).prop_map(Value::from),
        6 => prop_oneof![Just(0), Just(1), Just(max), Just(max + 1), Just(-1), any::<i64>()].prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        // To a schema a number without a fraction is an integer, however it is written.
        2 => (-1..=max + 1).prop_map(|number| number.to_string().parse::<f64>().unwrap().into()),
        1 => any::<f64>().prop_map(Value::from),
    ]
    .boxed()
}

fn cpu() -> BoxedStrategy<Value> {
    prop_oneof![
        3 => (0.01..=512.0).prop_map(Value::from),
        1 => (0..600_i32).prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        2 => prop_oneof![
            Just(0.01), Just(0.009_999_999_999), Just(0.0), Just(-0.5), Just(512.0), Just(512.000_000_000_1), Just(1e-300), Just(1e300),
        ]
        .prop_map(Value::from),
    ]
    .boxed()
}

fn env_vars() -> BoxedStrategy<Value> {
    let name = prop_oneof![
        6 => "[A-Za-z0-9_]{1,4}",
        3 => "[A-Za-z0-9_.-]{1,4}",
        2 => proptest::sample::select(RESERVED).prop_map(str::to_owned),
        1 => proptest::sample::select(&["", "A-B", "1A", "A B", "Ä", "A=B", "A\n"][..]).prop_map(str::to_owned),
        1 => (254..258_usize).prop_map(|length| "A".repeat(length)),
    ];
    let value = prop_oneof![
        8 => texts(LINES, ".{0,5}"),
        1 => anything(),
        1 => (32_766..32_771_usize).prop_map(|length| "a".repeat(length).into()),
    ];
    let many = (255..259_usize).prop_map(|count| {
        (0..count)
            .map(|n| (format!("A{n}"), json!("x")))
            .collect::<Map<_, _>>()
    });
    prop_oneof![
        20 => btree_map(name, value, 0..4).prop_map(|map| map.into_iter().collect::<Map<_, _>>()),
        1 => many,
    ]
    .prop_map(Value::Object)
    .boxed()
}

fn dependencies() -> BoxedStrategy<Value> {
    let id = || texts(&["broker", "my-plugin", "a", "A", ""], "[a-c]{1,2}");
    let version = prop_oneof![1 => Just(Value::Null), 8 => range(), 1 => anything()];
    let versioned = (id(), version).prop_map(|(id, version)| json!({ "id": id, "version": version }));
    let lacking = prop_oneof![
        Just(json!({})),
        Just(json!({"id": null})),
        Just(json!({"id": "a", "verison": "1"}))
    ];
    list(prop_oneof![4 => id(), 4 => versioned, 1 => lacking].boxed(), "x")
}

fn modes() -> BoxedStrategy<Value> {
    proptest::sample::select(
        &[
            "always",
            "unless-stopped",
            "on-failure",
            "no",
            "never",
            "Always",
            "sometimes",
            "",
        ][..],
    )
    .prop_map(Value::from)
    .boxed()
}

/// A value of any type.
pub(crate) fn anything() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(1.0)),
        ".{0,5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map("[a-z]{1,4}", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
    .boxed()
}

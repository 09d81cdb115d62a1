//! About the check itself.

use crate::lint::{
    finding::{Look, Rule},
    severity::Severity,
};

pub(crate) static STALE_ALLOW: Rule = Rule {
    id: "HAP901",
    severity: Severity::Warning,
    title: "an allowed rule that nothing breaks",
    why: "A list of exceptions that outlives its reasons hides the next mistake of the same kind. So an entry that lets nothing \
          pass is told of.",
    fix: "remove the line from .hapcheck",
    bad: "HAP315 the base image is pinned by our build server     # and the Dockerfile has a tag by now",
    good: "(the line is gone)",
    look: Look::Run,
};

pub(crate) static BAD_ALLOW: Rule = Rule {
    id: "HAP902",
    severity: Severity::Error,
    title: "a line of .hapcheck without a reason, or without a rule",
    why: "Who reads the list later has to decide whether an exception still holds. That takes the reason it was made for.",
    fix: "write the id of a rule, a blank and the reason",
    bad: "HAP315",
    good: "HAP315 our build server pins the base image",
    look: Look::Run,
};

pub(crate) static BROKEN_RULE: Rule = Rule {
    id: "HAP999",
    severity: Severity::Error,
    title: "a rule broke",
    why: "A rule of the linter itself ended with a mistake of its own, so nobody knows whether the plugin keeps to it. All other \
          rules were applied.",
    fix: "report it to the authors of hap with the plugin's files; `--allow HAP999` goes on until it is mended",
    bad: "(nothing that a plugin's author did)",
    good: "(the rule is mended)",
    look: Look::Run,
};

//! Secrets within files. No finding shows one.

use crate::lint::{
    finding::{Findings, Look, Rule},
    severity::Severity,
    shown::quoted,
    subject::Subject,
};

pub(crate) static RULES: &[Rule] = &[
    Rule {
        id: "HAP505",
        severity: Severity::Error,
        title: "the token of a service in a file",
        why: "It has the form that a known service gives its tokens. Whoever has the package can use the account.",
        fix: "take it back at the service, and make it a setting with \"writeOnly\": true",
        bad: "TOKEN = \"ghp_...\"",
        good: "TOKEN = settings[\"token\"]",
        look: Look::Itself(service),
    },
    Rule {
        id: "HAP507",
        severity: Severity::Error,
        title: "an address with a password in it",
        why: "The address is public with the file, and logs show addresses that cannot be reached.",
        fix: "leave name and password out of the address, and make them settings",
        bad: "mqtt://bell:secret@broker",
        good: "mqtt://broker",
        look: Look::Itself(address),
    },
];

/// How tokens of services begin, how many characters follow at least, and whose they are.
const TOKENS: [(&str, usize, &str); 13] = [
    ("AKIA", 16, "Amazon"),
    ("AIza", 35, "Google"),
    ("ghp_", 36, "GitHub"),
    ("gho_", 36, "GitHub"),
    ("ghs_", 36, "GitHub"),
    ("github_pat_", 40, "GitHub"),
    ("glpat-", 20, "GitLab"),
    ("xoxb-", 20, "Slack"),
    ("xoxp-", 20, "Slack"),
    ("sk_live_", 20, "Stripe"),
    ("hf_", 34, "Hugging Face"),
    ("npm_", 36, "npm"),
    ("dckr_pat_", 20, "Docker"),
];

const SCHEMES: [&str; 8] = [
    "http", "https", "mqtt", "mqtts", "postgres", "redis", "amqp", "mysql",
];

/// Texts of the plugin, each with its lines.
fn lines(subject: &Subject) -> impl Iterator<Item = (&str, usize, &str)> {
    let texts = subject
        .view
        .files
        .keys()
        .filter_map(|name| Some((name, subject.view.text(name)?)));
    texts.flat_map(|(name, text)| {
        let lines = text.lines().enumerate();
        lines.map(move |(index, line)| (name.as_str(), index + 1, line))
    })
}

fn service(subject: &Subject, findings: &mut Findings) {
    for (name, number, line) in lines(subject) {
        if let Some(owner) = token(line) {
            findings.at_hidden(name, number, format!("a token of {owner} is in {}", quoted(name)));
        }
    }
}

fn token(line: &str) -> Option<&'static str> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let (_, _, owner) = TOKENS.into_iter().find(|(begin, least, _)| {
        line.match_indices(begin).any(|(at, _)| {
            let before = line.as_bytes().get(..at).unwrap_or_default().last();
            let rest = line.as_bytes().get(at + begin.len()..).unwrap_or_default();
            let rest: Vec<_> = rest.iter().copied().take_while(is_part).collect();
            // A row of one letter is an example.
            let distinct: std::collections::BTreeSet<_> = rest.iter().collect();
            before.is_none_or(|byte| !is_part(byte)) && rest.len() >= *least && distinct.len() >= 8
        })
    })?;
    Some(owner)
}

fn address(subject: &Subject, findings: &mut Findings) {
    for (name, number, line) in lines(subject) {
        if has_password(line) {
            findings.at_hidden(
                name,
                number,
                format!("an address in {} has a password in it", quoted(name)),
            );
        }
    }
}

fn has_password(line: &str) -> bool {
    line.match_indices("://").any(|(at, _)| {
        let scheme = line.get(..at).unwrap_or_default();
        let scheme = scheme
            .rsplit(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        let rest = line.get(at + 3..).unwrap_or_default();
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '`' | '>' | ')' | '?'));
        let authority = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else {
            return false;
        };
        let Some((_, password)) = user.split_once(':') else {
            return false;
        };
        // A variable of a template, or a word that stands for one.
        let is_variable = password.contains(['$', '{', '<', '%', '*', '[']);
        let is_word =
            ["", "password", "pass", "secret", "..."].contains(&password.to_ascii_lowercase().as_str());
        SCHEMES.contains(&scheme) && !is_variable && !is_word
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_known_by_their_form_and_examples_are_not_taken_for_them() {
        assert_eq!(
            token("x = 'ghp_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R'"),
            Some("GitHub")
        );
        assert_eq!(token("ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), None);
        assert_eq!(token("ghp_..."), None);
        assert_eq!(token("mAKIAvel1b2c3d4e5f6g7h8"), None);
    }

    #[test]
    fn addresses_with_a_password_are_known_and_placeholders_are_not() {
        assert!(has_password("url = \"mqtt://bell:hunter2@broker:1883\""));
        for good in [
            "mqtt://broker",
            "mqtt://user@broker",
            "https://${USER}:${PASSWORD}@host/",
            "postgres://user:password@db",
            "https://example.com/a:b@c",
            "foo://a:b@c",
        ] {
            assert!(!has_password(good), "{good}");
        }
    }
}

use hap_conformance::platform::{Answer, Delivery};
use serde_json::{Value, json};

use super::caller::Reply;
use crate::terminal::{BAD, Console, DIM, GOOD, HINT, WARNING, harmless, log_line};

/// Tells people and programs what happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Show<'a> {
    pub(super) console: &'a Console,
}

impl Show<'_> {
    fn tell(self, kind: &str, mut about: Value, text: &str) {
        if let Some(about) = about.as_object_mut() {
            about.insert("type".to_owned(), json!(kind));
        }
        self.console.event(&about, text);
    }

    /// A line that the plugin wrote.
    pub(super) fn output(self, id: &str, line: &str) {
        let text = format!("{DIM}{id} |{DIM:#} {}", log_line(line));
        self.tell("output", json!({ "line": line }), &text);
    }

    /// Something that `hap dev` does.
    pub(super) fn step(self, kind: &str, about: Value, text: &str) {
        self.tell(kind, about, &format!("{HINT}{text}{HINT:#}"));
    }

    pub(super) fn healthy(self, address: &str, seconds: f64) {
        let text = format!("{GOOD}healthy{GOOD:#} at {address} after {seconds:.1} s");
        self.tell("healthy", json!({"address": address, "seconds": seconds}), &text);
    }

    /// Something that is not as it should be, and does not end the session.
    pub(super) fn problem(self, kind: &str, about: Value, text: &str) {
        self.tell(kind, about, &format!("{BAD}problem{BAD:#}: {}", harmless(text)));
    }

    /// Events that came, and how they were answered.
    pub(super) fn delivery(self, delivery: &Delivery) {
        let answer = match &delivery.answer {
            Answer::ByProtocol => delivery
                .problems
                .first()
                .map_or(202, |problem| problem.status)
                .into(),
            Answer::Status { status, .. } => json!(status),
            Answer::Nothing => json!("nothing"),
            Answer::Half => json!("half"),
            _ => Value::Null,
        };
        let is_taken = answer == 202 || delivery.answer == Answer::Half;
        let note = if is_taken {
            String::new()
        } else {
            format!("  {WARNING}answered {answer}{WARNING:#}")
        };
        for event in &delivery.events {
            let data = event.data.to_string();
            let text = format!(
                "{GOOD}event{GOOD:#} {} {}{note}",
                harmless(&event.r#type),
                harmless(&data)
            );
            self.tell("event", json!({"event": event, "answered": answer}), &text);
        }
        for problem in &delivery.problems {
            let sentence = hap_conformance::sentence(problem.sentence).unwrap_or_default();
            let about = json!({
                "error": problem.text, "code": problem.code, "answered": problem.status,
                "sentence": problem.sentence, "protocol": sentence,
            });
            let text = format!(
                "a request with events is refused with {} {}: {}\n  {}: {sentence}",
                problem.status, problem.code, problem.text, problem.sentence
            );
            self.problem("refused_events", about, &text);
        }
    }

    /// The answer of the plugin to a line. Returns whether it did what it was asked.
    pub(super) fn reply(self, to: &str, reply: &Result<Reply, String>) -> bool {
        let (is_success, about, text) = match reply {
            Ok(reply) if reply.is_success() => (
                true,
                json!({"to": to, "success": true, "status": reply.status, "body": reply.body}),
                format!("{GOOD}ok{GOOD:#} {}", harmless(&told(&reply.body))),
            ),
            Ok(reply) => {
                let code = reply.body.get("code").and_then(Value::as_str).unwrap_or_default();
                let error = format!("{} {code}: {}", reply.status, reply.error());
                let about = json!({"to": to, "success": false, "status": reply.status, "body": reply.body});
                (false, about, format!("{BAD}refused{BAD:#} {}", harmless(&error)))
            }
            Err(error) => (
                false,
                json!({"to": to, "success": false, "error": error}),
                format!("{BAD}failed{BAD:#} {}", harmless(error)),
            ),
        };
        self.tell("reply", about, &text);
        is_success
    }
}

/// What an answer says, without what every answer has.
fn told(body: &Value) -> String {
    let mut rest = body.clone();
    let Some(fields) = rest.as_object_mut() else {
        return body.to_string();
    };
    fields.remove("success");
    let texts: Vec<_> = ["result", "message"]
        .iter()
        .filter_map(|name| {
            let is_text = fields.get(*name).is_some_and(Value::is_string);
            is_text.then(|| fields.remove(*name))?
        })
        .collect();
    let texts = texts.iter().filter_map(Value::as_str).map(str::to_owned);
    let rest = (!fields.is_empty()).then(|| rest.to_string());
    texts.chain(rest).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_by_its_text_and_what_else_it_has() {
        assert_eq!(told(&json!({"success": true, "result": "rang"})), "rang");
        assert_eq!(told(&json!({"success": true, "result": 3})), r#"{"result":3}"#);
        assert_eq!(
            told(&json!({"result": "rang", "data": {"times": 3}})),
            r#"rang {"data":{"times":3}}"#
        );
        assert_eq!(told(&json!([1])), "[1]");
    }
}

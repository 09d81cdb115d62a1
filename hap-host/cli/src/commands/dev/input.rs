use hap_conformance::platform::Answer;
use serde_json::{Map, Value, json};

/// What a line asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Input {
    /// A command of the plugin, as the body that is posted.
    Command(Value),
    /// Its status.
    Status,
    /// Its health.
    Health,
    /// Other settings.
    Config(Value),
    /// A new start.
    Restart,
    /// How the platform answers events from now on.
    Answer(Answer),
    /// What can be typed.
    Help,
    /// The end.
    Quit,
    /// Nothing: an empty line or a comment.
    Nothing,
}

pub(super) const HELP: &str = "\
ring times=3             sends the command `ring`; a value is JSON, or else a text
ring {\"times\": 3}        the same
:status   :health        asks for it
:config {\"volume\": 30}   sends these settings, now and after each start
:restart                 stops the plugin and starts it again
:answer 503              answers events so; or ok, nothing, half
:quit                    stops the plugin and ends";

impl Input {
    /// Reads a line.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Self::Nothing);
        }
        let (word, rest) = line
            .split_once(char::is_whitespace)
            .map_or((line, ""), |(word, rest)| (word, rest.trim()));
        let Some(word) = word.strip_prefix(':') else {
            return params(rest).map(|params| Self::Command(json!({"command": word, "params": params})));
        };
        match (word, rest) {
            ("status", "") => Ok(Self::Status),
            ("health", "") => Ok(Self::Health),
            ("restart", "") => Ok(Self::Restart),
            ("help", "") => Ok(Self::Help),
            ("quit" | "q", "") => Ok(Self::Quit),
            ("config", rest) => match serde_json::from_str(rest) {
                Ok(settings) => Ok(Self::Config(settings)),
                Err(error) => Err(format!(
                    "the settings are no JSON: {error}; for example :config {{\"volume\": 30}}"
                )),
            },
            ("answer", rest) => answer(rest).map(Self::Answer),
            (word, rest) => {
                let said = format!(":{word} {rest}");
                Err(format!(
                    "there is no `{}`; :help lists what there is",
                    said.trim_end()
                ))
            }
        }
    }
}

fn answer(text: &str) -> Result<Answer, String> {
    match text {
        "ok" | "202" => Ok(Answer::ByProtocol),
        "nothing" => Ok(Answer::Nothing),
        "half" => Ok(Answer::Half),
        other => match other.parse::<u16>() {
            Ok(status @ 200..=599) => Ok(Answer::status(status)),
            _ => Err(format!(
                "{other:?} is no answer: write a status such as 503, or ok, nothing, half"
            )),
        },
    }
}

/// Parameters: an object, or `name=value` for each.
fn params(text: &str) -> Result<Map<String, Value>, String> {
    if text.starts_with('{') {
        return serde_json::from_str(text)
            .map_err(|error| format!("the parameters are no JSON object: {error}"));
    }
    let mut params = Map::new();
    for word in words(text)? {
        let Some((name, value)) = word.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(format!(
                "{word:?} is no parameter: write name=value, or all of them as {{...}}"
            ));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        params.insert(name.to_owned(), value);
    }
    Ok(params)
}

/// Words with spaces between them; quotes keep a text together, as a shell's do.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    // Within brackets of JSON, quotes and spaces are its own.
    let mut depth = 0_u32;
    for c in text.chars() {
        match c {
            _ if quote == Some(c) && depth == 0 => quote = None,
            '"' | '\'' if quote.is_none() && depth == 0 => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && quote.is_none() && depth == 0 => words.extend(word.take()),
            c => {
                if quote.is_none() {
                    match c {
                        '[' | '{' => depth += 1,
                        ']' | '}' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                }
                word.get_or_insert_default().push(c);
            }
        }
    }
    if let Some(quote) = quote {
        return Err(format!("a {quote} is not closed"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Value {
        match Input::parse(line) {
            Ok(Input::Command(command)) => command,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_command_is_a_name_and_parameters_in_either_form() {
        let ring = json!({"command": "ring", "params": {"times": 3}});
        assert_eq!(command("ring times=3"), ring);
        assert_eq!(command("  ring   {\"times\": 3} "), ring);
        assert_eq!(command("on"), json!({"command": "on", "params": {}}));
        assert_eq!(
            command("say text=\"good day\" loud=true to=[\"a\", \"b c\"] who='x y' empty="),
            json!({"command": "say", "params": {
                "text": "good day", "loud": true, "to": ["a", "b c"], "who": "x y", "empty": ""
            }})
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_with_the_rule() {
        for (line, part) in [
            ("ring 3", "\"3\" is no parameter"),
            ("ring =3", "name=value"),
            ("ring {times", "no JSON object"),
            ("ring text=\"a", "a \" is not closed"),
            (":config volume", "the settings are no JSON"),
            (":answer often", "503"),
            (":answer 42", "503"),
            (":stop", "there is no `:stop`; :help"),
            (":status now", "there is no `:status now`; :help"),
        ] {
            let error = Input::parse(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    #[test]
    fn words_with_a_colon_are_for_the_platform() {
        assert_eq!(
            Input::parse(":answer 503"),
            Ok(Input::Answer(Answer::status(503)))
        );
        assert_eq!(Input::parse(":answer ok"), Ok(Input::Answer(Answer::ByProtocol)));
        assert_eq!(Input::parse(":config {}"), Ok(Input::Config(json!({}))));
        assert_eq!(Input::parse(":q"), Ok(Input::Quit));
        for nothing in ["", "   ", "# ring"] {
            assert_eq!(Input::parse(nothing), Ok(Input::Nothing));
        }
    }
}

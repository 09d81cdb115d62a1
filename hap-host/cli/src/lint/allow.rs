use super::{
    check::sort,
    excerpt::Spot,
    finding::{Finding, Findings},
    rules::{BAD_ALLOW, STALE_ALLOW, rule},
    shown::quoted,
    subject::Subject,
};

/// Findings that a plugin's authors have decided to live with: an id and the reason on each line.
const ALLOW_FILE: &str = ".hapcheck";
/// More than anybody writes.
const MOST_LINES: usize = 200;

/// Takes out what is allowed, by `ids` or by the plugin's own file, and tells what that file says in vain.
pub(crate) fn apply(subject: &Subject, found: Vec<Finding>, ids: &[String]) -> Vec<Finding> {
    let text = subject.view.text(ALLOW_FILE).unwrap_or_default();
    let mut allowed: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (mut stale, mut bad) = (Findings::of(&STALE_ALLOW), Findings::of(&BAD_ALLOW));
    for (index, line) in text.lines().enumerate().take(MOST_LINES) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (id, reason) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let spot = Spot::of_line(text, index + 1);
        if rule(id).is_none() {
            let message = format!("{} is no rule", quoted(id));
            bad.at(ALLOW_FILE, text, spot, message)
                .fix("write an id that `hap check --rules` lists");
        } else if reason.trim().is_empty() {
            let message = format!("{id} is allowed without a reason");
            bad.at(ALLOW_FILE, text, spot, message);
        } else if found.iter().any(|finding| finding.rule.id == id) {
            allowed.push(id);
        } else {
            let message = format!("{id} is allowed, and nothing breaks it");
            stale.at(ALLOW_FILE, text, spot, message);
        }
    }
    let is_allowed = |finding: &Finding| allowed.contains(&finding.rule.id);
    let mut rest: Vec<_> = found.into_iter().filter(|finding| !is_allowed(finding)).collect();
    let own = stale.into_found().into_iter().chain(bad.into_found());
    rest.extend(own.filter(|finding| !is_allowed(finding)));
    sort(&mut rest);
    rest
}

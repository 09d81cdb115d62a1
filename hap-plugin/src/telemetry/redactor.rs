//! [`Redactor`], which keeps known secrets out of what others may read.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

/// What stands in the place of a secret.
const REDACTED: &str = "***";
/// Shortest text that is looked for: shorter ones stand in lines by chance.
const SHORTEST: usize = 6;
/// Former and refused configurations whose secrets are still looked for.
const KEPT: usize = 8;

/// The secrets of one plugin. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Redactor(Arc<Inner>);

#[derive(Default)]
struct Inner {
    // Read for every line, so without a lock.
    needles: ArcSwap<Vec<String>>,
    secrets: Mutex<Secrets>,
}

#[derive(Default)]
struct Secrets {
    always: Vec<String>,
    in_force: Vec<String>,
    others: VecDeque<Vec<String>>,
}

impl Redactor {
    /// Looks for this one as long as the process lives.
    pub(crate) fn always(&self, secret: &str) {
        self.change(|secrets| secrets.always.push(secret.to_owned()));
    }

    /// Looks for those of a configuration that is about to be judged: its refusal may repeat them.
    pub(crate) fn judging(&self, candidate: Vec<String>) {
        self.change(|secrets| secrets.keep(candidate));
    }

    /// Looks for those of the configuration in force, and still for those of the one before: a
    /// command may go on by it.
    pub(crate) fn in_force(&self, config: Vec<String>) {
        self.change(|secrets| {
            let before = std::mem::replace(&mut secrets.in_force, config);
            secrets.keep(before);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Secrets)) {
        let mut secrets = self.0.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut secrets);
        let all = secrets.others.iter().flatten();
        let all = all.chain(&secrets.always).chain(&secrets.in_force);
        let mut needles: Vec<String> = all
            .filter(|secret| secret.len() >= SHORTEST)
            .flat_map(|secret| [secret.clone(), escaped(secret)])
            .collect();
        // The longest first: one secret may be part of another.
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        self.0.needles.store(Arc::new(needles));
    }

    /// The text without any of the secrets.
    pub(crate) fn clean<'a>(&self, text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        let mut text = text.into();
        for needle in self.0.needles.load().iter() {
            if text.contains(needle.as_str()) {
                text = text.replace(needle.as_str(), REDACTED).into();
            }
        }
        text
    }
}

impl Secrets {
    fn keep(&mut self, secrets: Vec<String>) {
        if secrets.is_empty() || self.others.contains(&secrets) {
            return;
        }
        self.others.truncate(KEPT - 1);
        self.others.push_front(secrets);
    }
}

/// As a JSON text and `Debug` write it.
fn escaped(secret: &str) -> String {
    let json = serde_json::Value::from(secret).to_string();
    let within = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
    within.unwrap_or(&json).to_owned()
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_force_is_never_forgotten_and_refused_ones_are_bounded() {
        let redactor = Redactor::default();
        redactor.always("permanent");
        redactor.in_force(vec!["password-0".to_owned()]);
        for number in 1..100 {
            redactor.judging(vec![format!("password-{number}")]);
        }
        assert_eq!(
            redactor.clean("password-0 permanent password-99 5"),
            "*** *** *** 5"
        );
        assert_eq!(redactor.clean("password-1."), "password-1.");
        assert!(redactor.0.needles.load().len() <= KEPT + 2);
    }

    #[test]
    fn one_secret_may_be_part_of_another_and_short_ones_are_left() {
        let redactor = Redactor::default();
        redactor.in_force(vec![
            "secret".to_owned(),
            "secret-longer".to_owned(),
            "40".to_owned(),
        ]);
        assert_eq!(redactor.clean("secret-longer secret 40"), "*** *** 40");
        redactor.in_force(Vec::new());
        assert_eq!(
            redactor.clean("a running command may still say secret"),
            "a running command may still say ***"
        );
    }
}

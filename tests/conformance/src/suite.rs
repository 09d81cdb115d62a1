//! A run of the cases.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, SystemTime},
};

use futures_util::{StreamExt as _, stream};
use hap_manifest::PluginId;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::{
    bench::{Bench, Common, Reply},
    cases::{Case, Place, cases},
    declaration::{Declaration, learn},
    expected::ExpectedFailures,
    http::Request,
    level::Level,
    outcome::{Finding, Outcome, Stop, Verdict},
    report::{CaseReport, Report},
    target::{Kind, Target},
};

/// Plugins that are started for one case each and tried at the same time. Most of their time is pauses.
const AT_ONCE: usize = 4;
/// Longest time of one case. Each wait within it has a bound of its own; this one is for what no one thought of.
const CASE: Duration = Duration::from_secs(300);

/// A run that is put together and not begun.
#[derive(Debug)]
#[must_use = "nothing is tried until `run`"]
pub struct Suite {
    target: Target,
    level: Level,
    declaration: Option<Declaration>,
    expected: ExpectedFailures,
    only: Option<Vec<String>>,
}

/// Puts a run together for a target: level *guide*, nothing declared.
pub fn suite(target: impl Into<Target>) -> Suite {
    Suite {
        target: target.into(),
        level: Level::default(),
        declaration: None,
        expected: ExpectedFailures::default(),
        only: None,
    }
}

impl Suite {
    /// Sets how much of the protocol the plugin is held to.
    pub fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Sets what the plugin says of itself.
    pub fn declaration(self, declaration: Declaration) -> Self {
        Self {
            declaration: Some(declaration),
            ..self
        }
    }

    /// Sets the failures that are known.
    pub fn expected_failures(self, expected: ExpectedFailures) -> Self {
        Self { expected, ..self }
    }

    /// Limits the run to cases whose id is one of these, or begins with one of them and a `.`.
    pub fn only<I: Into<String>>(self, ids: impl IntoIterator<Item = I>) -> Self {
        Self {
            only: Some(ids.into_iter().map(Into::into).collect()),
            ..self
        }
    }

    /// Tries the cases and reports on each. What the plugin does ends a case and never the run.
    ///
    /// Each wait has a bound; a whole run takes seconds unless the plugin keeps it waiting.
    ///
    /// # Cancel safety
    /// Dropping the future kills what was started.
    pub async fn run(self) -> Report {
        let (began, clock) = (Instant::now(), SystemTime::now());
        let mut reports = BTreeMap::new();
        match self.first().await {
            Ok(first) => self.try_all(first, &mut reports).await,
            Err(error) => {
                for case in self.chosen() {
                    let report = self.report(case, Err(Stop::Error(error.clone())), Duration::ZERO);
                    reports.insert(case.id(), report);
                }
            }
        }
        let cases = cases().filter_map(|case| reports.remove(case.id())).collect();
        let target = (self.target.to_string(), self.target.digest());
        Report::new(target, self.level, cases, (clock, began.elapsed()))
    }

    fn chosen(&self) -> impl Iterator<Item = &'static Case> {
        let is_chosen = |case: &&Case| {
            let names = |id: &String| {
                let rest = case.id().strip_prefix(id.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            case.weight(self.level).is_some() && self.only.as_ref().is_none_or(|only| only.iter().any(names))
        };
        cases().filter(is_chosen)
    }

    /// Starts the plugin, and asks it what it says of itself where it is healthy.
    async fn first(&self) -> Result<Bench, String> {
        let words = |stop: Stop| match stop {
            Stop::Error(text) | Stop::NotApplicable(text) => text,
            Stop::Fail(finding) => finding.came,
        };
        let declaration = self.declaration.clone().unwrap_or_else(unknown);
        let common = |describe: Option<&Value>| {
            let may_guess = matches!(self.target.0, Kind::Started(_));
            Arc::new(Common {
                target: self.target.0.clone(),
                facts: learn(declaration.clone(), describe, may_guess),
                sends_nothing: AtomicBool::new(false),
            })
        };
        let mut bench = Bench::new(common(None)).await.map_err(words)?;
        bench.start(&[]).await.map_err(words)?;
        if bench.started().is_healthy() {
            let asked = bench.ask(Request::get("/describe")).await;
            let told = asked
                .came
                .ok()
                .filter(Reply::is_good)
                .and_then(|reply| reply.json);
            bench.learn(common(told.as_ref().filter(|told| told.is_object())));
        }
        Ok(bench)
    }

    async fn try_all(&self, mut first: Bench, reports: &mut BTreeMap<&'static str, CaseReport>) {
        let of = |place: Place| self.chosen().filter(move |case| case.place == place);
        if !first.started().is_healthy() {
            // What cannot even be started is told once, not in each case.
            for case in self.chosen() {
                let verdict = match case.is_about_the_start() {
                    true => within(case, &mut first).await,
                    false => Err(Stop::NotApplicable("it does not become healthy".to_owned())),
                };
                reports.insert(case.id(), self.report(case, verdict, Duration::ZERO));
            }
            first.stop_at_once().await;
            return;
        }
        let common = first.common();
        let own = of(Place::Own)
            .chain(of(Place::Started))
            .chain(of(Place::Unstarted));
        let own: Vec<_> = own.map(|case| alone(case, Arc::clone(&common))).collect();
        let own = stream::iter(own);
        // One after the other: what is measured in one case should not be the load of another.
        let mut shared = in_turn(&common, Some(first), of(Place::Shared).collect()).await;
        shared.extend(in_turn(&common, None, of(Place::Sending).collect()).await);
        let own = own.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
        for (case, verdict, took) in shared.into_iter().chain(own) {
            reports.insert(case.id(), self.report(case, verdict, took));
        }
    }

    fn report(&self, case: &'static Case, verdict: Verdict, took: Duration) -> CaseReport {
        let (outcome, finding, note) = match verdict {
            Ok(()) => (Outcome::Pass, None, None),
            Err(Stop::Fail(finding)) => (Outcome::Fail, Some(*finding), None),
            Err(Stop::NotApplicable(why)) => (Outcome::NotApplicable, None, Some(why)),
            Err(Stop::Error(why)) => (Outcome::Error, None, Some(why)),
        };
        let expected = self.expected.reason(case.id()).map(str::to_owned);
        CaseReport::new(case, self.level, (outcome, finding, note), expected, took)
    }
}

/// The declaration of a plugin of which nothing is known. Its id is made up.
fn unknown() -> Declaration {
    let id = PluginId::new("plugin").unwrap_or_else(|_| unreachable!());
    Declaration {
        is_named: false,
        ..Declaration::new(id)
    }
}

/// Tries cases one after the other on one plugin, which is started anew after one that it did not get over.
async fn in_turn(
    common: &Arc<Common>,
    mut bench: Option<Bench>,
    cases: Vec<&'static Case>,
) -> Vec<(&'static Case, Verdict, Duration)> {
    let mut tried = Vec::new();
    for case in cases {
        let began = Instant::now();
        let verdict = async {
            if let Some(used) = &mut bench
                && !used.is_well().await
            {
                used.stop_at_once().await;
                bench = None;
            }
            let bench = match &mut bench {
                Some(bench) => bench,
                None => {
                    let mut fresh = Bench::new(Arc::clone(common)).await?;
                    fresh.start_healthy().await?;
                    bench.insert(fresh)
                }
            };
            within(case, bench).await
        };
        let verdict = verdict.await;
        tried.push((case, verdict, began.elapsed()));
    }
    if let Some(bench) = &mut bench {
        bench.stop_at_once().await;
    }
    tried
}

/// Tries a case on a plugin of its own.
async fn alone(case: &'static Case, common: Arc<Common>) -> (&'static Case, Verdict, Duration) {
    let began = Instant::now();
    let verdict = async {
        if matches!(common.target, Kind::Running(_)) && case.place != Place::Own {
            return Err(Stop::NotApplicable("it was started by somebody else".to_owned()));
        }
        let mut bench = Bench::new(common).await?;
        if case.place != Place::Unstarted {
            bench.start_healthy().await?;
        }
        let verdict = within(case, &mut bench).await;
        bench.stop_at_once().await;
        verdict
    };
    let verdict = verdict.await;
    (case, verdict, began.elapsed())
}

async fn within(case: &Case, bench: &mut Bench) -> Verdict {
    let Ok(verdict) = timeout(CASE, (case.trial)(bench)).await else {
        return Err(Stop::Error(format!("the case took more than {CASE:?}")));
    };
    if verdict.is_ok()
        && matches!(case.place, Place::Shared | Place::Sending)
        && let Some(exit) = bench.exit(Duration::ZERO).await
    {
        let finding = Finding {
            sent: case.title().to_owned(),
            came: format!("during this case {exit}"),
            expected: "a plugin that goes on".to_owned(),
        };
        return Err(Stop::Fail(Box::new(finding)));
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Program;

    #[test]
    fn a_run_can_be_given_to_another_thread() {
        fn is_send<T: Send>(_: &T) {}
        is_send(&suite(Program::new("true")).run());
    }
}

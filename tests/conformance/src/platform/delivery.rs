use std::time::SystemTime;

use hap_manifest::wire::Event;
use tokio::time::Instant;

use super::answer::Answer;

/// One request with events, as it came.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Delivery {
    /// When its body had come.
    pub at: Instant,
    /// The same by the clock.
    pub received_at: SystemTime,
    /// How it proved which plugin sent it.
    pub proof: Proof,
    /// Its header `traceparent`.
    pub traceparent: Option<String>,
    /// Its body.
    pub body: Vec<u8>,
    /// What is wrong with it; empty where the platform takes it.
    pub problems: Vec<Problem>,
    /// Its events as the platform stores them; empty where they could not be read.
    pub events: Vec<Event>,
    /// How it was answered.
    pub answer: Answer,
}

impl Delivery {
    /// Returns whether this is an earlier delivery again: the same bytes, or one of its events.
    #[must_use]
    pub fn repeats(&self, earlier: &Self) -> bool {
        let known = |id: &str| earlier.events.iter().any(|event| event.id == id);
        self.body == earlier.body || self.events.iter().any(|event| known(&event.id))
    }
}

/// How a request proves which plugin sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// By a signature.
    Signature,
    /// By the token.
    Token,
    /// Not at all, or not rightly.
    None,
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The id of the sentence of the protocol that it breaks.
    pub sentence: &'static str,
    /// What it is, for people.
    pub text: String,
    /// The status that the platform refuses it with.
    pub status: u16,
    /// The code of that refusal.
    pub code: &'static str,
}

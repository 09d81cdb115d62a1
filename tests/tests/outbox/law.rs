//! The law that the outbox keeps, checked on what both sides wrote down.

use std::{collections::HashMap, fmt};

/// An event's lane and its number within the lane.
pub(crate) type Name = (u64, u64);

/// What the plugin told, in its order, over all its lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// `emit` is about to be called.
    Begin(Name),
    /// `emit` returned this id.
    Done(Name, String),
    /// `emit` returned an error.
    Refused(Name),
}

/// An event as the platform received it; the same one may come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) name: Name,
    pub(crate) id: String,
}

/// How an event's `emit` lay in time: the places of its two lines.
#[derive(Debug, Clone)]
struct Emitted<'a> {
    begin: usize,
    end: usize,
    id: Option<&'a str>,
    refused: bool,
}

/// What happened, when the law was kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    accepted: usize,
    unanswered: usize,
    repeated: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            accepted,
            unanswered,
            repeated,
        } = self;
        write!(
            f,
            "{accepted} events accepted, {unanswered} more arrived whose `emit` was killed, {repeated} repetitions"
        )
    }
}

/// Checks that each accepted event arrived, none was invented, an event has one id, and that an event which was
/// accepted before another was begun arrived before it.
pub(crate) fn check(told: &[Told], received: &[Received]) -> Result<Summary, String> {
    let emitted = read(told)?;
    // The first arrival of each event, in order.
    let mut arrived: HashMap<Name, &str> = HashMap::new();
    let mut order = Vec::new();
    for Received { name, id } in received {
        let Some(event) = emitted.get(name) else {
            return Err(format!("{name:?} arrived and was never emitted"));
        };
        if event.refused {
            return Err(format!("{name:?} arrived although `emit` refused it"));
        }
        if event.id.is_some_and(|returned| returned != id) {
            return Err(format!(
                "{name:?} arrived as {id}, `emit` returned {:?}",
                event.id
            ));
        }
        match arrived.insert(*name, id) {
            None => order.push((name, event)),
            Some(before) if before == id => {}
            Some(before) => return Err(format!("{name:?} arrived as {before} and as {id}")),
        }
    }
    for (name, event) in &emitted {
        if event.id.is_some() && !arrived.contains_key(name) {
            return Err(format!("{name:?} was accepted and never arrived"));
        }
    }
    in_order(&order)?;
    let accepted = emitted.values().filter(|event| event.id.is_some()).count();
    Ok(Summary {
        accepted,
        unanswered: order.len() - accepted,
        repeated: received.len() - order.len(),
    })
}

fn read(told: &[Told]) -> Result<HashMap<Name, Emitted<'_>>, String> {
    let mut emitted: HashMap<Name, Emitted<'_>> = HashMap::new();
    for (place, line) in told.iter().enumerate() {
        let (name, id, refused) = match line {
            Told::Begin(name) => {
                let begun = Emitted {
                    begin: place,
                    end: usize::MAX,
                    id: None,
                    refused: false,
                };
                if emitted.insert(*name, begun).is_some() {
                    return Err(format!("the test used {name:?} twice"));
                }
                continue;
            }
            Told::Done(name, id) => (name, Some(id.as_str()), false),
            Told::Refused(name) => (name, None, true),
        };
        let event = emitted
            .get_mut(name)
            .ok_or_else(|| format!("the test ended {name:?} before it began"))?;
        *event = Emitted {
            begin: event.begin,
            end: place,
            id,
            refused,
        };
    }
    Ok(emitted)
}

/// No event may arrive after one that was begun when it was accepted already.
fn in_order(order: &[(&Name, &Emitted<'_>)]) -> Result<(), String> {
    // From the back: the earliest end among all that arrived later.
    let mut earliest: Option<(&Name, usize)> = None;
    for (name, event) in order.iter().rev() {
        if let Some((late, end)) = earliest
            && end < event.begin
        {
            return Err(format!(
                "{late:?} was accepted before {name:?} was begun and arrived after it"
            ));
        }
        if earliest.is_none_or(|(_, end)| event.end < end) {
            earliest = Some((name, event.end));
        }
    }
    Ok(())
}

#[test]
fn the_law_finds_every_breach() {
    let told = |text: &str| -> Vec<Told> {
        let lines = text.split_whitespace().map(|word| {
            let (kind, number) = word.split_at(1);
            let name = (0, number.parse().unwrap());
            match kind {
                "b" => Told::Begin(name),
                "d" => Told::Done(name, format!("id-{number}")),
                _ => Told::Refused(name),
            }
        });
        lines.collect()
    };
    let received = |text: &str| -> Vec<Received> {
        let events = text.split_whitespace().map(|word| {
            let (number, id) = word.split_once('=').unwrap_or((word, word));
            Received {
                name: (0, number.parse().unwrap()),
                id: format!("id-{id}"),
            }
        });
        events.collect()
    };
    let kept = [
        ("", ""),
        ("b1 d1 b2 d2", "1 2"),
        // Repeated from an earlier place on, as after a kill.
        ("b1 d1 b2 d2 b3 d3", "1 2 1 2 3"),
        // At the same time, so in any order.
        ("b1 b2 d1 d2", "2 1"),
        // Killed: it may arrive or not, and one without an answer has no place.
        ("b1 b2 d2", "2"),
        ("b1 b2 d2", "2 1"),
        ("b1 r1 b2 d2", "2"),
    ];
    for (story, arrivals) in kept {
        let checked = check(&told(story), &received(arrivals));
        assert!(checked.is_ok(), "{story} / {arrivals}: {checked:?}");
    }
    let broken = [
        ("b1 d1", "", "never arrived"),
        ("b1 d1", "1 2", "never emitted"),
        ("b1 d1 b2 d2", "2 1", "arrived after it"),
        ("b1 d1 b2 b3 d3", "3 2 1", "arrived after it"),
        ("b1 d1 b2", "2 1", "arrived after it"),
        ("b1 d1", "1 1=7", "arrived as id-7"),
        ("b1", "1 1=7", "arrived as id-1 and as id-7"),
        ("b1 r1", "1", "refused it"),
    ];
    for (story, arrivals, breach) in broken {
        let found = check(&told(story), &received(arrivals)).unwrap_err();
        assert!(found.contains(breach), "{story} / {arrivals}: {found}");
    }
}

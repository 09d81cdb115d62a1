use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::*;

const PLUGINS: [&str; 3] = ["a", "b", "c"];

/// One thing that happens to a store.
#[derive(Debug, Clone)]
enum Act {
    /// A batch with ids out of a small set, so that some are repeated.
    Append {
        plugin: usize,
        ids: Vec<u8>,
        second: u16,
    },
    Prune {
        second: u16,
    },
    /// A reader takes one page.
    Read {
        reader: usize,
        limit: usize,
    },
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..3_usize, prop::collection::vec(0..60_u8, 1..8), 0..400_u16)
            .prop_map(|(plugin, ids, second)| Act::Append { plugin, ids, second }),
        2 => (0..400_u16).prop_map(|second| Act::Prune { second }),
        5 => (0..4_usize, 1..6_usize).prop_map(|(reader, limit)| Act::Read { reader, limit }),
        1 => Just(Act::Reopen),
    ]
}

/// A reader: what it wants, where it is and what it was given.
struct Reader {
    filter: Filter,
    cursor: u64,
    got: Vec<u64>,
    missed: u64,
}

impl Reader {
    fn new(filter: Filter) -> Self {
        Self {
            filter,
            cursor: 0,
            got: Vec::new(),
            missed: 0,
        }
    }

    async fn read(&mut self, store: &Store, limit: usize) -> bool {
        let page = store
            .events_since(self.cursor, limit, &self.filter)
            .await
            .unwrap();
        for entry in page.entries {
            match entry {
                Entry::Event(stored) => self.got.push(stored.seq),
                Entry::Missed { count, .. } => self.missed += count,
            }
        }
        self.cursor = page.through;
        page.end
    }
}

async fn run(acts: Vec<Act>) {
    let folder = folder();
    let retention = EventRetention::default()
        .events(10)
        .dedup_window(5)
        .age(Duration::from_secs(100));
    let mut store = open_with(&folder, retention.clone()).await;
    let mut readers: Vec<_> = PLUGINS
        .iter()
        .map(|plugin| Reader::new(of(plugin)))
        .chain([Reader::new(Filter::default())])
        .collect();
    // Every number ever given out, and whose it is.
    let mut log: BTreeMap<u64, &str> = BTreeMap::new();
    for act in acts {
        match act {
            Act::Append { plugin, ids, second } => {
                let plugin = PLUGINS[plugin];
                let events = ids.iter().map(|n| event(plugin, &n.to_string(), "x")).collect();
                let appended = store
                    .append_events(id(plugin), events, at(second.into()))
                    .await
                    .unwrap();
                assert_eq!(appended.len(), ids.len());
                for appended in appended {
                    if appended.duplicate {
                        assert_eq!(log[&appended.seq], plugin);
                    } else {
                        assert_eq!(appended.seq, log.len() as u64 + 1, "numbers have no gaps");
                        log.insert(appended.seq, plugin);
                    }
                }
            }
            Act::Prune { second } => drop(store.prune_events(at(second.into())).await.unwrap()),
            Act::Read { reader, limit } => drop(readers[reader].read(&store, limit).await),
            Act::Reopen => {
                drop(store);
                store = open_with(&folder, retention.clone()).await;
            }
        }
        assert_eq!(store.last_seq(), log.len() as u64);
    }
    for reader in &mut readers {
        while !reader.read(&store, 3).await {}
        assert!(
            reader.got.is_sorted_by(|a, b| a < b),
            "each event once and in order"
        );
        let wanted = |plugin: &str| {
            reader
                .filter
                .plugin
                .as_ref()
                .is_none_or(|id| id.as_str() == plugin)
        };
        assert!(reader.got.iter().all(|seq| wanted(log[seq])));
        let all = log.values().filter(|plugin| wanted(plugin)).count() as u64;
        let told = reader.got.len() as u64 + reader.missed;
        if reader.filter.plugin.is_none() {
            assert_eq!(told, all, "what was not delivered was counted, exactly");
        } else {
            assert!(told >= all, "what was not delivered was counted");
            assert!(
                (reader.missed == 0) == (reader.got.len() as u64 == all),
                "a gap is told only if there is one"
            );
        }
    }
    for plugin in PLUGINS {
        let mut fresh = Reader::new(of(plugin));
        while !fresh.read(&store, 100).await {}
        assert!(fresh.got.len() <= 10, "retention holds");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_delivers_each_event_once_in_order_or_counts_it(acts in prop::collection::vec(act(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(acts));
    }
}

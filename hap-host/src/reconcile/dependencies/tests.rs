use proptest::prelude::*;
use semver::VersionReq;

use super::*;

fn id(name: &str) -> PluginId {
    PluginId::new(name).unwrap()
}

fn needs(names: &[&str]) -> Box<[Dependency]> {
    names.iter().map(|name| Dependency::new(id(name))).collect()
}

fn standing(depends_on: &[&str], phase: Phase) -> Standing {
    Standing {
        version: Version::new(1, 0, 0),
        depends_on: needs(depends_on),
        wanted: true,
        phase,
    }
}

fn board(plugins: &[(&str, &[&str])]) -> Board {
    plugins
        .iter()
        .map(|(name, depends_on)| (id(name), standing(depends_on, Phase::Healthy)))
        .collect()
}

fn circle_of(plugin: &str, plugins: &[(&str, &[&str])]) -> Option<String> {
    let board = board(plugins);
    circle(&id(plugin), &board[&id(plugin)].depends_on, &board).map(|circle| circle.to_string())
}

#[test]
fn each_dependency_that_is_not_there_says_why() {
    let mut board = board(&[
        ("stopped", &[]),
        ("starting", &[]),
        ("old", &[]),
        ("well", &[]),
        ("shaky", &[]),
    ]);
    board.get_mut(&id("stopped")).unwrap().wanted = false;
    for (name, phase) in [
        ("stopped", Phase::Stopped),
        ("starting", Phase::Starting),
        ("shaky", Phase::Unhealthy),
    ] {
        board.get_mut(&id(name)).unwrap().phase = phase;
    }
    let mut depends_on = needs(&["stopped", "starting", "old", "well", "shaky", "missing"]).into_vec();
    depends_on[2] = Dependency::new(id("old")).with_version(VersionReq::parse("^2").unwrap());
    let told: Vec<_> = unmet(&depends_on, &board)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "stopped, which is stopped",
            "starting, whose phase is starting",
            "old ^2, of which 1.0.0 is installed",
            "missing, which is not installed",
        ]
    );
}

#[test]
fn a_circle_is_told_by_its_shortest_way() {
    assert_eq!(
        circle_of("a", &[("a", &["b"]), ("b", &["a"])]).unwrap(),
        "a -> b -> a"
    );
    let wide: &[(&str, &[&str])] = &[("a", &["b", "d"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])];
    assert_eq!(circle_of("a", wide).unwrap(), "a -> d -> a");
    assert_eq!(circle_of("c", wide).unwrap(), "c -> a -> b -> c");
    assert_eq!(circle_of("a", &[("a", &["a"])]).unwrap(), "a -> a");
    // One that leads into a circle is in none.
    assert_eq!(
        circle_of("x", &[("x", &["a"]), ("a", &["b"]), ("b", &["a"])]),
        None
    );
    assert_eq!(circle_of("a", &[("a", &["missing"])]), None);
}

#[test]
fn who_needs_a_plugin_is_told_and_stops_before_it() {
    let board = board(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"]), ("d", &[])]);
    assert_eq!(needed_by(&id("a"), &board), [id("b"), id("c")]);
    let mut up: BTreeSet<_> = board.keys().cloned().collect();
    for names in [&["c", "d"][..], &["b"], &["a"]] {
        let free: Vec<_> = up
            .iter()
            .filter(|one| may_stop(one, &up, &board))
            .cloned()
            .collect();
        assert_eq!(free, names.iter().map(|name| id(name)).collect::<Vec<_>>());
        up.retain(|one| !free.contains(one));
    }
    assert!(up.is_empty());
}

/// Any graph of plugins, some of them with circles.
fn graphs() -> impl Strategy<Value = Vec<BTreeSet<usize>>> {
    (1_usize..12)
        .prop_flat_map(|size| prop::collection::vec(prop::collection::btree_set(0..size, 0..4), size))
}

/// The same without circles: each needs earlier ones only.
fn acyclic() -> impl Strategy<Value = Vec<BTreeSet<usize>>> {
    graphs().prop_map(|graph| {
        let earlier =
            |(at, needs): (usize, BTreeSet<usize>)| needs.into_iter().filter(|to| *to < at).collect();
        graph.into_iter().enumerate().map(earlier).collect()
    })
}

fn named(index: usize) -> PluginId {
    id(&format!("p{index}"))
}

fn board_of(graph: &[BTreeSet<usize>], phase: Phase) -> Board {
    graph
        .iter()
        .enumerate()
        .map(|(at, depends_on)| {
            let depends_on = depends_on.iter().map(|to| Dependency::new(named(*to))).collect();
            let standing = Standing {
                depends_on,
                ..standing(&[], phase)
            };
            (named(at), standing)
        })
        .collect()
}

/// Length of the shortest way from one plugin back to itself, by trying ways of each length.
fn shortest_circle(graph: &[BTreeSet<usize>], from: usize) -> Option<usize> {
    let mut reached = BTreeSet::from([from]);
    for length in 1..=graph.len() {
        reached = reached.iter().flat_map(|at| graph[*at].iter().copied()).collect();
        if reached.contains(&from) {
            return Some(length);
        }
    }
    None
}

proptest! {
    #[test]
    fn any_circle_is_found_and_told_by_the_shortest_way_that_there_is(graph in graphs()) {
        let board = board_of(&graph, Phase::Healthy);
        for at in 0..graph.len() {
            let found = circle(&named(at), &board[&named(at)].depends_on, &board);
            prop_assert_eq!(found.as_ref().map(|circle| circle.0.len() - 1), shortest_circle(&graph, at));
            for pair in found.iter().flat_map(|circle| circle.0.windows(2)) {
                prop_assert!(board[&pair[0]].depends_on.iter().any(|to| *to.id() == pair[1]));
            }
        }
    }

    #[test]
    fn without_circles_every_plugin_gets_its_turn_after_those_that_it_needs(graph in acyclic(), picks: u64) {
        let mut board = board_of(&graph, Phase::Waiting);
        let mut picks = picks;
        for _ in 0..graph.len() {
            let ready: Vec<_> = board
                .iter()
                .filter(|(_, of)| of.phase == Phase::Waiting && unmet(&of.depends_on, &board).is_empty())
                .map(|(id, _)| id.clone())
                .collect();
            prop_assert!(!ready.is_empty(), "nobody may start, and some have not");
            let pick = ready[usize::try_from(picks % 97).unwrap() % ready.len()].clone();
            picks = picks.rotate_left(7) ^ 0x9e37;
            board.get_mut(&pick).unwrap().phase = Phase::Healthy;
        }
        prop_assert!(board.values().all(|of| of.phase == Phase::Healthy));
    }

    #[test]
    fn without_circles_there_is_always_one_that_nobody_who_is_up_needs(graph in acyclic()) {
        let board = board_of(&graph, Phase::Healthy);
        let mut up: BTreeSet<_> = board.keys().cloned().collect();
        while !up.is_empty() {
            let free: Vec<_> = up.iter().filter(|one| may_stop(one, &up, &board)).cloned().collect();
            prop_assert!(!free.is_empty());
            for one in &free {
                let needed = |of: &PluginId| board[of].depends_on.iter().any(|to| to.id() == one);
                prop_assert!(!up.iter().any(|of| of != one && needed(of)));
            }
            up.retain(|one| !free.contains(one));
        }
    }
}

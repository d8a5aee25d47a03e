//! Order: against a naive model, on random graphs.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rialto_coordinator::dag::{End, Graph, Next, Node, Progress};

/// A graph without circles: each step waits for earlier ones only. Some are conditions that choose among later ones.
fn graphs() -> impl Strategy<Value = Graph> {
    (1usize..24, any::<bool>(), any::<u64>()).prop_map(|(size, skips_spread, seed)| {
        let mut state = seed | 1;
        let mut dice = move |sides: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % sides
        };
        let mut nodes: Vec<Node> = (0..size).map(|_| Node::default()).collect();
        for (place, node) in nodes.iter_mut().enumerate() {
            node.after.extend((0..place).filter(|_| dice(4) == 0));
            if dice(4) == 0 && place + 1 < size {
                node.targets.extend((place + 1..size).filter(|_| dice(4) == 0));
            }
        }
        for place in 0..size {
            for target in nodes[place].targets.clone() {
                if !nodes[target].after.contains(&place) {
                    nodes[target].after.push(place);
                }
            }
        }
        Graph { nodes, skips_spread }
    })
}

/// What must be skipped, computed the slow way: place by place, since steps wait for earlier ones only.
fn naive_skips(graph: &Graph, progress: &[Progress]) -> BTreeSet<usize> {
    let mut now = progress.to_vec();
    let mut skipped = BTreeSet::new();
    for place in 0..graph.nodes.len() {
        let node = &graph.nodes[place];
        let ended = |other: usize| matches!(now[other], Progress::Completed { .. } | Progress::Skipped | Progress::Failed);
        if now[place] != Progress::Waiting || !node.after.iter().all(|other| ended(*other)) {
            continue;
        }
        let naming: Vec<usize> = (0..graph.nodes.len()).filter(|other| graph.nodes[*other].targets.contains(&place)).collect();
        let is_chosen = naming.iter().any(|other| now[*other] == Progress::Completed { chosen: Some(place) });
        let all_skipped = !node.after.is_empty() && node.after.iter().all(|other| now[*other] == Progress::Skipped);
        if !is_chosen && (!naming.is_empty() || (graph.skips_spread && all_skipped)) {
            now[place] = Progress::Skipped;
            skipped.insert(place);
        }
    }
    skipped
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// However steps end, and in whatever order: each is started at most once and after all that it waits for, what is skipped
    /// is what the model skips, and the whole ends.
    #[test]
    fn every_run_ends_and_keeps_the_order(graph in graphs(), choices in prop::collection::vec(any::<u16>(), 200)) {
        prop_assert!(graph.never_ready().is_empty());
        let size = graph.nodes.len();
        let mut progress = vec![Progress::Waiting; size];
        let mut started = BTreeSet::new();
        let mut choices = choices.into_iter().map(usize::from).cycle();
        let mut rounds = 0;
        let end = loop {
            rounds += 1;
            prop_assert!(rounds <= 3 * size + 3, "it goes on for ever");
            let Next { skip, start, end } = graph.next(&progress);
            let failed = progress.contains(&Progress::Failed);
            let naive = if failed { BTreeSet::new() } else { naive_skips(&graph, &progress) };
            prop_assert_eq!(skip.iter().copied().collect::<BTreeSet<_>>(), naive);
            for place in skip {
                progress[place] = Progress::Skipped;
            }
            if let Some(end) = end {
                break end;
            }
            for place in start {
                prop_assert!(started.insert(place), "step {} is started twice", place);
                prop_assert!(!failed, "something is started after a failure");
                for other in &graph.nodes[place].after {
                    let ended = matches!(progress[*other], Progress::Completed { .. } | Progress::Skipped);
                    prop_assert!(ended, "step {place} is started before {other}");
                }
                progress[place] = Progress::Running;
            }
            // One of those that run ends: well, or, seldom, badly.
            let running: Vec<usize> = (0..size).filter(|place| progress[*place] == Progress::Running).collect();
            prop_assert!(!running.is_empty(), "nothing runs and nothing is started");
            let place = running[choices.next().unwrap() % running.len()];
            let targets = &graph.nodes[place].targets;
            let choice = choices.next().unwrap();
            progress[place] = if choice % 50 == 0 {
                Progress::Failed
            } else {
                let chosen = if targets.is_empty() || choice % 5 == 0 { None } else { Some(targets[choice % targets.len()]) };
                Progress::Completed { chosen }
            };
        };
        let failed = progress.iter().position(|one| *one == Progress::Failed);
        prop_assert_eq!(end, failed.map_or(End::Completed, End::Failed));
        prop_assert!(!progress.contains(&Progress::Running));
        if failed.is_none() {
            prop_assert!(!progress.contains(&Progress::Waiting));
        }
    }
}

#[test]
fn a_circle_is_found_with_all_that_waits_for_it() {
    let after = |after: &[usize]| Node { after: after.to_vec(), targets: vec![] };
    let graph = Graph { nodes: vec![after(&[]), after(&[2]), after(&[1]), after(&[0, 2])], skips_spread: true };
    assert_eq!(graph.never_ready(), [1, 2, 3]);
    assert_eq!(graph.before(3), BTreeSet::from([0, 1, 2]));
}

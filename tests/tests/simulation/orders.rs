use proptest::prelude::*;

use crate::{
    action::{Action, orders},
    host::Host,
};

fn run(order: &[Action]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut host = Host::start().await;
        host.go_through(order).await;
        host.comes_to_what_is_wanted().await;
    });
}

/// How many orders are tried where the environment does not say.
const CASES: u32 = 2_000;

fn config() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    config.max_shrink_iters = 5_000;
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_happens_in_whatever_order_the_wanted_state_is_reached_and_kept(order in orders()) {
        run(&order);
    }
}

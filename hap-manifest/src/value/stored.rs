//! Rules that came after values were first stored.
//!
//! What an earlier version took is in the records of hosts. A rule that would refuse it asks
//! [`later_rules_hold`] first, so that those records can be read; whatever is new meets the rule.

use std::cell::Cell;

thread_local! {
    // Reading is one synchronous call, and values are read deep inside of it, also by serde.
    static READS_STORED: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether rules hold that an earlier version did not have.
pub(crate) fn later_rules_hold() -> bool {
    !READS_STORED.get()
}

/// Reads something without the rules that an earlier version did not have.
pub(crate) fn without_later_rules<T>(read: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            READS_STORED.set(self.0);
        }
    }
    let _restore = Restore(READS_STORED.replace(true));
    read()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_hold_again_afterwards_also_after_a_panic() {
        let inside = without_later_rules(|| (without_later_rules(later_rules_hold), later_rules_hold()));
        assert_eq!(inside, (false, false));
        assert!(later_rules_hold());
        let panicked = std::panic::catch_unwind(|| without_later_rules(|| panic!("on the way")));
        assert!(panicked.is_err() && later_rules_hold());
    }
}

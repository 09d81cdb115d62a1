//! What the compiler says about the mistakes that authors make first, and that it says what to do.
//!
//! `TRYBUILD=overwrite cargo test -p hap-plugin --test ui` writes anew what is expected.

#[test]
fn the_likeliest_mistakes_are_told_with_advice() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

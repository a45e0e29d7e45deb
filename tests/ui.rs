//! What the compiler says to a user who got the attribute or the derive wrong, and what it accepts.

#[test]
fn every_mistake_is_reported_where_it_was_made() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

#[test]
fn what_the_documentation_allows_compiles_and_runs() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}

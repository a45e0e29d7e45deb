//! What the property tests share.

use proptest::test_runner::Config;

/// As many cases as `PROPTEST_CASES` says, or a few: what CI has time for.
pub(crate) fn cases(few: u32) -> Config {
    let config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return config;
    }
    Config { cases: few, ..config }
}

//! Durations as people write them: a whole number and a unit.

use std::time::Duration;

/// What a duration looks like, for error messages.
pub(super) const EXPECTED: &str =
    "a whole number with its unit, `ms`, `s`, `m` or `h`, such as \"30s\"";

/// `"500ms"`, `"30s"`, `"2m"` or `"1h"`; `None` for anything else, or for more milliseconds than a
/// `u64` holds.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u64 = text[..text.len() - unit.len()].parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_is_a_duration() {
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse("1h"), Some(Duration::from_secs(3600)));
        assert_eq!(parse("0s"), Some(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "", "s", "30", "30 s", " 30s", "-1s", "+1s", "1.5s", "30S", "1h30m", "3d", "٣s",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_overflows_is_none() {
        assert!(parse("18446744073709551615ms").is_some());
        assert_eq!(parse("18446744073709551616ms"), None);
        assert_eq!(parse("18446744073709551615s"), None);
    }
}

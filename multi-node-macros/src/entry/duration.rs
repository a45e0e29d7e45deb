//! Durations as people write them: a whole number and a unit.

/// What a duration looks like, for error messages.
pub(super) const EXPECTED: &str =
    "a whole number with a unit in quotes (\"500ms\", \"30s\", \"2m\", \"1h\")";

/// Milliseconds of `"500ms"`, `"30s"`, `"2m"` or `"1h"`; `None` for anything else and for more than
/// a `u64` holds.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u64 = text[..text.len() - unit.len()].parse().ok()?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_is_a_duration() {
        assert_eq!(milliseconds("500ms"), Some(500));
        assert_eq!(milliseconds("30s"), Some(30_000));
        assert_eq!(milliseconds("2m"), Some(120_000));
        assert_eq!(milliseconds("1h"), Some(3_600_000));
        assert_eq!(milliseconds("0s"), Some(0));
    }

    #[test]
    fn anything_else_is_none() {
        let wrong =
            ["", "s", "30", "30 s", " 30s", "-1s", "+1s", "1.5s", "30S", "1h30m", "3d", "٣s"];
        for text in wrong {
            assert_eq!(milliseconds(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_overflows_is_none() {
        assert_eq!(milliseconds("18446744073709551615ms"), Some(u64::MAX));
        assert_eq!(milliseconds("18446744073709551616ms"), None);
        assert_eq!(milliseconds("18446744073709551615s"), None);
    }
}

//! Times and sizes as people write them: a whole number and its unit.
//!
//! The library reads its environment by the same rules; a test of it holds the two together.

/// What a time looks like, for error messages.
pub(super) const TIME: &str =
    "a whole number with a unit in quotes (\"500ms\", \"30s\", \"2m\", \"1h\")";

/// What a time that must not be zero looks like, for error messages.
pub(super) const TIMEOUT: &str =
    "a whole number above zero with a unit in quotes (\"500ms\", \"30s\", \"2m\", \"1h\")";

/// What a size looks like, for error messages.
pub(super) const SIZE: &str = "a number of bytes (`u64`) above zero, or one with a unit in quotes \
                               (\"64K\", \"512M\", \"2G\")";

/// Microseconds of `"20us"`, `"500ms"`, `"30s"`, `"2m"` or `"1h"`; `None` for anything else and for more than
/// a `u64` holds.
pub(super) fn microseconds(text: &str) -> Option<u64> {
    let (number, unit) = split(text);
    let factor = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Bytes of `"65536"`, `"64K"`, `"512M"` or `"2G"`, in powers of 1024; `None` for anything else and
/// for more than a `u64` holds.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text);
    let factor = match unit {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// The digits at the beginning, and what follows them.
fn split(text: &str) -> (&str, &str) {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    text.split_at(text.len() - unit.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_is_a_time() {
        assert_eq!(microseconds("20us"), Some(20));
        assert_eq!(microseconds("500ms"), Some(500_000));
        assert_eq!(microseconds("30s"), Some(30_000_000));
        assert_eq!(microseconds("2m"), Some(120_000_000));
        assert_eq!(microseconds("1h"), Some(3_600_000_000));
        assert_eq!(microseconds("0s"), Some(0));
    }

    #[test]
    fn anything_else_is_no_time() {
        let wrong =
            ["", "s", "30", "30 s", " 30s", "-1s", "+1s", "1.5s", "30S", "1h30m", "3d", "٣s"];
        for text in wrong {
            assert_eq!(microseconds(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_number_with_or_without_a_unit_is_a_size() {
        assert_eq!(bytes("900000"), Some(900_000));
        assert_eq!(bytes("64K"), Some(65_536));
        assert_eq!(bytes("512M"), Some(536_870_912));
        assert_eq!(bytes("2G"), Some(2_147_483_648));
        assert_eq!(bytes("0"), Some(0));
    }

    #[test]
    fn anything_else_is_no_size() {
        for text in ["", "M", "512 M", " 1K", "-1", "+1", "0.5G", "512MB", "512m", "1T", "٣K"] {
            assert_eq!(bytes(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_overflows_is_neither() {
        assert_eq!(microseconds("18446744073709551615us"), Some(u64::MAX));
        assert_eq!(microseconds("18446744073709551616us"), None);
        assert_eq!(microseconds("18446744073709551615s"), None);
        assert_eq!(bytes("18446744073709551615"), Some(u64::MAX));
        assert_eq!(bytes("18446744073709551616"), None);
        assert_eq!(bytes("18014398509481984K"), None);
    }
}

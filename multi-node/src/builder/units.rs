//! Times and sizes as the environment has them, by the rules that the attribute has for its own.

use std::time::Duration;

/// A whole number and its unit: us, ms, s, m or h.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text);
    let microseconds: u64 = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(microseconds).map(Duration::from_micros)
}

/// A whole number of bytes, or of KiB, MiB or GiB with K, M or G behind it.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text);
    let factor: u64 = match unit {
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
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests;

//! Finds what somebody meant who misspelt a word.

/// Says that a word is none of the valid ones, which one was probably meant, and which there are.
///
/// `place` says where they are valid, when that is not everywhere: `" on a field"`.
pub(crate) fn unknown(kind: &str, word: &str, place: &str, valid: &[&str]) -> String {
    let hint = match closest(word, valid) {
        Some(meant) => format!(", did you mean `{meant}`?"),
        None => ":".to_owned(),
    };
    format!("unknown {kind} `{word}`{hint} valid {kind}s{place} are {}", list(valid))
}

/// The word of `valid` that differs from `word` by two letters at most, if there is one.
fn closest<'a>(word: &str, valid: &[&'a str]) -> Option<&'a str> {
    valid
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 2 && *distance < candidate.len() / 2 + 1)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`, in backquotes.
pub(crate) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// How many letters to change, add, drop or swap with their neighbour to get from one to the other.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for i in 0..=from.len() {
        for j in 0..=to.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = usize::from(from[i - 1] != to[j - 1]);
                let mut least =
                    (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + changed);
                if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_finds_the_word_and_a_far_one_none() {
        let valid = ["port", "host", "nodes", "master_listen"];
        assert_eq!(closest("prot", &valid), Some("port"));
        assert_eq!(closest("node", &valid), Some("nodes"));
        assert_eq!(closest("masterlisten", &valid), Some("master_listen"));
        assert_eq!(closest("x", &valid), None);
        assert_eq!(closest("workers", &valid), None);
    }

    #[test]
    fn words_are_listed_as_one_would_say_them() {
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}

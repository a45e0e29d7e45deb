//! Finds the end of an HTTP/1.1 answer that states its length.

/// How far an answer has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress<'a> {
    /// More bytes must come.
    Partial,
    /// Status 200 and the whole body.
    Complete(&'a [u8]),
    /// Not what was asked for.
    Wrong,
}

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Looks at what has been received of one answer.
pub(crate) fn progress(received: &[u8]) -> Progress<'_> {
    let Some(head) = find(received, END_OF_HEAD) else {
        return Progress::Partial;
    };
    let body = &received[head + END_OF_HEAD.len()..];
    let head = &received[..head];
    if !head.starts_with(b"HTTP/1.1 200") {
        return Progress::Wrong;
    }
    match content_length(head) {
        Some(length) if body.len() == length => Progress::Complete(body),
        Some(length) if body.len() < length => Progress::Partial,
        _ => Progress::Wrong,
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let value = head.split(|&byte| byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(value)
    })?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::{Progress, progress};

    const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\ndate: x\r\n\r\nhello";

    #[test]
    fn an_answer_is_complete_with_its_last_byte_and_not_before() {
        for end in 0..WHOLE.len() {
            assert_eq!(progress(&WHOLE[..end]), Progress::Partial, "{end}");
        }
        assert_eq!(progress(WHOLE), Progress::Complete(b"hello"));
    }

    #[test]
    fn what_is_not_status_200_with_exactly_its_length_is_wrong() {
        for wrong in [
            &b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!",
        ] {
            assert_eq!(progress(wrong), Progress::Wrong);
        }
    }
}

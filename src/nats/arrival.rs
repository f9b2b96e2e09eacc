//! Whether the client library hands a message of the stream of commands to its reader.
//!
//! A NATS server passes subjects and headers on as they are, and stores them. The library gives the
//! connection up over a message that it can't read, and takes one whose headers begin with a status
//! for word from the server. Such a message is delivered again and again and never arrives. These
//! are the library's own rules (async-nats 0.51, `connection.rs` and `consumer/pull.rs`), applied to
//! what the stream has stored.

use async_nats::{HeaderName, HeaderValue};

/// The line that a block of headers begins with; a status may follow.
const VERSION: &str = "NATS/1.0";
/// The only status with which a message still counts as one.
const STATUS_OK: &str = "200";
/// The header with a message's id, by which the server drops a second one.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";

/// Whether a consumer of the stream gets a message with this subject and these headers, which are
/// empty where it has none. In the subject, as the server tells it, a byte that is not UTF-8 is a
/// replacement character.
pub fn arrives(subject: &str, headers: &[u8]) -> bool {
    if subject.contains(char::REPLACEMENT_CHARACTER) {
        return false;
    }
    // The line that announces headers is split at any white space, of which the protocol knows less.
    headers.is_empty() || (!subject.contains(char::is_whitespace) && is_message(headers))
}

/// Whether a block of headers is readable, and not a word from the server.
fn is_message(headers: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(headers) else {
        return false;
    };
    let mut lines = text.lines().peekable();
    let Some(status) = lines.next().and_then(|line| line.strip_prefix(VERSION)) else {
        return false;
    };
    let status = status.trim();
    let code = status.split_once(' ').map_or(status, |(code, _)| code);
    if !code.is_empty() && code.trim() != STATUS_OK {
        return false;
    }
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            return false;
        };
        let mut value = value.trim_start().to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with(char::is_whitespace)) {
            value.push_str(more);
        }
        // Over a bare carriage return within a value the library's connection panics.
        if name.parse::<HeaderName>().is_err() || value.trim_end().parse::<HeaderValue>().is_err() {
            return false;
        }
    }
    true
}

/// The message id among headers that can't be read as a whole, where that can be told.
pub fn message_id(headers: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(headers);
    let mut named = text.lines().filter_map(|line| line.split_once(':'));
    let (_, id) = named.find(|(name, _)| name.eq_ignore_ascii_case(MESSAGE_ID))?;
    Some(id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SUBJECT: &str = "contacts.command.native.create.t";

    #[test]
    fn what_the_library_reads_arrives() {
        for headers in [
            "",
            "NATS/1.0\r\n\r\n",
            "NATS/1.0\r\nX: a\r\nY: b: c\r\n\r\n",
            "NATS/1.0\r\nX:\r\n\r\n",
            "NATS/1.0\r\nX: é\r\n\r\n",
            "NATS/1.0\r\nX: a\r\n more\r\n\r\n",
            "NATS/1.0\r\nX: a\u{1}\u{0}b\r\n\r\n",
            "NATS/1.0\r\n: no name\r\n\r\n",
            "NATS/1.0\nX: a\n\n",
            "NATS/1.0\r\nX: a",
            "NATS/1.0 200 OK\r\n\r\n",
        ] {
            assert!(arrives(SUBJECT, headers.as_bytes()), "{headers:?}");
        }
        assert!(arrives("contacts.command.native.>", b"NATS/1.0\r\n\r\n"));
        assert!(arrives("contacts.command.a\u{a0}b", b""));
    }

    #[test]
    fn what_it_does_not_read_or_takes_for_the_servers_word_does_not() {
        for headers in [
            &b"NATS/1.0\r\nA B: x\r\n\r\n"[..],
            b"NATS/1.0\r\n\xc3\xa9: x\r\n\r\n",
            b"NATS/1.0\r\nX: \xff\xfe\r\n\r\n",
            b"NATS/1.0\r\nno colon\r\n\r\n",
            b"NATS/1.0\r\n led by a space: x\r\n\r\n",
            b"NATS/1.0\r\nX: a\rb\r\n\r\n",
            b"NATS/1.0\r\nX: a\r\n b\rc\r\n\r\n",
            b"NATS/1.0 100 Idle Heartbeat\r\n\r\n",
            b"NATS/1.0 409 Consumer Deleted\r\n\r\n",
            b"NATS/1.0 503\r\n\r\n",
            b"NATS/1.0 abc\r\n\r\n",
            b"NATS/1.0x\r\n\r\n",
            b"HTTP/1.1\r\nX: a\r\n\r\n",
            b"\r\n\r\n",
        ] {
            assert!(!arrives(SUBJECT, headers), "{headers:?}");
        }
        assert!(!arrives("contacts.command.\u{fffd}", b""));
        for space in ['\u{a0}', '\u{b}', '\u{2028}'] {
            let subject = format!("contacts.command.a{space}b");
            assert!(!arrives(&subject, b"NATS/1.0\r\n\r\n"), "{subject:?}");
        }
    }

    #[test]
    fn a_message_id_is_found_among_what_can_not_be_read() {
        let headers = b"NATS/1.0\r\nA B: \xff\r\nNats-Msg-Id: order-1\r\n\r\n";
        assert_eq!(message_id(headers).as_deref(), Some("order-1"));
        let lower = b"NATS/1.0\r\nA B: x\r\nnats-msg-id:order-2\r\n\r\n";
        assert_eq!(message_id(lower).as_deref(), Some("order-2"));
        assert_eq!(message_id(b"NATS/1.0\r\nA B: x\r\n\r\n"), None);
    }

    proptest! {
        #[test]
        fn good_headers_arrive_and_one_bad_line_hides_them(
            good in prop::collection::vec(("[!-9;-~]{1,8}", "[^\r\n]{0,12}"), 0..6),
            at in 0_usize..6,
            bad in "([a-z]{0,4} [a-z]{1,4}: x|[^\r\n:]{0,4}[a-z]|X: [a-z]{1,4}\r[a-z]{1,4})",
        ) {
            let mut lines: Vec<String> =
                good.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            let block = |lines: &[String]| format!("NATS/1.0\r\n{}\r\n\r\n", lines.join("\r\n"));
            prop_assert!(arrives(SUBJECT, block(&lines).as_bytes()));
            // A line that begins with a space goes on with the one before it.
            prop_assume!(!bad.starts_with(char::is_whitespace));
            lines.insert(at.min(lines.len()), bad);
            prop_assert!(!arrives(SUBJECT, block(&lines).as_bytes()));
        }

        #[test]
        fn no_bytes_panic(subject in ".{0,20}", headers in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut block = b"NATS/1.0".to_vec();
            for headers in [headers.clone(), { block.extend(&headers); block }] {
                let _ = arrives(&subject, &headers);
                let _ = message_id(&headers);
            }
        }
    }
}

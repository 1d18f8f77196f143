//! Glob patterns as Redis matches them (`KEYS`, `SCAN MATCH`, `CONFIG GET`): `*`, `?`, `[a-z]`, `[^a]`, `\x`.
//!
//! Bytes, not characters. Every element but `*` takes exactly one byte; so once the text ends too early behind a `*`, no
//! longer stretch for an earlier `*` can help, and going back to the last `*` alone is enough. That makes the work at most
//! pattern × text instead of exponential. A budget bounds the rest: a match that needs more steps than that is none.

/// Whether letters of the two cases are the same (ASCII only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Sensitive,
    Insensitive,
}

/// Steps a match may take beyond [`STEPS_PER_BYTE`] for every byte of pattern and text: a fraction of a millisecond.
const STEPS: usize = 1 << 16;
const STEPS_PER_BYTE: usize = 16;

/// Whether the whole text matches the pattern.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let mut budget = STEPS + STEPS_PER_BYTE * (pattern.len() + text.len());
    let (mut at, mut taken) = (0, 0);
    // Where to go on if what follows the last `*` fails: behind the `*`, with one more byte given to it.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            if at == pattern.len() {
                return true;
            }
            star = Some((at, taken));
            continue;
        }
        let (length, is_match) = match (at < pattern.len(), text.get(taken)) {
            (false, None) => return true,
            (true, None) => return false,
            (false, Some(_)) => (1, false),
            (true, Some(&byte)) => element(&pattern[at..], byte, case),
        };
        budget = match budget.checked_sub(length) {
            Some(left) => left,
            None => return false,
        };
        if is_match {
            at += length;
            taken += 1;
            continue;
        }
        let Some((behind, given)) = &mut star else { return false };
        *given += 1;
        (at, taken) = (*behind, *given);
    }
}

/// Length of the element that the pattern, which is not empty, begins with, and whether it matches the byte.
fn element(pattern: &[u8], byte: u8, case: Case) -> (usize, bool) {
    match pattern {
        [b'?', ..] => (1, true),
        [b'[', class @ ..] => {
            let (length, is_match) = in_class(class, byte, case);
            (length + 1, is_match)
        }
        [b'\\', escaped, ..] => (2, is_same(*escaped, byte, case)),
        _ => (1, is_same(pattern[0], byte, case)),
    }
}

/// Length of the class up to and with its `]`, and whether the byte is in it. A class without its `]` ends with the pattern.
fn in_class(class: &[u8], byte: u8, case: Case) -> (usize, bool) {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    let end = loop {
        match &class[at..] {
            [] => break at,
            [b']', ..] => break at + 1,
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                at += 2;
            }
            [first, b'-', last, ..] => {
                found |= in_range(*first, *last, byte, case);
                at += 3;
            }
            [one, ..] => {
                found |= is_same(*one, byte, case);
                at += 1;
            }
        }
    };
    (end, found != negated)
}

/// As Redis compares: bytes as signed characters, the ends in either order.
fn in_range(first: u8, last: u8, byte: u8, case: Case) -> bool {
    let [first, last, byte] = [first, last, byte].map(|byte| folded(byte, case) as i8);
    (first.min(last)..=first.max(last)).contains(&byte)
}

fn is_same(one: u8, other: u8, case: Case) -> bool {
    folded(one, case) == folded(other, case)
}

fn folded(byte: u8, case: Case) -> u8 {
    match case {
        Case::Sensitive => byte,
        Case::Insensitive => byte.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_match(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive)
    }

    #[test]
    fn elements() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "abc"),
            ("a*", "a"),
            ("a**b", "ab"),
            ("a?c", "abc"),
            ("h[ae]llo", "hello"),
            ("h[^e]llo", "hallo"),
            ("h[a-c]llo", "hbllo"),
            ("h[c-a]llo", "hbllo"),
            ("h\\*llo", "h*llo"),
            ("h[\\]]llo", "h]llo"),
            ("h[a-", "ha"),
            ("[^a", "["),
            ("\\", "\\"),
            ("[[]", "["),
            ("user:*:name", "user:12:name"),
            ("*a*b*", "xaxbx"),
        ] {
            assert!(is_match(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a", ""),
            ("?", ""),
            ("a?c", "ac"),
            ("h[^e]llo", "hello"),
            ("h[a-c]llo", "hdllo"),
            ("h\\*llo", "hello"),
            ("[", "["),
            ("[]", "]"),
            ("*b", "ba"),
            ("A", "a"),
        ] {
            assert!(!is_match(pattern, text), "{pattern} {text}");
        }
        assert!(matches(b"H[A-C]L*", b"hbllo", Case::Insensitive));
    }

    #[test]
    fn hostile_patterns_end() {
        let text = "a".repeat(100_000);
        assert!(!is_match(&"*a".repeat(5_000), "b"));
        assert!(!is_match(&format!("{}b", "a*".repeat(1_000)), &text));
        assert!(!is_match(&format!("*{}b", "a".repeat(50_000)), &text));
        assert!(!is_match(&format!("*{}", "[".repeat(50_000)), &text));
        assert!(is_match(&format!("*{}b", "a".repeat(200)), &format!("{}b", "a".repeat(400))));
    }

    /// Every way to give bytes to every `*`.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|given| naive(rest, &text[given..])),
            _ => text.split_first().is_some_and(|(byte, left)| {
                let (length, is_match) = element(pattern, *byte, Case::Sensitive);
                is_match && naive(&pattern[length..], left)
            }),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_trying_everything(pattern in "[*?ab\\[\\]^\\\\-]{0,10}", text in "[ab\\[-]{0,10}") {
            prop_assert_eq!(is_match(&pattern, &text), naive(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn any_bytes_are_answered(pattern in prop::collection::vec(any::<u8>(), 0..40), text in prop::collection::vec(any::<u8>(), 0..40)) {
            matches(&pattern, &text, Case::Insensitive);
        }
    }
}

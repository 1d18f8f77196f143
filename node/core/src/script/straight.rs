//! Whether a script's time is bounded by its text: such a script may run on a worker.
//!
//! Told by the words of the text alone. Without loops, functions of its own and what takes long in Lua's libraries, each statement runs
//! once, so the script takes about as long as the commands it calls. A name that is put together while it runs is not seen; what
//! else keeps a script off the workers is how long it has taken ([`super::cache::Script::is_short`]).

/// Words that no such script has: what runs statements again, what makes code of text, what may look at a text many times over, and
/// what changes how garbage is collected.
const LONG: [&str; 21] = [
    "while",
    "for",
    "repeat",
    "function",
    "goto",
    "loadstring",
    "load",
    "dofile",
    "getfenv",
    "setfenv",
    "setmetatable",
    "_G",
    "rep",
    "find",
    "match",
    "gmatch",
    "gsub",
    "sort",
    "foreach",
    "foreachi",
    "collectgarbage",
];

/// Whether nothing in a text of Lua may run long.
pub(super) fn is_straight(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        rest = match first {
            b'-' if behind.first() == Some(&b'-') => match long_bracket(&behind[1..]) {
                Some((_, rest)) => rest,
                None => after(behind, |byte| byte == b'\n'),
            },
            b'\'' | b'"' => {
                let (word, rest) = quoted(behind, first);
                if is_long(word) {
                    return false;
                }
                rest
            }
            b'[' => match long_bracket(rest) {
                Some((word, _)) if is_long(word) => return false,
                Some((_, rest)) => rest,
                None => behind,
            },
            _ if is_of_word(first) => {
                let length = rest.iter().position(|byte| !is_of_word(*byte)).unwrap_or(rest.len());
                let (word, rest) = rest.split_at(length);
                if is_long(word) {
                    return false;
                }
                rest
            }
            _ => behind,
        };
    }
    true
}

fn is_long(word: &[u8]) -> bool {
    LONG.iter().any(|long| long.as_bytes() == word)
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What stands behind the first such byte.
fn after(text: &[u8], is_it: impl Fn(u8) -> bool) -> &[u8] {
    text.iter().position(|byte| is_it(*byte)).map_or(&[], |at| &text[at + 1..])
}

/// What a quote holds, and what stands behind it. Escapes stay as they are.
fn quoted(text: &[u8], quote: u8) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if byte == quote => return (&text[..at], &text[at + 1..]),
            _ => at += 1,
        }
    }
    (text, &[])
}

/// What stands between `[[` or `[==[` and its end, and behind it.
fn long_bracket(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"[")?;
    let level = inner.iter().position(|byte| *byte != b'=')?;
    let body = inner[level..].strip_prefix(b"[")?;
    let mut end = vec![b'='; level + 2];
    (end[0], end[level + 1]) = (b']', b']');
    let at = body.windows(end.len()).position(|window| window == end)?;
    Some((&body[..at], &body[at + end.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_run_long_is_seen_wherever_it_stands() {
        for text in [
            "return 1",
            "-- for a while\nreturn redis.call('GET', KEYS[1])",
            "--[[ while\nrepeat ]] return tonumber(ARGV[1] or '1') + #KEYS",
            "local before = 'for' .. 'ever' return [[ for ]]",
            "local t = redis.call('TIME') return math.max(t[1] * 1000, t[2])",
        ] {
            // A text that is one such word alone may be a name.
            assert_eq!(is_straight(text.as_bytes()), !text.contains("'for'"), "{text}");
        }
        for text in [
            "while true do end",
            "for i=1,2 do end",
            "local function f() return f() end return f()",
            "return(function()end)()",
            "return string.rep('x', 1e9)",
            "return ('x'):rep(1e9)",
            "return string['rep']('x', 1e9)",
            "return string[ [[rep]] ]('x', 1e9)",
            "return '\\'' .. string.find(a, b)",
            "return loadstring('x')()",
            "--[==[ ]] ]==] repeat until nil",
            "--\nwhile 1 do end",
            "return table.sort(KEYS)",
        ] {
            assert!(!is_straight(text.as_bytes()), "{text}");
        }
        // However it ends.
        for text in ["'", "[[", "--", "--[[", "[==", "'\\", "["] {
            is_straight(text.as_bytes());
        }
    }
}

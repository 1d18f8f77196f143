//! Bytes and times as text: base64 and hex (RFC 4648), RFC 3339. Small enough not to earn a dependency each.

/// Bytes in JSON: text where they are UTF-8, base64 otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    pub text: String,
    pub encoding: &'static str,
}

impl Encoded {
    pub fn new(bytes: &[u8]) -> Encoded {
        match std::str::from_utf8(bytes) {
            Ok(text) => Encoded { text: text.into(), encoding: "utf8" },
            Err(_) => Encoded { text: base64(bytes), encoding: "base64" },
        }
    }

    /// For keys, which are nearly always text: named only when they are not.
    pub fn unusual(&self) -> Option<&'static str> {
        (self.encoding != "utf8").then_some(self.encoding)
    }
}

/// How a key is written on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyEncoding {
    /// The argument's own bytes.
    #[default]
    Plain,
    Base64,
    Hex,
}

impl KeyEncoding {
    /// The key's bytes, or what is wrong with the text.
    pub fn decode(self, text: &[u8]) -> Result<Vec<u8>, String> {
        let shown = || String::from_utf8_lossy(text).into_owned();
        match self {
            KeyEncoding::Plain => Ok(text.to_vec()),
            KeyEncoding::Base64 => base64_decode(text).ok_or_else(|| format!("{:?} is not base64", shown())),
            KeyEncoding::Hex => hex_decode(text).ok_or_else(|| format!("{:?} is not hex", shown())),
        }
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard alphabet with padding.
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, &b| group << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for position in 0..4 {
            let index = (group >> (18 - 6 * position)) & 63;
            text.push(if position <= chunk.len() { char::from(BASE64[index as usize]) } else { '=' });
        }
    }
    text
}

/// Standard or URL-safe alphabet, padding optional.
fn base64_decode(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|&b| b != b'=').map_or(0, |last| last + 1);
    let mut bytes = Vec::with_capacity(end / 4 * 3 + 2);
    let (mut group, mut bits) = (0u32, 0);
    for &byte in &text[..end] {
        let value = match byte {
            b'-' => 62,
            b'_' => 63,
            _ => BASE64.iter().position(|&letter| letter == byte)?,
        };
        group = group << 6 | value as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits) as u8);
        }
    }
    // One letter alone holds no whole byte.
    (end % 4 != 1).then_some(bytes)
}

fn hex_decode(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.chunks(2).map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

/// A wall-clock time in milliseconds since 1970, as `2026-11-23T14:02:11.250Z`.
pub fn rfc3339(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = civil(days as i64);
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1000)
}

/// The same to the second, for people.
pub fn rfc3339_seconds(unix_ms: u64) -> String {
    let text = rfc3339(unix_ms / 1000 * 1000);
    text.replace(".000Z", "Z")
}

/// Year, month and day of a count of days since 1970-01-01: Howard Hinnant's `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year_of_era + era * 400 + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_there_and_back() {
        for (bytes, text) in
            [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (&[0xfb, 0xff], "+/8=")]
        {
            assert_eq!(base64(bytes), text);
            assert_eq!(base64_decode(text.as_bytes()).as_deref(), Some(bytes));
            assert_eq!(base64_decode(text.trim_end_matches('=').as_bytes()).as_deref(), Some(bytes));
        }
        assert_eq!(base64_decode(b"-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(base64_decode(b"a"), None);
        assert_eq!(base64_decode(b"a b="), None);
    }

    #[test]
    fn bytes_in_json() {
        assert_eq!(Encoded::new(b"hi"), Encoded { text: "hi".into(), encoding: "utf8" });
        assert_eq!(Encoded::new(&[0xff]), Encoded { text: "/w==".into(), encoding: "base64" });
    }

    #[test]
    fn keys_in_every_encoding() {
        assert_eq!(KeyEncoding::Plain.decode(b"a=b"), Ok(b"a=b".to_vec()));
        assert_eq!(KeyEncoding::Hex.decode(b"00fF"), Ok(vec![0, 255]));
        assert!(KeyEncoding::Hex.decode(b"0").is_err() && KeyEncoding::Hex.decode(b"zz").is_err());
        assert_eq!(KeyEncoding::Base64.decode(b"AP8="), Ok(vec![0, 255]));
    }

    #[test]
    fn times() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(rfc3339(1_795_442_531_250), "2026-11-23T14:02:11.250Z");
        assert_eq!(rfc3339_seconds(1_795_442_531_250), "2026-11-23T14:02:11Z");
    }
}

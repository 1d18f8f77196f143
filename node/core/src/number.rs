//! Numbers as Redis reads and writes them in values: strict 64-bit integers (the protocol's), and INCRBYFLOAT's arithmetic.
//!
//! Redis adds floats as `long double`, which on x86 has 64 bits of mantissa, and prints 17 decimals; with `f64` the results
//! would differ in the last digits. [`Extended`] is that format in software: exact where it parses and prints, rounded to
//! nearest-even where it adds. Values so small that no decimal shows them (below 2^-16382) keep more precision than there.
//! What a client sends is bounded: a text of [`TEXT_BYTES_MAX`] or more is no number, so all work here is.

use std::cmp::Ordering;

pub use dcache_protocol::resp::parse::parse_integer;

/// A number's text is shorter than this, as in Redis (`MAX_LONG_DOUBLE_CHARS`).
pub const TEXT_BYTES_MAX: usize = 5 * 1024;

/// No [`Extended`] prints longer: 4933 digits of the largest and a sign.
pub const PRINTED_BYTES_MAX: usize = 4934;

/// A float with 64 bits of mantissa: `mantissa × 2^exponent`, negated if `negative`; the top bit of a mantissa that is not
/// 0 is set. Infinity stands for whatever is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extended {
    Finite { negative: bool, mantissa: u64, exponent: i32 },
    Infinite,
}

/// Exponents of the largest finite value, and below the smallest that is not 0, counted at the mantissa's top bit.
const EXPONENT_MAX: i32 = 16383;
const EXPONENT_MIN: i32 = -16446;

/// Decimals that are printed.
const DECIMALS: u32 = 17;

impl Extended {
    const ZERO: Extended = Extended::Finite { negative: false, mantissa: 0, exponent: 0 };

    /// What C's `strtold` makes of the whole text; none for anything else, NaN, or what is too large or small to tell.
    pub fn parse(text: &[u8]) -> Option<Extended> {
        if text.len() >= TEXT_BYTES_MAX {
            return None;
        }
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
            return Some(Extended::Infinite);
        }
        let (base, digits) = match unsigned {
            [b'0', b'x' | b'X', rest @ ..] => (16, rest),
            _ => (10, unsigned),
        };
        let Scanned { mantissa, digits, exponent } = scan(digits, base)?;
        if mantissa.is_zero() {
            return Some(Extended::ZERO);
        }
        let (numerator, denominator) = if base == 16 {
            if exponent.unsigned_abs() > 40_000 {
                return None;
            }
            power(mantissa, 2, exponent)
        } else {
            // Beyond these the value is out of range whatever its digits are; within them the powers stay small.
            if digits + exponent > 4940 || digits + exponent < -4960 {
                return None;
            }
            power(mantissa, 10, exponent)
        };
        divide(negative, numerator, denominator).filter(|value| *value != Extended::Infinite)
    }

    /// The sum rounded to nearest-even.
    pub fn plus(self, other: Extended) -> Extended {
        let (Extended::Finite { .. }, Extended::Finite { .. }) = (self, other) else { return Extended::Infinite };
        let (large, small) = if self.magnitude() >= other.magnitude() { (self, other) } else { (other, self) };
        let (
            Extended::Finite { negative, mantissa: large, exponent },
            Extended::Finite { negative: small_negative, mantissa: small, exponent: small_exponent },
        ) = (large, small)
        else {
            return Extended::Infinite;
        };
        if small == 0 {
            return Extended::Finite { negative, mantissa: large, exponent };
        }
        // 63 bits below the mantissa and one for a carry above. What falls off the end only has to be seen, not kept.
        let large = u128::from(large) << 63;
        let small = u128::from(small) << 63;
        let distance = exponent.abs_diff(small_exponent);
        let shifted = small.checked_shr(distance).unwrap_or(0);
        let lost = shifted.checked_shl(distance).unwrap_or(0) != small;
        let small = shifted | u128::from(lost);
        let sum = if negative == small_negative { large + small } else { large - small };
        rounded(negative, sum, exponent - 63, false)
    }

    pub fn is_infinite(self) -> bool {
        self == Extended::Infinite
    }

    /// In order of size, sign aside.
    fn magnitude(self) -> (bool, i32, u64) {
        match self {
            Extended::Finite { mantissa: 0, .. } => (false, i32::MIN, 0),
            Extended::Finite { mantissa, exponent, .. } => (false, exponent, mantissa),
            Extended::Infinite => (true, 0, 0),
        }
    }

    /// Up to 17 decimals, without zeros at the end; never an exponent. `inf` for what is out of range.
    pub fn to_text(self) -> String {
        let Extended::Finite { negative, mantissa, exponent } = self else { return "inf".into() };
        let text = if exponent >= 0 {
            let mut whole = Natural::from(mantissa);
            whole.shift_left(exponent.unsigned_abs());
            whole.into_decimal()
        } else {
            // At most 2^64 × 10^17 < 2^121.
            let scaled = u128::from(mantissa) * 10u128.pow(DECIMALS);
            let scaled = shift_right_rounded(scaled, exponent.unsigned_abs(), false);
            let unit = 10u128.pow(DECIMALS);
            let decimals = format!("{:017}", scaled % unit);
            let decimals = decimals.trim_end_matches('0');
            let point = if decimals.is_empty() { "" } else { "." };
            format!("{}{point}{decimals}", scaled / unit)
        };
        if negative && text != "0" { format!("-{text}") } else { text }
    }
}

/// The digits of a number: `mantissa × base^exponent` (2^exponent for base 16).
struct Scanned {
    mantissa: Natural,
    /// Digits from the first that is not 0.
    digits: i64,
    exponent: i64,
}

fn scan(text: &[u8], base: u32) -> Option<Scanned> {
    let mut mantissa = Natural::default();
    let (mut digits, mut exponent) = (0i64, 0i64);
    let (mut any, mut after_point) = (false, false);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte == b'.' && !after_point {
            after_point = true;
        } else if let Some(digit) = char::from(byte).to_digit(base) {
            any = true;
            mantissa.multiply_add(base, digit);
            digits += i64::from(!mantissa.is_zero());
            exponent -= i64::from(after_point);
        } else {
            break;
        }
        at += 1;
    }
    if !any {
        return None;
    }
    let bits_of_digit = if base == 16 { 4 } else { 1 };
    exponent *= bits_of_digit;
    match (&text[at..], base) {
        ([], _) => {}
        ([b'e' | b'E', given @ ..], 10) | ([b'p' | b'P', given @ ..], 16) => exponent += scan_exponent(given)?,
        _ => return None,
    }
    Some(Scanned { mantissa, digits, exponent })
}

/// A signed run of digits, held at a size that is out of any range.
fn scan_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0i64, |size, digit| (size * 10 + i64::from(digit - b'0')).min(1_000_000));
    Some(if negative { -size } else { size })
}

/// `mantissa × base^exponent` as a fraction. `exponent` is within some ten thousands.
fn power(mut mantissa: Natural, base: u32, exponent: i64) -> (Natural, Natural) {
    let mut denominator = Natural::from(1);
    let scaled = if exponent >= 0 { &mut mantissa } else { &mut denominator };
    if base == 2 {
        scaled.shift_left(exponent.unsigned_abs() as u32);
    } else {
        (0..exponent.unsigned_abs()).for_each(|_| scaled.multiply_add(base, 0));
    }
    (mantissa, denominator)
}

/// The quotient rounded to 64 bits; none when it is too small to tell from 0.
fn divide(negative: bool, mut numerator: Natural, mut denominator: Natural) -> Option<Extended> {
    // Shifted so that 1/2 < numerator / denominator < 2: 67 steps of long division then give at least 66 bits.
    let shift = numerator.bits() as i32 - denominator.bits() as i32;
    if shift >= 0 { &mut denominator } else { &mut numerator }.shift_left(shift.unsigned_abs());
    let mut quotient: u128 = 0;
    for _ in 0..67 {
        quotient <<= 1;
        if numerator.compare(&denominator) != Ordering::Less {
            numerator.subtract(&denominator);
            quotient |= 1;
        }
        numerator.shift_left(1);
    }
    let value = rounded(negative, quotient, shift - 66, !numerator.is_zero());
    match value {
        Extended::Finite { exponent, .. } if exponent + 63 < EXPONENT_MIN => None,
        _ => Some(value),
    }
}

/// `value × 2^exponent`, and a little more if `inexact`, to 64 bits, ties to even.
fn rounded(negative: bool, value: u128, exponent: i32, inexact: bool) -> Extended {
    if value == 0 {
        return Extended::ZERO;
    }
    let bits = 128 - value.leading_zeros();
    let (mantissa, exponent) = if bits <= 64 {
        let shift = 64 - bits;
        ((value << shift) as u64, exponent - shift as i32)
    } else {
        let dropped = bits - 64;
        let kept = shift_right_rounded(value, dropped, inexact);
        match u64::try_from(kept) {
            Ok(mantissa) => (mantissa, exponent + dropped as i32),
            Err(_) => (1 << 63, exponent + dropped as i32 + 1),
        }
    };
    if exponent + 63 > EXPONENT_MAX { Extended::Infinite } else { Extended::Finite { negative, mantissa, exponent } }
}

/// `value / 2^bits` rounded to nearest, ties to even; with a little more than `value`, if `inexact`, a tie is none.
fn shift_right_rounded(value: u128, bits: u32, inexact: bool) -> u128 {
    if bits == 0 || bits > 127 {
        // Past 127 bits even half of the largest value rounds to 0.
        return if bits == 0 { value } else { 0 };
    }
    let kept = value >> bits;
    let rest = value & ((1 << bits) - 1);
    let half = 1 << (bits - 1);
    kept + u128::from(rest > half || (rest == half && (inexact || kept & 1 == 1)))
}

/// A natural number of any size, in limbs of 32 bits, least first, without zeros at the end.
#[derive(Clone, Debug, Default)]
struct Natural(Vec<u32>);

impl From<u64> for Natural {
    fn from(value: u64) -> Natural {
        let mut natural = Natural(vec![value as u32, (value >> 32) as u32]);
        natural.trim();
        natural
    }
}

impl Natural {
    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn bits(&self) -> usize {
        self.0.last().map_or(0, |top| self.0.len() * 32 - top.leading_zeros() as usize)
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            let product = u64::from(*limb) * u64::from(factor) + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn shift_left(&mut self, bits: u32) {
        if self.is_zero() {
            return;
        }
        if !bits.is_multiple_of(32) {
            self.multiply_add(1 << (bits % 32), 0);
        }
        self.0.splice(0..0, std::iter::repeat_n(0, bits as usize / 32));
    }

    fn compare(&self, other: &Natural) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// `other` is not larger.
    fn subtract(&mut self, other: &Natural) {
        let mut borrow = false;
        for (at, limb) in self.0.iter_mut().enumerate() {
            let (less, under) = limb.overflowing_sub(other.0.get(at).copied().unwrap_or(0));
            let (less, under_again) = less.overflowing_sub(u32::from(borrow));
            *limb = less;
            borrow = under || under_again;
        }
        self.trim();
    }

    fn into_decimal(mut self) -> String {
        const CHUNK: u64 = 1_000_000_000;
        let mut chunks = Vec::new();
        while !self.is_zero() {
            let mut rest = 0;
            for limb in self.0.iter_mut().rev() {
                let value = rest << 32 | u64::from(*limb);
                *limb = (value / CHUNK) as u32;
                rest = value % CHUNK;
            }
            chunks.push(rest);
            self.trim();
        }
        let mut text = chunks.pop().unwrap_or(0).to_string();
        for chunk in chunks.iter().rev() {
            text.push_str(&format!("{chunk:09}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text_of(text: &str) -> Option<String> {
        Extended::parse(text.as_bytes()).map(Extended::to_text)
    }

    fn sum(one: &str, other: &str) -> String {
        let parse = |text: &str| Extended::parse(text.as_bytes()).expect("a number");
        parse(one).plus(parse(other)).to_text()
    }

    /// The right sides are replies of a Redis server on x86-64.
    #[test]
    fn floats_read_and_print_as_redis_does() {
        let same = [
            ("3.0e3", "3000"),
            ("5.", "5"),
            (".5", "0.5"),
            ("+1", "1"),
            ("-0", "0"),
            ("0x10", "16"),
            ("0x1p-1", "0.5"),
        ];
        let rounded = [
            ("0.1", "0.1"),
            ("1e-17", "0.00000000000000001"),
            ("1e-18", "0"),
            ("5e-18", "0"),
            ("6e-18", "0.00000000000000001"),
            ("1e-4940", "0"),
            ("1e20", "100000000000000000000"),
            ("123456789.123456789123", "123456789.12345678912242875"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551617", "18446744073709551616"),
            ("1e30", "1000000000000000000024696061952"),
        ];
        for (text, printed) in same.into_iter().chain(rounded) {
            assert_eq!(text_of(text).as_deref(), Some(printed), "{text}");
        }
        for text in
            ["", ".", "-", "1e", "1e+", " 1", "1 ", "nan", "-nan", "1e5000", "1e-4960", "0x", "1..2", "1e3.0", "abc"]
        {
            assert_eq!(text_of(text), None, "{text}");
        }
        for text in ["inf", "-Infinity"] {
            assert_eq!(Extended::parse(text.as_bytes()), Some(Extended::Infinite), "{text}");
        }
        assert_eq!(text_of(&"1".repeat(TEXT_BYTES_MAX)), None);
        assert_eq!(text_of(&format!("1e{}", "9".repeat(4000))), None);
        assert_eq!(text_of(&format!("0.{}e5000", "0".repeat(5000))).as_deref(), Some("0"));
        assert_eq!(text_of(&format!("1{}e-5000", "0".repeat(5000))).as_deref(), Some("1"));
    }

    #[test]
    fn sums_are_those_of_redis() {
        assert_eq!(sum("10.5", "0.1"), "10.6");
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("5.0e3", "2.0e2"), "5200");
        assert_eq!(sum("1e20", "-1e20"), "0");
        assert_eq!(sum("1", "-1.5"), "-0.5");
        assert_eq!(sum("1e300", "1"), text_of("1e300").expect("a number"));
        assert_eq!(sum("18446744073709551615", "1"), "18446744073709551616");
        assert_eq!(sum("1e4932", "1e4932"), "inf");
        assert_eq!(sum("inf", "1"), "inf");
    }

    proptest! {
        #[test]
        fn whole_numbers_add_exactly(one in -(1i64 << 62)..1 << 62, other in -(1i64 << 62)..1 << 62) {
            prop_assert_eq!(sum(&one.to_string(), &other.to_string()), (one + other).to_string());
        }

        #[test]
        fn quarters_add_exactly(one in -1i64 << 50..1 << 50, other in -1i64 << 50..1 << 50) {
            let decimal = |n: i64| {
                let text = format!("{}{}.{:02}", if n < 0 { "-" } else { "" }, n.abs() / 4, n.abs() % 4 * 25);
                text.trim_end_matches('0').trim_end_matches('.').to_string()
            };
            prop_assert_eq!(sum(&decimal(one), &decimal(other)), decimal(one + other));
        }

        #[test]
        fn any_text_is_answered(text in "[-+0-9a-fA-FxXpPeE.infty]{0,40}") {
            if let Some(value) = Extended::parse(text.as_bytes()) {
                let printed = value.to_text();
                prop_assert!(value.is_infinite() || Extended::parse(printed.as_bytes()).is_some());
            }
        }
    }
}

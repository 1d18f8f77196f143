//! Sizes and durations as people write them: `2GiB`, `512MB`, `64k`; `10m`, `1h30m`, `250ms`. Parsing and printing only.

/// Parses a byte size: a number with an optional unit (`k`/`KB` = 1000, `Ki`/`KiB` = 1024, up to T). Case does not matter,
/// except that Redis's bare `k`, `m`, `g` mean powers of 1000 as there.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 =
        number.parse().map_err(|_| format!("{text:?} is not a size; write for example 256MiB or 2GiB"))?;
    let factor: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "ki" | "kib" => 1024.0,
        "mi" | "mib" => 1048576.0,
        "gi" | "gib" => 1073741824.0,
        "ti" | "tib" => 1099511627776.0,
        other => return Err(format!("unknown unit {other:?} in size {text:?}; use KiB, MiB, GiB or TiB")),
    };
    let bytes = number * factor;
    if !(0.0..=9.0e18).contains(&bytes) {
        return Err(format!("size {text:?} is out of range"));
    }
    Ok(bytes as u64)
}

/// Parses a duration in milliseconds: one or more `number unit` pairs, units `ms s m h d`; a bare number is seconds.
pub fn parse_duration_ms(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a duration; write for example 250ms, 30s, 10m, 2h or 1h30m");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    if let Ok(seconds) = rest.parse::<u64>() {
        return seconds.checked_mul(1000).ok_or_else(wrong);
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let factor: u64 = match &rest[..letters] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        total = number.checked_mul(factor).and_then(|ms| total.checked_add(ms)).ok_or_else(wrong)?;
        rest = &rest[letters..];
    }
    Ok(total)
}

/// `1.5 GiB`: at most three significant digits, binary units.
pub fn format_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match value {
        _ if unit == 0 => format!("{bytes} B"),
        v if v >= 99.95 => format!("{v:.0} {}", UNITS[unit]),
        v if v >= 9.995 => format!("{v:.1} {}", UNITS[unit]),
        v => format!("{v:.2} {}", UNITS[unit]),
    }
}

/// `1.21M`: at most three significant digits, SI units.
pub fn format_count(count: f64) -> String {
    const UNITS: [&str; 5] = ["", "k", "M", "G", "T"];
    let mut value = count;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match value {
        v if unit == 0 && (v.fract() == 0.0 || v >= 99.95) => format!("{v:.0}"),
        v if v >= 99.95 => format!("{v:.0}{}", UNITS[unit]),
        v if v >= 9.995 => format!("{v:.1}{}", UNITS[unit]),
        v if unit == 0 => format!("{v:.1}"),
        v => format!("{v:.2}{}", UNITS[unit]),
    }
}

/// `9m41s`, `21d4h`, `250ms`: the two largest units.
pub fn format_duration_ms(ms: u64) -> String {
    if ms < 1000 {
        return format!("{ms}ms");
    }
    let seconds = ms / 1000;
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let first = units.iter().position(|(size, _)| seconds >= *size).unwrap_or(units.len() - 1);
    let (size, name) = units[first];
    let mut text = format!("{}{name}", seconds / size);
    if let Some((next_size, next_name)) = units.get(first + 1) {
        let rest = seconds % size / next_size;
        if rest > 0 {
            text.push_str(&format!("{rest}{next_name}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("256MiB"), Ok(268_435_456));
        assert_eq!(parse_size("1.5 GiB"), Ok(1_610_612_736));
        assert_eq!(parse_size("100k"), Ok(100_000));
        assert!(parse_size("lots").is_err() && parse_size("3 apples").is_err() && parse_size("").is_err());
        assert_eq!(format_size(268_435_456), "256 MiB");
        assert_eq!(format_size(1_610_612_736), "1.50 GiB");
        assert_eq!(format_size(1000), "0.98 KiB");
        assert_eq!(format_size(12), "12 B");
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration_ms("1h30m"), Ok(5_400_000));
        assert_eq!(parse_duration_ms("250ms"), Ok(250));
        assert_eq!(parse_duration_ms("30"), Ok(30_000));
        assert!(
            parse_duration_ms("").is_err() && parse_duration_ms("5 apples").is_err() && parse_duration_ms("h").is_err()
        );
        assert_eq!(format_duration_ms(581_221), "9m41s");
        assert_eq!(format_duration_ms(21 * 86_400_000 + 4 * 3_600_000), "21d4h");
        assert_eq!(format_duration_ms(60_000), "1m");
    }

    #[test]
    fn counts() {
        assert_eq!(format_count(0.0), "0");
        assert_eq!(format_count(31_240.0), "31.2k");
        assert_eq!(format_count(1_612_000.0), "1.61M");
        assert_eq!(format_count(212.0), "212");
        assert_eq!(format_count(3.25), "3.2");
    }
}

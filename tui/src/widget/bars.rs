//! Sparklines and bars as text. The newest values are at the right; a gap is a blank, not a low bar.

use crate::theme::Theme;

/// One row: the last `width` values, scaled to the largest (or to `top` when given).
pub fn sparkline(theme: &Theme, values: &[Option<f64>], width: usize, top: Option<f64>) -> String {
    rows(theme, values, width, 1, top).pop().unwrap_or_default()
}

/// `height` rows, top row first.
pub fn rows(theme: &Theme, values: &[Option<f64>], width: usize, height: usize, top: Option<f64>) -> Vec<String> {
    let values = &values[values.len().saturating_sub(width)..];
    let largest = values.iter().flatten().copied().fold(0.0, f64::max);
    let top = top.unwrap_or(largest);
    let bars = theme.bars();
    let eighths = |value: f64| match top > 0.0 {
        true => ((value / top).clamp(0.0, 1.0) * height as f64 * 8.0).round() as usize,
        false => 0,
    };
    let cell = |value: Option<f64>, row: usize| {
        let Some(value) = value else { return ' ' };
        // The lowest row shows at least a line, so that zero is seen to be a value.
        let filled = eighths(value).max(1).saturating_sub(row * 8);
        match filled {
            0 => ' ',
            n => bars[n.min(8) - 1],
        }
    };
    let pad = " ".repeat(width - values.len());
    (0..height).rev().map(|row| pad.chars().chain(values.iter().map(|v| cell(*v, row))).collect()).collect()
}

/// A bar of `width` cells filled to `share` (0 to 1).
pub fn gauge(theme: &Theme, share: f64, width: usize) -> String {
    let (full, empty) = if theme.ascii { ('#', '.') } else { ('█', '░') };
    let filled = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    (0..width).map(|cell| if cell < filled { full } else { empty }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEME: Theme = Theme { colour: false, ascii: false };

    #[test]
    fn the_newest_values_are_shown_and_gaps_are_blank() {
        let values = [Some(9.0), Some(1.0), None, Some(4.0), Some(8.0)];
        assert_eq!(sparkline(&THEME, &values, 4, None), "▁ ▄█");
        assert_eq!(sparkline(&THEME, &values[3..], 4, None), "  ▄█");
        assert_eq!(sparkline(&THEME, &[Some(0.0)], 1, None), "▁");
        assert_eq!(rows(&THEME, &[Some(1.0), Some(2.0)], 2, 2, None), [" █", "██"]);
    }

    #[test]
    fn gauges() {
        assert_eq!(gauge(&THEME, 0.5, 4), "██░░");
        assert_eq!(gauge(&THEME, 7.0, 2), "██");
    }
}

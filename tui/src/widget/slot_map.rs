//! The heat map: partitions as cells, as many in a cell as it takes to fit; a cell shows the hottest of its partitions, unless one
//! of them is not served or moves.

use crate::app::{Partitions, View};
use crate::theme::Theme;

/// A cell with a partition that nobody serves.
pub const NOT_SERVED: char = 'X';

/// A cell with a partition on its way to other nodes.
pub const MOVING: char = '>';

/// How partitions are laid out in the space there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    pub columns: usize,
    pub rows: usize,
    /// Partitions a cell stands for.
    pub group: usize,
}

impl Grid {
    /// The finest grid of `partitions` in `width` columns and `height` rows.
    pub fn fit(partitions: usize, width: usize, height: usize) -> Grid {
        let columns = [64, 32, 16, 8, 4, 2].into_iter().find(|columns| *columns <= width).unwrap_or(1);
        let cells = (columns * height).max(1);
        let group = partitions.div_ceil(cells).max(1).next_power_of_two();
        Grid { columns, rows: partitions.div_ceil(group).div_ceil(columns), group }
    }
}

/// One cell's picture.
pub fn cell(theme: &Theme, partitions: &Partitions, view: View, grid: Grid, cell: usize, hottest: f64) -> char {
    let range = cell * grid.group..((cell + 1) * grid.group).min(partitions.table.primary.len());
    if range.clone().any(|p| !partitions.table.served.get(p).copied().unwrap_or_default()) {
        return NOT_SERVED;
    }
    if range.clone().any(|p| partitions.table.moving.get(p).copied().unwrap_or_default()) {
        return MOVING;
    }
    if view == View::Owner {
        return partitions.table.primary.get(range.start).copied().flatten().map_or('?', owner_letter);
    }
    // Not known is not idle: a blank.
    let heat = range.filter_map(|p| value(partitions, view, p)).reduce(f64::max);
    heat.map_or(' ', |heat| theme.heat()[level(heat, hottest)])
}

/// Letter of a node by its place in the table: a to z, then A to Z, then #.
pub fn owner_letter(index: u16) -> char {
    match index {
        0..26 => char::from(b'a' + index as u8),
        26..52 => char::from(b'A' + (index - 26) as u8),
        _ => '#',
    }
}

/// What a view shows of a partition; none where it is not known.
pub fn value(partitions: &Partitions, view: View, partition: usize) -> Option<f64> {
    match view {
        View::Ops => partitions.ops_per_second.get(partition).copied().flatten(),
        View::Memory => partitions.table.memory_bytes.get(partition).map(|bytes| *bytes as f64),
        View::Keys => partitions.table.items.get(partition).map(|items| *items as f64),
        View::Owner => None,
    }
}

/// 0 idle to 4 hottest, on a logarithmic scale.
fn level(value: f64, hottest: f64) -> usize {
    if value <= 0.0 || hottest <= 0.0 {
        return 0;
    }
    let share = (1.0 + value).ln() / (1.0 + hottest).ln();
    ((share * 4.0).ceil() as usize).clamp(1, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_hold_every_partition() {
        assert_eq!(Grid::fit(1024, 70, 16), Grid { columns: 64, rows: 16, group: 1 });
        assert_eq!(Grid::fit(1024, 70, 8), Grid { columns: 64, rows: 8, group: 2 });
        for (partitions, width, height) in [(16384, 64, 10), (1, 200, 50), (1024, 3, 1), (16, 0, 0)] {
            let grid = Grid::fit(partitions, width, height);
            assert!(grid.columns * grid.rows * grid.group >= partitions);
        }
    }

    #[test]
    fn heat_is_logarithmic_and_idle_is_idle() {
        assert_eq!([0.0, 1.0, 30.0, 999.0, 1000.0].map(|v| level(v, 1000.0)), [0, 1, 2, 4, 4]);
        assert_eq!(level(5.0, 0.0), 0);
    }
}

//! Parts that several screens draw: bars, sparklines, the heat map, the help page.

pub mod bars;
pub mod help;
pub mod slot_map;

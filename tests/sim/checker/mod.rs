//! What must hold, one property a file.

pub mod invariants;
pub mod linearizable;

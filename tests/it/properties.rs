//! Laws, held for whatever can be generated. `PROPTEST_CASES` raises the number of tries.

mod alerts;
mod declared;
mod imported;
mod rendered;
mod steps;
pub mod values;

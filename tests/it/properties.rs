//! Properties, tested with generated values. `PROPTEST_CASES` raises the number of cases.

mod alerts;
mod declared;
mod imported;
mod rendered;
mod states;
mod steps;
pub mod values;

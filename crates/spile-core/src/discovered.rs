//! What a source offers, as reported by its tap: streams with their fields, and which of them an integration reads.
//!
//! Pure: `spile_world` asks the tap (`processes::meltano`) and stores the answer (`files::discoveries`). Singer calls
//! that answer a *catalog*; here, a catalog is the list of connectors.

pub mod change;
mod check;
pub mod contract;
mod discovery;
mod field;
mod key;
mod mistake;
mod proposal;
mod read;
mod select_rules;
mod stream;
pub mod tables;

pub use change::{Change, ChangedSource, Difference, Watch};
pub use check::{Against, check, check_losses, matching, near_stream};
pub use contract::{Contract, Promise};
pub use discovery::Discovered;
pub use field::{Field, Inclusion};
pub use key::key;
pub use mistake::SelectionMistake;
pub use proposal::Proposal;
pub use read::{NoCatalog, read};
pub use select_rules::{Rules, Taken, can_select};
pub use stream::Stream;

#[cfg(test)]
mod tests;

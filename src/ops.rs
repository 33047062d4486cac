//! Operations: one public function for each thing that people do with a project. They read, let floors 1 and 2
//! decide, and write; faces call them and render what they return.

pub mod apply;
pub mod author;
pub mod changed;
pub mod check;
pub mod connectors;
pub mod contract;
pub mod discover;
pub mod doctor;
pub mod edits;
mod error;
mod event;
pub mod exec;
pub mod explain;
pub mod fmt;
pub mod history;
pub mod import;
pub mod init;
mod loader_test;
pub mod migrate;
pub mod new;
pub mod notify;
pub mod plan;
pub mod pull;
pub mod rollback;
pub mod run;
pub mod run_due;
pub mod saved_plan;
pub mod scheduler;
pub mod schedules;
pub mod schema;
pub mod secrets;
pub mod switch;
pub mod take_over;
pub mod verify;
pub mod which;

pub use apply::apply;
pub use check::{Loaded, check};
pub use discover::discover;
pub use doctor::doctor;
pub use error::{Error, allowances};
pub use event::{Event, Tell};
pub use exec::exec;
pub use history::{applies, drifted, runs, status};
pub use init::init;
pub use plan::plan;
pub use pull::pull;
pub use run::{sync, test};
pub use run_due::run_due;
pub use schedules::schedules;
pub use verify::verify;
pub use which::Which;

pub(crate) use error::unknown_names;

pub use crate::problem::counted;

//! The meaning of projects according to Meltano's own classes: an import preserves every answer.

mod generated;
pub mod oracle;
mod overlays;
mod projects;
mod samples;
mod shapes;

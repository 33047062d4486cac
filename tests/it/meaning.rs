//! What projects mean to Meltano, asked of its own classes: an import keeps every answer.

mod generated;
pub mod oracle;
mod projects;

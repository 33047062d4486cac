//! Stores: applied rows, runs, sent notifications and the audit log, in SQLite, in Supabase and in memory.
//!
//! Each kind is a trait with at least two real implementations; one contract suite runs over all of them.

pub mod audit;
pub mod bookmarks;
pub mod delivery_log;
pub mod drafts;
pub mod invites;
pub mod local;
pub mod memory;
pub mod read_alerts;
pub mod registry;
pub mod rotated_secrets;
pub mod runs;
pub mod sessions;
pub mod state_changes;
pub mod supabase;
pub mod target;
pub mod tokens;

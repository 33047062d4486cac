//! The Supabase registry, against a real database.

mod beyond;
mod faults;
pub mod hosted;
mod migration;
pub mod parts;
pub mod postgres;
mod program;
pub mod proxy;
mod refusals;
pub mod runs;
pub mod server;
mod states;

//! The Supabase registry, against a real database.

mod contract;
mod migration;
pub mod parts;
mod proxy;

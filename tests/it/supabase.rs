//! The Supabase registry, against a real database.

mod contract;
mod migration;
mod parts;
mod proxy;

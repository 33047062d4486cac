//! The Supabase registry, against a real database.

mod contract;
mod parts;
mod proxy;

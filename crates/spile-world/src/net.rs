//! The network: Meltano's hub, public keys for login, signing in to sources, and notifications.

pub mod authorities;
mod body;
pub mod hub;
pub mod jwks;
pub mod loopback;
pub mod notify;
pub mod oauth;

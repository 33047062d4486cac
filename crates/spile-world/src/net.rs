//! The network: Meltano's hub, public keys for login, and notifications.

pub mod authorities;
pub mod hub;
pub mod jwks;
pub mod notify;

//! Notifications: to real servers on the loopback interface, from the library and from the program.

mod channels;
mod commands;
pub mod mail;
mod once;
pub mod receiver;
mod runs;
mod seen;

//! What an untrusted repository can do to its reader: nothing.

mod git;
mod modes;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod mutated;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod traced;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod watched;

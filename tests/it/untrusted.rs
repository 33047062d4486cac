//! What a stranger's repository may do to who looks at it: nothing.

mod git;
mod modes;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod mutated;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod traced;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod watched;

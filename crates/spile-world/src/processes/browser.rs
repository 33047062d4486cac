//! Opens an address in the user's browser.

use std::process::Stdio;

use crate::processes::child_environment::inheriting;

/// The program that opens an address.
const PROGRAM: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Opens an address in the user's browser. Tells whether a program took it: whether a window appears is not known.
#[must_use]
pub fn open(address: &url::Url) -> bool {
    let mut command = inheriting(PROGRAM);
    command.arg(address.as_str()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}

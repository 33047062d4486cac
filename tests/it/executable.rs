//! Scripts that a test writes and something runs at once.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes a script and makes it executable.
///
/// Another process writes it. A file that this process has open for writing is inherited, until it runs its program, by
/// every child that another test starts in that moment, and a file that anybody may write cannot be run ("text file busy").
pub fn write_script(path: &Path, text: &str) {
    let mut shell = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success(), "{}", path.display());
}

//! The program with a low limit of open files: it reports the limit, and never panics.

use std::process::{Command, Stdio};

use super::program::{Came, run};
use crate::folder::Folder;

/// Runs a command with this limit of open files, including those it starts with.
fn with_files(folder: &Folder, most: u32, line: &str) -> Option<Came> {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {most} && exec \"$0\" {line}"), env!("CARGO_BIN_EXE_spile")]);
    let came = run(shell.current_dir(folder.path()).stdin(Stdio::null()));
    // Below a few files the program cannot start: then the system's loader fails.
    (came.code != 127 && !came.notes.contains("error while loading shared libraries")).then_some(came)
}

#[test]
fn a_low_limit_of_open_files_is_a_clear_error_and_not_a_panic() {
    let folder = Folder::project();
    folder.spile("fmt").exits(0);
    let (mut refused, mut done) = (0, 0);
    for line in ["check", "plan", "plan --offline", "schema", "status", "doctor", "fmt --check"] {
        for most in (4..=20).chain([24, 32, 64]) {
            let Some(came) = with_files(&folder, most, line) else { continue };
            let all = format!("{}{}", came.out, came.notes);
            assert!(
                [0, 1].contains(&came.code) && !all.contains("panicked"),
                "{line} with {most}: {}: {all}",
                came.code
            );
            // The doctor continues with the other checks, and reports the failures.
            if came.code == 1 && line != "doctor" {
                assert!(all.contains("Too many open files"), "{line} with {most}: {all}");
            }
            refused += u32::from(came.code == 1);
            done += u32::from(came.code == 0);
        }
    }
    assert!(refused > 10 && done > 10, "{refused} were refused, {done} were done");
}

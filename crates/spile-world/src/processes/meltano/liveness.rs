//! Processes on this machine: finds out whether the spile that started a run is still alive, and ends what a run left
//! behind.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process, distinguishable from a later one that reuses its id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Identity {
    /// Its process id.
    pub id: u32,
    /// When it started, in ticks since the machine booted. Only known on Linux.
    began: Option<u64>,
}

impl Identity {
    /// Returns this process.
    pub(super) fn own() -> Self {
        let id = std::process::id();
        Self { id, began: began(id) }
    }

    /// Tells whether the process is alive.
    pub(super) fn lives(&self) -> bool {
        let id = i32::try_from(self.id).ok().and_then(Pid::from_raw);
        let is_there = id.is_some_and(|id| test_kill_process(id) != Err(rustix::io::Errno::SRCH));
        is_there && began(self.id) == self.began
    }
}

/// Returns field 22 of `/proc/<id>/stat`. Field 2, the name, is in parentheses and may contain anything.
fn began(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

/// Kills every process that was started for the run with this folder. They are recognized by `MELTANO_PROJECT_ROOT` in the
/// environment that they were started with, or by its lock file as their input: a forked process shows the environment of the
/// one that it was forked from. Without `/proc`, nothing is found or killed.
pub(super) fn kill_all_of(folder: &Path, lock: &Path) {
    let mark = [b"MELTANO_PROJECT_ROOT=", folder.as_os_str().as_encoded_bytes()].concat();
    let Ok(processes) = fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let id = process.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let Some(id) = id else { continue };
        // Processes of other users cannot be read, and are not ours.
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        // The folder of a part is inside that of its run.
        let is_of = |variable: &[u8]| variable.strip_prefix(&*mark).is_some_and(|rest| matches!(rest, [] | [b'/', ..]));
        let has_lock = || fs::read_link(process.path().join("fd/0")).is_ok_and(|input| input == lock);
        if environment.split(|byte| *byte == 0).any(is_of) || has_lock() {
            // It may have ended in the meantime.
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_alive_until_it_ends_and_its_id_alone_is_not_enough() {
        let own = Identity::own();
        assert!(own.lives());
        assert!(!Identity { began: own.began.map(|began| began + 1).or(Some(1)), ..own }.lives());
        assert!(!Identity { id: 4_000_000, began: None }.lives(), "no Linux has an id this large");
    }
}

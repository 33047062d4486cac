//! Processes of this machine: whether the spile that began a run still lives, and ending what a run left behind.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process, told apart from a later one that has its number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Identity {
    /// Its number.
    pub id: u32,
    /// When it began, in ticks since the machine did; only Linux tells.
    began: Option<u64>,
}

impl Identity {
    /// Returns this process.
    pub(super) fn own() -> Self {
        let id = std::process::id();
        Self { id, began: began(id) }
    }

    /// Tells whether it lives.
    pub(super) fn lives(&self) -> bool {
        let id = i32::try_from(self.id).ok().and_then(Pid::from_raw);
        let is_there = id.is_some_and(|id| test_kill_process(id) != Err(rustix::io::Errno::SRCH));
        is_there && began(self.id) == self.began
    }
}

/// Returns field 22 of `/proc/<id>/stat`; the name, field 2, is in parentheses and may hold anything.
fn began(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

/// Kills every process that was started for the run with that folder: each has it in its environment, as
/// `MELTANO_PROJECT_ROOT`. Where there is no `/proc` nothing is found, and nothing is killed.
pub(super) fn kill_all_of(folder: &Path) {
    let mark = [b"MELTANO_PROJECT_ROOT=", folder.as_os_str().as_encoded_bytes()].concat();
    let Ok(processes) = fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let id = process.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let Some(id) = id else { continue };
        // Those of other users cannot be read, and are not ours.
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark) {
            // It may have ended in the meantime.
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_lives_until_it_has_ended_and_its_number_is_not_enough() {
        let own = Identity::own();
        assert!(own.lives());
        assert!(!Identity { began: own.began.map(|began| began + 1).or(Some(1)), ..own }.lives());
        assert!(!Identity { id: 4_000_000, began: None }.lives(), "no Linux has so many");
    }
}

//! The machine: its name, and how many runs can run at the same time.

use std::num::NonZero;

/// The memory of a run, in bytes. Meltano itself takes a third of it, the tap and the target take the rest.
pub const MEMORY_OF_A_RUN: u64 = 400 * 1024 * 1024;

/// Returns the machine's name.
#[must_use]
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns the free memory in bytes; `None` except on Linux.
#[must_use]
pub fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Returns how many runs can run at the same time: one per processor, limited by free memory.
#[must_use]
pub fn jobs() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let room = available_memory().map(|bytes| usize::try_from(bytes / MEMORY_OF_A_RUN).unwrap_or(usize::MAX));
    processors.min(room.unwrap_or(usize::MAX)).max(1)
}

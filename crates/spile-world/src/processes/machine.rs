//! The machine: its name, and how many runs it has room for.

use std::num::NonZero;

/// What a run needs in memory: Meltano itself takes a third of it, a tap and a target the rest.
pub const MEMORY_OF_A_RUN: u64 = 400 * 1024 * 1024;

/// Returns the machine's name.
#[must_use]
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns how much memory is free, in bytes; only Linux tells.
#[must_use]
pub fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Returns how many runs the machine has room for: one for each processor, as far as memory reaches.
#[must_use]
pub fn jobs() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let room = available_memory().map(|bytes| usize::try_from(bytes / MEMORY_OF_A_RUN).unwrap_or(usize::MAX));
    processors.min(room.unwrap_or(usize::MAX)).max(1)
}

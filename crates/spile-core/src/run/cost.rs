//! What a sync took: how fast its records passed, which side the other waited for, and what its plugins used of the
//! machine.

use serde::{Deserialize, Serialize};

use crate::connector::Role;

/// Waits shorter than this are not worth a word, in milliseconds.
const NOTABLE: u64 = 1_000;

/// How the records of a sync passed from its extractor to its loader, in bytes and milliseconds, as the relay measured it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Transfer {
    /// How many bytes the loader was sent, with all kinds of messages.
    pub bytes: u64,
    /// The time from the start of the relay, when both plugins have been started, until the extractor's first byte.
    pub until_first_byte_ms: u64,
    /// The time from the first byte until the last one was passed on.
    pub passing_ms: u64,
    /// The part of that time in which the extractor had written nothing.
    pub waited_for_extractor_ms: u64,
    /// The part of that time in which the loader did not read what was there.
    pub waited_for_loader_ms: u64,
    /// The time from the last byte until the loader had ended.
    pub after_last_byte_ms: u64,
}

impl Transfer {
    /// Returns the transfer of two parts of a run side by side: all bytes, and the time of the longer one.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        let times = if self.seconds() >= other.seconds() { self } else { other };
        Self { bytes: self.bytes + other.bytes, ..times }
    }

    /// Returns how long the transfer took once it had begun, in seconds; never zero.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        seconds((self.passing_ms + self.after_last_byte_ms).max(1))
    }

    /// Returns the plugin that most of the time was spent waiting for; `None` if neither clearly was the slower one.
    #[must_use]
    pub fn slower(&self) -> Option<Role> {
        let (extractor, loader) = (self.waited_for_extractor_ms, self.waited_for_loader_ms + self.after_last_byte_ms);
        let is_most = |one: u64| one >= NOTABLE && one * 3 >= (extractor + loader) * 2;
        match (is_most(extractor), is_most(loader)) {
            (true, false) => Some(Role::Extractor),
            (false, true) => Some(Role::Loader),
            _ => None,
        }
    }
}

/// What the process of a plugin used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// The CPU time of the process and of the children that it waited for, in milliseconds.
    pub cpu_ms: u64,
    /// The most memory that it held at once, in bytes, looked at once a second; unknown on systems without `/proc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}

impl Usage {
    /// Returns what the processes of two parts used together, at most at once.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        let peak_bytes = match (self.peak_bytes, other.peak_bytes) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        Self { cpu_ms: self.cpu_ms + other.cpu_ms, peak_bytes }
    }
}

/// Returns milliseconds as seconds.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a run of 2^53 milliseconds has not ended")]
pub fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_side_by_side_take_as_long_as_the_longest_and_use_what_all_use() {
        let of = |bytes, passing_ms| Transfer { bytes, passing_ms, ..Transfer::default() };
        assert_eq!(of(1, 500).beside(of(2, 900)), of(3, 900));
        assert_eq!(of(2, 900).beside(of(1, 500)), of(3, 900));
        let used = |cpu_ms, peak_bytes| Usage { cpu_ms, peak_bytes };
        assert_eq!(used(1, Some(10)).beside(used(2, Some(20))), used(3, Some(30)));
        assert_eq!(used(1, None).beside(used(2, Some(20))), used(3, Some(20)));
    }

    #[test]
    fn the_slower_side_is_named_only_if_it_clearly_is() {
        let waited = |extractor, loader, after| {
            let transfer = Transfer {
                waited_for_extractor_ms: extractor,
                waited_for_loader_ms: loader,
                after_last_byte_ms: after,
                ..Transfer::default()
            };
            transfer.slower()
        };
        assert_eq!(waited(9_000, 1_000, 0), Some(Role::Extractor));
        assert_eq!(waited(1_000, 1_000, 3_000), Some(Role::Loader));
        assert_eq!(waited(5_000, 4_000, 0), None);
        assert_eq!(waited(900, 0, 10), None, "too short to matter");
        assert_eq!(waited(0, 0, 0), None);
    }
}

//! What open pages follow.

/// Numbers that change when what pages show changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulse {
    /// That of the runs. While one is active, it changes each second, because its log grows.
    pub runs: u64,
    /// That of the alerts.
    pub alerts: u64,
    /// Counts the steps of tests of drafts.
    pub drafts: u64,
}

//! Guards: a plan with an unusual number of changes, or an expensive resync, must be acknowledged with the exact number.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Action, Plan};
use crate::settings::Guard;

/// The number of integrations from which the share of changes is limited; octoDNS has the same limit.
const FEW: usize = 10;

/// A limit that a plan exceeds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Breach {
    /// Too many deletions or changes.
    Share {
        /// What there is too much of.
        action: Action,
        /// How many.
        count: usize,
        /// Of how many.
        of: usize,
        /// The most that passes, in percent.
        max_percent: u8,
    },
    /// Resyncs that read too much, or take too long.
    Resync {
        /// How many integrations are read again.
        resyncs: usize,
        /// How many rows they read, and the most that passes; omitted if rows are not the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<Excess>,
        /// How many seconds the longest takes, and the most that passes; omitted if time is not the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<Excess>,
    },
}

/// More than passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub struct Excess {
    /// How much it is.
    pub found: u64,
    /// The most that passes.
    pub most: u64,
}

impl Excess {
    fn over(found: u64, most: Option<u64>) -> Option<Self> {
        most.filter(|most| found > *most).map(|most| Self { found, most })
    }
}

impl Breach {
    /// Returns the option of apply that acknowledges it.
    #[must_use]
    pub fn lifted_by(&self) -> String {
        let (what, count) = match self {
            Self::Share { action: Action::Delete, count, .. } => ("delete", count),
            Self::Share { action: Action::Create | Action::Update, count, .. } => ("change", count),
            Self::Resync { resyncs, .. } => ("resync", resyncs),
        };
        format!("--allow {what}={count}")
    }
}

/// What the user acknowledged, as exact numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Deletions.
    pub delete: Option<usize>,
    /// Changes.
    pub change: Option<usize>,
    /// Integrations that are read again.
    pub resync: Option<usize>,
    /// Edits by hand that are overwritten in `meltano.yml`.
    pub overwrite: Option<usize>,
}

impl Plan {
    /// Returns the limits that the plan exceeds and the allowance does not lift.
    #[must_use]
    pub fn breaches(&self, guard: Guard, allowance: Allowance) -> Vec<Breach> {
        let summary = self.summary();
        let share = |count: usize, percent: u8| count * 100 > self.existing * usize::from(percent);
        let deletes = summary.delete > 1 || share(summary.delete, guard.max_delete_percent);
        let changes = self.existing >= FEW && share(summary.update, guard.max_change_percent);
        let breach = |action, count, max_percent| Breach::Share { action, count, of: self.existing, max_percent };
        let mut breaches = Vec::new();
        if deletes && allowance.delete != Some(summary.delete) {
            breaches.push(breach(Action::Delete, summary.delete, guard.max_delete_percent));
        }
        if changes && allowance.change != Some(summary.update) {
            breaches.push(breach(Action::Update, summary.update, guard.max_change_percent));
        }
        let resyncs = self.findings.prices.len();
        breaches.extend(self.expensive_resyncs(guard).filter(|_| allowance.resync != Some(resyncs)));
        breaches
    }

    /// Returns whether the resyncs of the plan cost too much. What no run has told is not counted: the plan shows it.
    fn expensive_resyncs(&self, guard: Guard) -> Option<Breach> {
        let prices = &self.findings.prices;
        let longest = prices.values().filter_map(|price| Duration::try_from_secs_f64(price.seconds()?).ok()).max();
        let rows = Excess::over(prices.values().map(super::Price::rows).sum(), guard.max_resync_rows);
        let most = guard.max_resync_time.map(|most| most.as_secs());
        let seconds = Excess::over(longest.unwrap_or_default().as_secs(), most);
        (rows.is_some() || seconds.is_some()).then_some(Breach::Resync { resyncs: prices.len(), rows, seconds })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::slice;

    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::plan::tests::{current, id, plan};
    use crate::plan::{Findings, Price, StreamPrice};

    fn priced(prices: &[(u64, f64)]) -> Plan {
        let price = |(number, (rows, seconds)): (usize, &(u64, f64))| {
            let (run, read_at) = (Uuid::nil(), Timestamp::UNIX_EPOCH);
            let stream = StreamPrice { rows: *rows, seconds: Some(*seconds), calls: None, run, read_at };
            let streams = BTreeMap::from([("orders".to_owned(), stream)]);
            let price = Price { streams, unknown: ["refunds".to_owned()].into(), starts_at: None, calls_per_day: None };
            (id(number as u128 + 1), price)
        };
        let prices = prices.iter().enumerate().map(price).collect();
        plan(&current(&[], &[]), &[], &[]).with(Findings { prices, ..Findings::default() })
    }

    #[test]
    fn resyncs_that_cost_too_much_must_be_acknowledged_by_their_number() {
        let guard =
            Guard { max_resync_rows: Some(100), max_resync_time: Some(Duration::from_mins(1)), ..Guard::default() };
        let breaches = |prices: &[(u64, f64)], resync| {
            priced(prices).breaches(guard, Allowance { resync, ..Allowance::default() })
        };
        assert_eq!(breaches(&[(60, 60.0), (40, 60.9)], None), [], "exactly as much as passes");
        let rows = Some(Excess { found: 101, most: 100 });
        let too_many = Breach::Resync { resyncs: 2, rows, seconds: None };
        assert_eq!(breaches(&[(60, 1.0), (41, 1.0)], None), slice::from_ref(&too_many));
        assert_eq!(breaches(&[(60, 1.0), (41, 1.0)], Some(1)), slice::from_ref(&too_many));
        assert_eq!(breaches(&[(60, 1.0), (41, 1.0)], Some(2)), []);
        assert_eq!(too_many.lifted_by(), "--allow resync=2");
        let seconds = Some(Excess { found: 61, most: 60 });
        assert_eq!(breaches(&[(1, 61.0)], None), [Breach::Resync { resyncs: 1, rows: None, seconds }]);
        assert_eq!(priced(&[(1_000_000, 1e9)]).breaches(Guard::default(), Allowance::default()), []);
    }
}

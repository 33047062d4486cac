//! What a run reads: which streams, from where on, and because of which choices.

use super::job::Job;
use super::{From, OldRows};
use crate::Error;
use spile_core::run::carried_out::{CHANGES, Upcoming};
use spile_core::run::{CarriedOut, Details, Run, RunKind, StreamFilter};
use spile_world::stores::state_changes::StateChanges;

impl Job {
    /// Returns what the run was asked to read, as its record keeps it.
    pub(super) fn requested(&self) -> Details {
        let (range, since) = match &self.options.from {
            From::Range { range, .. } => (Some(*range), None),
            From::Moment(moment) => (None, Some(*moment)),
            From::Bookmark | From::Beginning => (None, None),
        };
        let reset = self.options.old_rows == OldRows::Remove;
        Details { filter: self.filter(), range, since, reset, ..Details::default() }
    }

    /// Returns the streams to read. If only some streams start from the beginning, they are read without their bookmarks,
    /// because Meltano's own full refresh would also delete the bookmarks of the others.
    fn filter(&self) -> StreamFilter {
        let filter = self.options.streams.clone();
        match (self.kind, &self.options.from) {
            (RunKind::Test, _) => StreamFilter::default(),
            (RunKind::Sync, From::Beginning | From::Moment(_)) if !filter.only.is_empty() => {
                StreamFilter { refresh: vec!["*".to_owned()], ..filter }
            }
            (RunKind::Sync, _) => filter,
        }
    }

    /// Returns the choices of applies that the run carries out. A full refresh carries out none: it reads everything anyway.
    pub(super) async fn choices(&self, run: &Run) -> Result<Vec<CarriedOut>, Error> {
        if run.kind != RunKind::Sync || !run.is_live() || run.full_refresh {
            return Ok(Vec::new());
        }
        let changes = StateChanges::of(&self.world).newest(run.integration, &run.environment, CHANGES).await?;
        Ok(Upcoming { filter: &run.details.filter, earlier: self.known().await?, changes: &changes }.choices())
    }
}

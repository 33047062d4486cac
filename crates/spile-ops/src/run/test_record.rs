//! The test of a source, and what it shows of the record that it reads.

use tokio::sync::watch;

use super::job::Job;
use crate::Event;
use spile_core::run::preview::Preview;
use spile_world::processes::meltano::{Finished, Request, RunError};

/// What a test of a source shows of the record that it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestRecord {
    /// Nothing.
    Discarded,
    /// The record, masked, as an event.
    Shown,
}

impl Job {
    /// Reads one record from the source.
    pub(super) async fn test(
        &self,
        request: &Request,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<Finished, RunError> {
        match self.options.test_record {
            TestRecord::Discarded => self.world.meltano.test(request, interrupt).await,
            TestRecord::Shown => self.test_shown(request, interrupt).await,
        }
    }

    async fn test_shown(&self, request: &Request, interrupt: &mut watch::Receiver<bool>) -> Result<Finished, RunError> {
        let slug = self.integration.slug.clone();
        let (events, reading) = (self.events.clone(), Event::Reading { slug: slug.clone() });
        // The receiver is gone only if the operation itself has ended.
        let on_first = Box::new(move || drop(events.send(reading)));
        let read = self.world.meltano.first_record(request, on_first, interrupt).await?;
        self.tell(Event::ReadRecord { slug, preview: Preview::read(&read.messages) });
        Ok(Finished::without_records(read.outcome))
    }
}

//! Moves the records of a sync: with one process, or with several that read its streams side by side.

use std::ops::ControlFlow;
use std::sync::PoisonError;

use super::division::Division;
use super::ended::{Attempt, kept, rotated_kept};
use super::job::Job;
use super::side_by_side::Divided;
use crate::secrets::rotated;
use crate::{Error, Event};
use spile_core::integration::batch::OneByOne;
use spile_core::run::Run;
use spile_core::run::finding::Finding;
use spile_world::processes::meltano::{Finished, Progress, Request, Transport};

/// What happened before one process reads all streams.
#[derive(Default)]
struct Before {
    earlier: Vec<Finished>,
    findings: Vec<Finding>,
}

impl Job {
    /// Moves the records of a sync, and keeps its bookmarks.
    pub(super) async fn sync(&self, run: &Run, request: &mut Request) -> Result<Attempt, Error> {
        self.choose_transport(request)?;
        let broker = self.give_bookmarks(run, request).await?;
        let attempt = self.transfer(run, request).await?;
        let Some(broker) = broker else { return Ok(attempt) };
        let stored = broker.finish().await;
        if stored.is_err() {
            // Bookmarks are missing, so a retry reads the parts again that had come to their end.
            self.parts.lock().unwrap_or_else(PoisonError::into_inner).read.clear();
        }
        Ok(Attempt { finished: kept(stored, attempt.finished), ..attempt })
    }

    async fn transfer(&self, run: &Run, request: &mut Request) -> Result<Attempt, Error> {
        let Before { earlier, findings } = match Box::pin(self.in_parts(run, request)).await? {
            ControlFlow::Break(attempt) => return Ok(attempt),
            ControlFlow::Continue(before) => before,
        };
        let finished = Box::pin(self.with_one_process(run, request)).await?;
        Ok(Attempt { earlier, finished, findings })
    }

    /// Has several processes read the streams, unless one has to read them all.
    async fn in_parts(&self, run: &Run, request: &mut Request) -> Result<ControlFlow<Attempt, Before>, Error> {
        let (Division::Parts(parts, findings), Some(hold)) = (self.division(run, request).await?, request.hold.clone())
        else {
            return Ok(ControlFlow::Continue(Before::default()));
        };
        let Divided { results, indivisible } = self.read_side_by_side(run, request, &hold, parts).await?;
        let mut earlier = Vec::from_iter(results.earlier);
        let Some(why) = indivisible else {
            return Ok(ControlFlow::Break(Attempt { earlier, finished: results.last, findings }));
        };
        self.note(request, &format!("one process reads all streams: {why}"))?;
        earlier.push(results.last);
        Ok(ControlFlow::Continue(Before { earlier, findings }))
    }

    /// Has the records pass in batches, if the files ask for it and nothing prevents it. Otherwise the log says why not.
    fn choose_transport(&self, request: &mut Request) -> Result<(), Error> {
        let declared = self.integration.at(&self.options.environment);
        if !declared.batch.unwrap_or(self.loaded.settings.sync.batch) {
            return Ok(());
        }
        let by_files =
            self.loader().and_then(|loader| OneByOne::of(&self.integration, loader, Some(&self.options.environment)));
        let resets = request.reset.is_some().then(|| "the loader removes old rows".to_owned());
        if let Some(why) = by_files.map(|reason| reason.to_string()).or(resets) {
            return self.note(request, &format!("records pass one by one, and not in batches: {why}"));
        }
        request.transport = Transport::Batches;
        Ok(())
    }

    async fn with_one_process(&self, run: &Run, request: &Request) -> Result<Finished, Error> {
        let mut tell = |progress| {
            let Progress::Records { stream, records } = progress;
            self.tell(Event::Records { slug: run.slug.clone(), stream, records });
        };
        let of = rotated::of(&self.integration, &self.options.environment);
        let mut interrupt = self.options.interrupt.clone();
        let running = self.world.meltano.run(request, &mut interrupt, &mut tell);
        let (finished, sent) = rotated::sending(&self.world, &of, run.id, running).await;
        Ok(rotated_kept(sent, finished?))
    }
}

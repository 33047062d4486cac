//! Decides whether the streams of a sync are read side by side, and by which parts.

use std::sync::PoisonError;

use super::From;
use super::job::Job;
use crate::Error;
use crate::discover::DiscoverError;
use spile_core::discovered::tables::taken;
use spile_core::discovered::{self, Rules, Stream, can_select};
use spile_core::integration::check::environment_variable;
use spile_core::integration::streams::OneProcess;
use spile_core::run::Run;
use spile_core::run::finding::{Finding, old_catalog};
use spile_core::run::parts::{Part, SelectedStream, UsualRecords, divide};
use spile_world::files::io_error::IoError;
use spile_world::processes::meltano::{Catalog, Request, RunError};

/// The replication method of streams that are read from the log of a database.
const LOG_BASED: &str = "LOG_BASED";

/// How the streams of a sync are read.
pub(super) enum Division {
    /// By one process, as always.
    One,
    /// By one process for each part. The findings are those of a discovery for it.
    Parts(Vec<Part>, Vec<Finding>),
}

impl Job {
    /// Divides the streams of a sync, if the files ask for it and nothing prevents it. Otherwise the log says why not.
    pub(super) async fn division(&self, run: &Run, request: &mut Request) -> Result<Division, Error> {
        let declared = self.integration.at(&self.options.environment);
        let wanted = usize::from(declared.streams.unwrap_or(self.loaded.settings.sync.streams));
        if wanted < 2 {
            return Ok(Division::One);
        }
        let so_far = self.parts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(why) = so_far.indivisible.or_else(|| self.indivisible(run, request)) {
            return self.in_one_process(request, &why);
        }
        let offered = match self.offered_streams(request).await {
            Err(Error::Discover(DiscoverError::SecretNames { .. })) => {
                return self.in_one_process(request, "the names of streams or fields contain a secret");
            }
            offered => offered?,
        };
        let selected = self.selected(request, &offered.streams);
        let unread: Vec<SelectedStream> =
            selected.iter().filter(|stream| !so_far.read.contains(&stream.name)).cloned().collect();
        // If all of them were read, the attempt failed for another reason.
        let selected = if unread.is_empty() { selected } else { unread };
        let most = wanted.min(self.options.places.count());
        let parts = divide(selected, &UsualRecords::of(self.known().await?), most);
        if parts.len() < 2 && so_far.read.is_empty() {
            return self.in_one_process(request, "there is nothing to divide");
        }
        Ok(Division::Parts(parts, offered.findings))
    }

    /// Returns why one process reads all streams.
    fn indivisible(&self, run: &Run, request: &Request) -> Option<String> {
        let loader = self.loader()?;
        if let Some(reason) = OneProcess::of(&self.integration, loader) {
            return Some(reason.to_string());
        }
        let has_rotated = request.rotating.as_ref().is_some_and(|rotating| !rotating.previous.is_empty());
        let reasons = [
            (!can_select(&self.integration), "the extractor cannot be asked for some of its streams"),
            (!matches!(self.options.from, From::Bookmark), "the run does not continue from its bookmarks"),
            (!run.details.filter.is_default(), "the run is asked for some of its streams"),
            (request.reset.is_some(), "the loader removes old rows"),
            (!request.mappers.is_empty(), "the records pass through mappers"),
            (has_rotated, "the source has changed a secret in an earlier run"),
            (self.options.places.count() < 2, "one run at a time is allowed"),
        ];
        reasons.into_iter().find(|(applies, _)| *applies).map(|(_, why)| why.to_owned())
    }

    fn in_one_process(&self, request: &Request, why: &str) -> Result<Division, Error> {
        self.note(request, &format!("one process reads all streams: {why}"))?;
        Ok(Division::One)
    }

    /// Writes a line into the log of the run.
    pub(super) fn note(&self, request: &Request, text: &str) -> Result<(), Error> {
        let log = self.world.meltano.log(request)?;
        Ok(log.note(text).map_err(IoError::of("write", &request.log)).map_err(RunError::from)?)
    }

    /// Returns what the source offers, and gives the request the same catalog.
    async fn offered_streams(&self, request: &mut Request) -> Result<OfferedStreams, Error> {
        if let Catalog::Given(catalog) = &request.catalog
            && let Ok(streams) = discovered::read(catalog)
        {
            return Ok(OfferedStreams { streams, findings: Vec::new() });
        }
        let offered = self.offered().await?;
        request.catalog = offered.catalog;
        let finding = offered.failed.map(|reason| old_catalog(&reason, &self.loaded.settings.sync));
        Ok(OfferedStreams { streams: offered.discovered.streams, findings: Vec::from_iter(finding) })
    }

    /// Returns the selected streams.
    fn selected(&self, request: &Request, offered: &[Stream]) -> Vec<SelectedStream> {
        let mut declared = self.integration.at(&self.options.environment).clone();
        // A run that leaves out changes of its source has a selection of its own.
        let own = request.settings.get(&environment_variable(&request.extractor, "_select"));
        if let Some(Ok(select)) = own.map(|text| serde_json::from_str(text)) {
            declared.select = select;
        }
        let by_default = self.integration.connector.metadata.values();
        let is_log_by_default =
            by_default.filter_map(|rule| rule.get("replication-method")).any(|method| *method == LOG_BASED);
        let method = |stream: &Stream| match declared.replication_method(&stream.name) {
            Some(method) => method == LOG_BASED,
            None => is_log_by_default || stream.replication_method.as_deref() == Some(LOG_BASED),
        };
        let streams = taken(offered, &Rules::of(&self.integration, &declared));
        let of = |stream: &Stream| SelectedStream {
            name: stream.name.clone(),
            sent_as: stream.sent().to_owned(),
            is_from_log: method(stream),
        };
        streams.into_iter().map(of).collect()
    }
}

/// What a source offers, and what was found when it was asked.
struct OfferedStreams {
    streams: Vec<Stream>,
    findings: Vec<Finding>,
}

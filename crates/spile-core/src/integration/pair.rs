//! The two ends of a sync, as a file names them.

use super::{Draft, Integration, Integrations};
use crate::connector::Role;

/// An extractor and its loader.
pub(super) struct Pair<'a> {
    pub(super) extractor: &'a Integration,
    pub(super) loader: &'a Integration,
}

impl<'a> Pair<'a> {
    /// Returns the extractor that a file declares, with the loader that applies in it; `None` if the file declares a loader, or
    /// if one of the two has problems of its own.
    pub(super) fn of(draft: &Draft, all: &'a Integrations) -> Option<Self> {
        let extractor = all.find(draft.slug.as_str()).filter(|one| one.role() == Role::Extractor)?;
        let loader = extractor.declared(draft.environment.as_ref()).loader.as_ref()?;
        Some(Self { extractor, loader: all.find(loader.as_str())? })
    }
}

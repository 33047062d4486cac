//! Errors that spile itself raises while it works with files. They pass through code that only knows I/O errors, and
//! are shown with their own code and help.

use std::io;

use miette::Diagnostic;

use crate::files::own_folder::NotOwn;
use crate::files::process_lock::Busy;
use crate::files::project::BadJournal;

/// A refusal that travels inside an [`io::Error`].
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum FileRefusal {
    /// A folder or a file does not belong to this user.
    #[error(transparent)]
    #[diagnostic(transparent)]
    NotOwn(#[from] NotOwn),
    /// Another process is working.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Busy(#[from] Busy),
    /// A journal breaks a rule.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Journal(#[from] BadJournal),
}

impl FileRefusal {
    /// Finds the refusal that caused an error.
    #[must_use]
    pub fn behind<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let of_io = |error: &'a (dyn std::error::Error + 'static)| {
            error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<Self>()
        };
        std::iter::successors(Some(error), |error| error.source()).find_map(of_io)
    }
}

impl From<FileRefusal> for io::Error {
    fn from(refusal: FileRefusal) -> Self {
        Self::other(refusal)
    }
}

impl From<NotOwn> for io::Error {
    fn from(not_own: NotOwn) -> Self {
        FileRefusal::from(not_own).into()
    }
}

impl From<Busy> for io::Error {
    fn from(busy: Busy) -> Self {
        FileRefusal::from(busy).into()
    }
}

impl From<BadJournal> for io::Error {
    fn from(bad: BadJournal) -> Self {
        FileRefusal::from(bad).into()
    }
}

//! Targets: places that hold applied configuration. They are read as a whole and written in steps.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;
use miette::Diagnostic;

use crate::SupabaseError;
use crate::files::door::Shut;
use crate::files::io_error::IoError;
use crate::files::project::FileError;
use spile_core::name::{IntegrationId, Slug};
use spile_core::plan::{Snapshot, State, Step};
use spile_core::record::{self, Record};

/// A place that holds applied configuration. One contract suite runs against every implementation.
#[async_trait]
pub trait Target: Send + Sync {
    /// What it stores for one integration.
    type Record: Record;

    /// Reads everything. Creates nothing, even if there is nothing yet.
    async fn read(&self) -> Result<Snapshot<Self::Record>, TargetError>;

    /// Tells the target what a document contains, known from rendering it, or which records it may contain. When the
    /// target finds exactly this, it does not need to parse it.
    fn learn(&self, _document: &<Self::Record as Record>::Document, _holds: &State<Self::Record>) {}

    /// Records the current content as last applied, provided that it equals this document. For an apply that has
    /// nothing to do, because an earlier one was killed after it wrote.
    async fn settle(&self, _document: &<Self::Record as Record>::Document) -> Result<(), TargetError> {
        Ok(())
    }

    /// Carries out a step as a whole, or refuses it as stale if the target has changed since it was read.
    async fn write(&self, step: &Step<Self::Record>, origin: &Origin) -> Result<(), TargetError>;
}

/// Where a change comes from, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The plan's id.
    pub plan: String,
    /// Who applies it.
    pub actor: String,
    /// The commit of the files, if they are in git.
    pub commit: Option<String>,
    /// When it is applied.
    pub at: Timestamp,
    /// The text of `meltano.yml` that is written with it; `None` if that file does not change.
    pub rendered: Option<String>,
}

/// Why a target could not be read or written.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum TargetError {
    /// The target has changed since it was read.
    #[error("{target} has changed since the plan was made")]
    #[diagnostic(code(spile::plan::stale), help("run `spile plan` again and review the differences"))]
    Stale {
        /// The target.
        target: record::Target,
    },
    /// Others changed the record of sent notifications at every attempt to write it.
    #[error("the record of sent notifications is in use")]
    #[diagnostic(
        code(spile::notify::in_use),
        help("the next run tries again; if this happens often, run `spile notify send` on one machine only")
    )]
    AlertsInUse,
    /// A file that spile did not render is in the way.
    #[error("`{}` was not rendered by spile", path.display())]
    #[diagnostic(
        code(spile::meltano_yml::foreign),
        help("run `spile import` to adopt it, or move it away and run `spile apply` again; nothing was written")
    )]
    Foreign {
        /// The file, relative to the project.
        path: PathBuf,
    },
    /// An output has changed since it was read.
    #[error("`{}` has changed since the plan was made", path.display())]
    #[diagnostic(code(spile::plan::stale), help("run `spile plan` again and review the differences"))]
    StaleOutput {
        /// The file, relative to the project.
        path: PathBuf,
    },
    /// A file that spile did not render is at the path of an output.
    #[error("`{}` was not rendered by spile", path.display())]
    #[diagnostic(
        code(spile::output::foreign),
        help("move it away, or set another `path` for the output in `spile.toml`; nothing was written")
    )]
    ForeignOutput {
        /// The file, relative to the project.
        path: PathBuf,
    },
    /// A file that spile rendered can no longer be read.
    #[error("`{}` cannot be read: {message}", path.display())]
    #[diagnostic(
        code(spile::meltano_yml::unreadable),
        help("it was edited by hand: restore it from git, or delete it and run `spile apply` to render it again")
    )]
    Unreadable {
        /// The file, relative to the project.
        path: PathBuf,
        /// The parser's message.
        message: String,
    },
    /// The file system refuses.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Io(#[from] IoError),
    /// A file leads out of the project, or is not a file.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
    /// The local registry refused.
    #[error("the local registry `{}` cannot be used", path.display())]
    #[diagnostic(code(spile::registry::local), help("{}", sqlite_help(source)))]
    Local {
        /// The database file.
        path: PathBuf,
        /// The cause.
        source: rusqlite::Error,
    },
    /// The local registry was created by a newer program.
    #[error("the local registry `{}` has version {found}, but this program supports only {known}", path.display())]
    #[diagnostic(code(spile::registry::version), help("use the version of spile that created it, or a newer one"))]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that this program supports.
        known: i64,
    },
    /// A row of this project has content that cannot be read.
    #[error("the row `{id}` of the registry cannot be read: {message}")]
    #[diagnostic(code(spile::registry::row), help("fix or delete the row; `spile apply` writes it again"))]
    Row {
        /// The row's id.
        id: String,
        /// The cause.
        message: String,
    },
    /// The id belongs to a row of another project or to an unmanaged row.
    #[error("the ID of `{slug}` ({id}) is already used in the registry by {owner}")]
    #[diagnostic(
        code(spile::registry::owned),
        help(
            "set another `id` for `{slug}`, because spile never changes rows of other projects; adopt an unmanaged row with `--adopt {slug}`"
        )
    )]
    Owned {
        /// The integration that should be created.
        slug: Slug,
        /// Its id.
        id: IntegrationId,
        /// The owner of the row, as a phrase.
        owner: String,
    },
    /// The hosted registry refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Supabase(#[from] SupabaseError),
    /// A test made the in-memory target fail.
    #[error("the target in memory was asked to fail")]
    #[diagnostic(code(spile::registry::memory), help("try again"))]
    Told,
}

impl TargetError {
    /// Tells whether the error is temporary: a registry that is unreachable or busy.
    #[must_use]
    pub fn is_of_the_moment(&self) -> bool {
        match self {
            Self::Supabase(error) => error.is_of_the_moment(),
            Self::Local { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
            ),
            Self::Stale { .. } | Self::StaleOutput { .. } | Self::AlertsInUse | Self::Told => true,
            Self::Foreign { .. }
            | Self::ForeignOutput { .. }
            | Self::Unreadable { .. }
            | Self::Io(_)
            | Self::File(_)
            | Self::Newer { .. }
            | Self::Row { .. }
            | Self::Owned { .. } => false,
        }
    }

    /// Explains why a file of the project cannot be read or written.
    pub(crate) fn of_file(doing: &'static str, path: &Path, why: Shut) -> Self {
        match why {
            Shut::Io(source) => IoError::of(doing, path)(source).into(),
            why => FileError::new(path, why).into(),
        }
    }

    /// Explains that an id is taken, and names the owner.
    pub(crate) fn owned(slug: Slug, id: IntegrationId, owner: Option<&str>) -> Self {
        let owner = owner.map_or("an unmanaged row".to_owned(), |owner| format!("the project `{owner}`"));
        Self::Owned { slug, id, owner }
    }
}

fn sqlite_help(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            "another spile process is writing to it: wait until it ends and try again"
        }
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            "the file is damaged: move it away, and `spile apply` creates a new one from the files"
        }
        Some(rusqlite::ErrorCode::DiskFull) => "free some disk space and try again; nothing is half-written",
        Some(
            rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::PermissionDenied,
        ) => "check the owner and the permissions of `.spile/`",
        _ => "run `spile doctor`",
    }
}

//! Why a state is not shown or changed.

use miette::Diagnostic;
use uuid::Uuid;

use spile_core::name::Slug;
use spile_core::state::StateMistake;
use spile_world::NotRemembered;
use spile_world::stores::supabase::NotKept;

/// Why a state is not shown or changed.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum StateError {
    /// The change makes no sense.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Mistake(#[from] StateMistake),
    /// A run has it.
    #[error("the state of `{slug}` is in use: {busy}")]
    #[diagnostic(
        code(spile::state::busy),
        help("wait until the run has ended, or stop it, and try again; nothing was written")
    )]
    Busy {
        /// The integration.
        slug: Slug,
        /// Who has it, as a sentence.
        busy: String,
    },
    /// A plan has no resync of a stream.
    #[error("the plan reads no stream `{stream}` again")]
    #[diagnostic(
        code(spile::state::no_resync),
        help(
            "name streams of integrations that the plan marks with `resync` or `full refresh`, or use `spile state clear`; nothing was applied"
        )
    )]
    NoResync {
        /// The stream.
        stream: String,
    },
    /// A stream cannot go forward without being read again.
    #[error("`{stream}` cannot go forward only: {why}")]
    #[diagnostic(
        code(spile::choice::nothing),
        help(
            "choose streams for which the plan says `resync`; to read one from a date, use `--backfill STREAM=DATE`; nothing was applied"
        )
    )]
    NoForward {
        /// The stream.
        stream: String,
        /// Why.
        why: &'static str,
    },
    /// Somebody chose two things for a stream.
    #[error("more than one choice was made for `{stream}`")]
    #[diagnostic(
        code(spile::choice::twice),
        help("use only one of `--forward-only`, `--backfill` and `--resync` for a stream; nothing was applied")
    )]
    ChosenTwice {
        /// The stream.
        stream: String,
    },
    /// A backfill would begin after the bookmark, so rows in between would be missing.
    #[error("the bookmark of `{stream}` in `{slug}` is `{present}`, which is earlier than the backfill date `{date}`")]
    #[diagnostic(
        code(spile::choice::later),
        help("use an earlier date, or leave the stream out: the next sync reads everything since its bookmark anyway")
    )]
    Later {
        /// The stream.
        stream: String,
        /// The integration.
        slug: Slug,
        /// The bookmark's value.
        present: String,
        /// The date.
        date: String,
    },
    /// It is no longer what was shown.
    #[error("the state of `{slug}` has changed since the plan was shown")]
    #[diagnostic(code(spile::state::changed), help("run the command again to see the new plan; nothing was written"))]
    Changed {
        /// The integration.
        slug: Slug,
    },
    /// What is kept cannot be read.
    #[error("the state of `{slug}` cannot be read: {why}")]
    #[diagnostic(
        code(spile::state::unreadable),
        help(
            "restore an earlier one with `spile state restore {slug} --to RUN`, or remove it with `spile state clear {slug}`"
        )
    )]
    Unreadable {
        /// The integration.
        slug: Slug,
        /// Why.
        why: String,
    },
    /// There is no state to work on.
    #[error("`{slug}` has no state in this environment")]
    #[diagnostic(
        code(spile::state::none),
        help(
            "run `spile sync {slug}`, unless its tap keeps no state, or restore an earlier one: `spile state history {slug}` lists them"
        )
    )]
    None {
        /// The integration.
        slug: Slug,
    },
    /// There is no such run or change.
    #[error("there is no run and no change of a state with the ID `{id}`{}", of.as_ref().map(|slug| format!(" for `{slug}`")).unwrap_or_default())]
    #[diagnostic(code(spile::state::unknown), help("{help}"))]
    Unknown {
        /// What was asked for.
        id: String,
        /// The integration, where it has to be one's.
        of: Option<Slug>,
        /// Where to look.
        help: String,
    },
    /// Several begin so.
    #[error("more than one run or change of a state has an ID that starts with `{id}`")]
    #[diagnostic(code(spile::state::ambiguous), help("use more characters of the ID"))]
    Ambiguous {
        /// What was asked for.
        id: String,
    },
    /// A run's state was not kept.
    #[error("the state {side} run {run} was not kept: {why}")]
    #[diagnostic(
        code(spile::state::not_kept),
        help("choose another run: `spile state history SLUG` lists those whose state was kept; nothing was written")
    )]
    NotKept {
        /// The run.
        run: Uuid,
        /// `before` or `after`.
        side: &'static str,
        /// Why.
        why: &'static str,
    },
    /// The state is another tap's.
    #[error("the state is of `{found}`, but `{slug}` runs `{wanted}`")]
    #[diagnostic(
        code(spile::state::other_tap),
        help(
            "every tap writes its own kind of state: take one from an integration of the same tap; nothing was written"
        )
    )]
    OtherTap {
        /// The integration that should get it.
        slug: Slug,
        /// The tap that wrote it.
        found: String,
        /// The tap that would read it.
        wanted: String,
    },
    /// What should be imported is no export.
    #[error("the file is not an export of states: {why}")]
    #[diagnostic(code(spile::state::document), help("use a file that `spile state export` wrote; nothing was written"))]
    Document {
        /// What is wrong with it.
        why: String,
    },
    /// An export is of another environment or knows another integration.
    #[error("the export has no state of {what}")]
    #[diagnostic(code(spile::state::not_exported), help("{help}"))]
    NotExported {
        /// What was asked for.
        what: String,
        /// What it has.
        help: String,
    },
    /// The place of the state does not take it.
    #[error("the state of `{slug}` cannot be written")]
    #[diagnostic(code(spile::state::not_written), help("run `spile doctor` and try again; the state is what it was"))]
    NotWritten {
        /// The integration.
        slug: Slug,
        /// Why.
        source: NotRemembered,
    },
}

impl StateError {
    /// Says that the registry does not take a state.
    pub(super) fn not_kept(slug: &Slug) -> impl FnOnce(NotKept) -> Self {
        let slug = slug.clone();
        |why| match why {
            NotKept::Version { .. } => Self::Changed { slug },
            why @ (NotKept::Lease | NotKept::Registry(_)) => Self::NotWritten { slug, source: why.into() },
        }
    }
}

//! `spile sync --from --to`

use jiff::Timestamp;

use super::Output;
use super::times::moment;
use spile_core::run::TimeRange;
use spile_core::run::backfill::PieceLength;
use spile_ops::Error;
use spile_ops::backfill::{Backfill, BackfillRequest, Reach, WhenDone};
use spile_view as view;

/// A range of time to read again, in pieces
#[derive(Debug, Clone, clap::Args)]
pub struct RangeArgs {
    /// Read a range of time again, from this moment on; the bookmark stays unchanged
    #[arg(long, value_name = "DATE", value_parser = moment, requires_all = ["to", "words"], conflicts_with_all = ["full_refresh", "since", "take_bookmark"])]
    from: Option<Timestamp>,
    /// The end of the range, which is not part of it; a tap without a setting for an end reads on, after a question
    #[arg(long, value_name = "DATE", value_parser = moment, requires = "from")]
    to: Option<Timestamp>,
    /// Read the range in pieces of this length, each in a run of its own: like `12h`, `7d` or `2w`
    #[arg(long, value_name = "TIME", requires = "from")]
    step: Option<PieceLength>,
    /// Read all pieces, also those that an earlier run has read
    #[arg(long, requires = "from")]
    again: bool,
    /// Skip the question if the tap cannot stop at the end of the range
    #[arg(short, long, requires = "from")]
    yes: bool,
}

impl RangeArgs {
    /// Returns the backfill that is asked for, if there is one.
    pub(super) fn request(&self) -> Option<BackfillRequest> {
        let range = TimeRange { from: self.from?, to: self.to? };
        let when_done = if self.again { WhenDone::ReadAgain } else { WhenDone::Skip };
        Some(BackfillRequest { range, length: self.step, when_done })
    }

    /// Says what will be read, and asks if that is more than the range.
    pub(super) fn agree(&self, backfills: &[Backfill], output: &mut Output) -> Result<(), Error> {
        for backfill in backfills {
            output.note(&format!("{}\n", view::backfill::summary(backfill)));
        }
        let mut left = backfills.iter().filter(|backfill| !backfill.is_done());
        let reads_more = left.any(|backfill| backfill.reach == Reach::Present);
        if reads_more && !self.yes && !output.confirm("Read more than the range?") {
            return Err(Error::BackfillDeclined);
        }
        Ok(())
    }
}

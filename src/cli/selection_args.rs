//! Which integrations a command applies to, from the command line.

use spile_core::plan::Selector;
use spile_ops as ops;
use spile_ops::run_selection::SelectedState;

/// Which integrations; all by default
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SelectionArgs {
    /// Names, patterns like `shop-*` or tags like `#crm` [default: all]
    #[arg(value_name = "WHICH")]
    words: Vec<Selector>,
    /// All integrations (the default)
    #[arg(long, conflicts_with = "words")]
    all: bool,
    /// Only integrations whose last run failed
    #[arg(long)]
    failed: bool,
}

impl SelectionArgs {
    /// Returns the selection.
    pub(super) fn chosen(&self) -> ops::RunSelection {
        let state = if self.failed { SelectedState::Failing } else { SelectedState::Any };
        ops::RunSelection { words: self.words.clone(), state }
    }

    /// Returns the name if exactly one integration is named, by its whole name.
    pub(super) fn only_name(&self) -> Option<&str> {
        match self.words.as_slice() {
            [Selector::Name(slug)] => Some(slug.as_str()),
            _ => None,
        }
    }

    /// Tells whether only failing integrations are selected.
    pub(super) fn names_failed(&self) -> bool {
        self.failed
    }
}

/// Which integrations, stated explicitly: a command that changes something selects none by accident
#[derive(Debug, Clone, clap::Args)]
#[group(id = "named", required = true, multiple = true)]
pub struct RequiredSelectionArgs {
    /// Names, patterns like `shop-*` or tags like `#crm`
    #[arg(value_name = "WHICH")]
    words: Vec<Selector>,
    /// All integrations
    #[arg(long, conflicts_with = "words")]
    all: bool,
    /// Only integrations whose last run failed
    #[arg(long)]
    failed: bool,
}

impl RequiredSelectionArgs {
    /// Returns the selection.
    pub(super) fn chosen(&self) -> ops::RunSelection {
        SelectionArgs { words: self.words.clone(), all: self.all, failed: self.failed }.chosen()
    }
}

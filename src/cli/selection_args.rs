//! Which integrations a command is for, as the command line says it.

use spile_core::plan::Selector;
use spile_ops as ops;
use spile_ops::run_selection::State;

/// Which integrations; all, where nothing is said
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
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

impl Which {
    /// Returns what was said.
    pub(super) fn chosen(&self) -> ops::Which {
        let state = if self.failed { State::Failing } else { State::Any };
        ops::Which { words: self.words.clone(), state }
    }

    /// Tells whether only what fails is asked for.
    pub(super) fn names_failed(&self) -> bool {
        self.failed
    }
}

/// Which integrations, said aloud: a command that changes something takes none by accident
#[derive(Debug, Clone, clap::Args)]
#[group(id = "named", required = true, multiple = true)]
pub struct Named {
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

impl Named {
    /// Returns what was said.
    pub(super) fn chosen(&self) -> ops::Which {
        Which { words: self.words.clone(), all: self.all, failed: self.failed }.chosen()
    }
}

//! `streams`: how many processes read the streams of a sync side by side, and for which connectors that works.

use std::fmt;

use miette::{Diagnostic, SourceSpan};

use super::pair::Pair;
use super::{Draft, Integration, Integrations};
use crate::name::Slug;
use crate::problem::Problems;

/// Mistakes in `streams`.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum StreamsMistake {
    /// A source or a destination that one process at a time works with.
    #[error("`streams` has no effect: {reason}")]
    #[diagnostic(code(spile::streams::one_process), help("{}", reason.help()))]
    OneProcess {
        /// Why one process reads all streams.
        reason: OneProcess,
        /// The number.
        #[label("one process reads all streams")]
        span: SourceSpan,
    },
}

/// Why the streams of an integration are read by one process, whatever `streams` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OneProcess {
    /// The extractor's connector does not say that its streams are independent.
    Extractor {
        /// The connector.
        connector: String,
    },
    /// The loader's connector does not say that several of its processes may write at once.
    Loader {
        /// The loader.
        loader: Slug,
        /// Its connector.
        connector: String,
    },
}

impl OneProcess {
    /// Returns why an integration and its loader cannot be divided; `None` if both can.
    #[must_use]
    pub fn of(extractor: &Integration, loader: &Integration) -> Option<Self> {
        if !extractor.connector.parallel {
            return Some(Self::Extractor { connector: extractor.connector.head.name.clone() });
        }
        let connector = || loader.connector.head.name.clone();
        (!loader.connector.parallel).then(|| Self::Loader { loader: loader.slug.clone(), connector: connector() })
    }

    /// Returns the next step.
    #[must_use]
    pub fn help(&self) -> String {
        let (Self::Extractor { connector } | Self::Loader { connector, .. }) = self;
        format!(
            "remove it; if several processes of `{connector}` can work at once, set `parallel = true` in its definition"
        )
    }
}

impl fmt::Display for OneProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extractor { connector } => {
                write!(f, "the definition of `{connector}` does not say that its streams are independent")
            }
            Self::Loader { loader, connector } => {
                write!(f, "the loader `{loader}` accepts one writer at a time (`{connector}`)")
            }
        }
    }
}

/// Finds numbers that have no effect.
pub(super) fn check(drafts: &[Draft], all: &Integrations, problems: &mut Problems) {
    for draft in drafts {
        let Some(streams) = draft.streams.as_ref().filter(|streams| streams.value > 1) else { continue };
        let Some(Pair { extractor, loader }) = Pair::of(draft, all) else { continue };
        if let Some(reason) = OneProcess::of(extractor, loader) {
            let span = streams.place.span.clone().into();
            problems.push(&streams.place.source, StreamsMistake::OneProcess { reason, span });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::integration::tests::integrations_of;

    const TAP: &str = "kind = 'extractor'\n[plugin]\nname = 'tap-x'\nnamespace = 'tap_x'\n";
    const TARGET: &str = "kind = 'loader'\n[plugin]\nname = 'target-x'\nnamespace = 'target_x'\n";

    fn of(tap: &str, target: &str, streams: &str) -> Vec<String> {
        let connectors = [("x", format!("{tap}{TAP}")), ("y", format!("{target}{TARGET}"))];
        let connectors = [0, 1].map(|at: usize| (connectors[at].0, connectors[at].1.as_str()));
        let shop = format!("type = 'x'\nloader = 'lake'\n{streams}\n");
        integrations_of(&connectors, &[("shop", &shop), ("lake", "type = 'y'\nkind = 'loader'\n")]).1
    }

    #[test]
    fn a_number_without_effect_is_reported_with_its_reason() {
        const PARALLEL: &str = "parallel = true\n";
        assert_eq!(of(PARALLEL, PARALLEL, "streams = 4"), [""; 0]);
        assert_eq!(of("", "", "streams = 1"), [""; 0]);
        let tap = "integrations/shop.toml:3: `streams` has no effect: the definition of `x` does not say that its streams are independent [spile::streams::one_process]";
        assert_eq!(of("", PARALLEL, "streams = 2"), [tap]);
        let target = "integrations/shop.toml:3: `streams` has no effect: the loader `lake` accepts one writer at a time (`y`) [spile::streams::one_process]";
        assert_eq!(of(PARALLEL, "", "streams = 2"), [target]);
        for wrong in ["0", "17", "'2'", "1.5"] {
            let found = of(PARALLEL, PARALLEL, &format!("streams = {wrong}"));
            assert!(found.len() == 1 && found[0].contains("a whole number from 1 to 16"), "{found:?}");
        }
    }
}

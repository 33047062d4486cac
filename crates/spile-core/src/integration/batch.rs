//! `batch`: records that pass from the extractor to its loader in files, and for which integrations that works.

use std::fmt;

use miette::{Diagnostic, SourceSpan};
use serde_json::Value;

use super::pair::Pair;
use super::{Declaration, Draft, Integration, Integrations};
use crate::connector::Role;
use crate::name::{EnvironmentName, Slug};
use crate::problem::Problems;

/// The setting of plugins that are built on Meltano's SDK for where batches are.
const OWN_FILES: &str = "batch_config";

/// The settings of such plugins that change records, which a batch skips.
const CHANGING: [&str; 2] = ["stream_maps", "flattening_enabled"];

/// Mistakes in `batch`.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum BatchMistake {
    /// A source or a destination whose records cannot pass in batches.
    #[error("`batch` cannot be used: {reason}")]
    #[diagnostic(code(spile::batch::one_by_one), help("{}", reason.help()))]
    OneByOne {
        /// Why records pass one by one.
        reason: OneByOne,
        /// The value.
        #[label("records pass one by one")]
        span: SourceSpan,
    },
}

/// Why the records of an integration pass one by one, whatever `batch` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OneByOne {
    /// The definition of a plugin does not list the capability.
    Incapable {
        /// The side of the plugin.
        role: Role,
        /// Its connector.
        connector: String,
    },
    /// An integration has its own files for batches.
    OwnFiles {
        /// The integration.
        slug: Slug,
    },
    /// A setting changes records one by one.
    Changed {
        /// The integration with the setting.
        slug: Slug,
        /// The setting.
        setting: String,
    },
    /// Mappers change records one by one.
    Mappers,
}

impl OneByOne {
    /// Returns why records cannot pass in batches from an integration to its loader in an environment, or for `None` in
    /// one without an overlay; `None` if they can.
    #[must_use]
    pub fn of(extractor: &Integration, loader: &Integration, environment: Option<&EnvironmentName>) -> Option<Self> {
        let pair = [extractor, loader];
        if let Some(one) = pair.iter().find(|one| !one.connector.can_batch()) {
            return Some(Self::Incapable { role: one.role(), connector: one.connector.head.name.clone() });
        }
        if !extractor.declared(environment).mappers.is_empty() {
            return Some(Self::Mappers);
        }
        pair.iter().find_map(|one| Self::by_settings(one, one.declared(environment)))
    }

    fn by_settings(integration: &Integration, declared: &Declaration) -> Option<Self> {
        let slug = || integration.slug.clone();
        let is_on = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
        for (name, _) in declared.config.iter().filter(|(_, value)| is_on(value)) {
            let first = name.split('.').next().unwrap_or_default();
            if first == OWN_FILES {
                return Some(Self::OwnFiles { slug: slug() });
            }
            if CHANGING.contains(&first) {
                return Some(Self::Changed { slug: slug(), setting: first.to_owned() });
            }
        }
        None
    }

    /// Returns the next step.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Incapable { role, connector } => {
                let does = match role {
                    Role::Extractor => "writes",
                    Role::Loader => "loads",
                };
                format!(
                    "remove it; if the plugin of `{connector}` {does} batches, add `batch` to `capabilities` in its definition"
                )
            }
            Self::OwnFiles { slug } => format!("remove it, or remove `{OWN_FILES}` from `{slug}`"),
            Self::Changed { slug, setting } => format!("remove it, or remove `{setting}` from `{slug}`"),
            Self::Mappers => "remove it, or remove `mappers`".to_owned(),
        }
    }
}

impl fmt::Display for OneByOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incapable { role: Role::Extractor, connector } => {
                write!(f, "the definition of `{connector}` does not say that it writes batches")
            }
            Self::Incapable { role: Role::Loader, connector } => {
                write!(f, "the definition of `{connector}` does not say that it loads batches")
            }
            Self::OwnFiles { slug } => write!(f, "`{slug}` sets `{OWN_FILES}`, which puts batches elsewhere"),
            Self::Changed { slug, setting } => {
                write!(f, "`{slug}` sets `{setting}`, which changes records one by one and skips batches")
            }
            Self::Mappers => f.write_str("its records pass through mappers, which skip batches"),
        }
    }
}

/// Finds integrations that ask for batches in vain.
pub(super) fn check(drafts: &[Draft], all: &Integrations, problems: &mut Problems) {
    for draft in drafts {
        let Some(batch) = draft.batch.as_ref().filter(|batch| batch.value) else { continue };
        let Some(Pair { extractor, loader }) = Pair::of(draft, all) else { continue };
        if let Some(reason) = OneByOne::of(extractor, loader, draft.environment.as_ref()) {
            let span = batch.place.span.clone().into();
            problems.push(&batch.place.source, BatchMistake::OneByOne { reason, span });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::integration::tests::integrations_of;

    const CAN: &str = "capabilities = ['batch', 'catalog']\n";

    fn of(tap: &str, target: &str, shop: &str, lake: &str) -> Vec<String> {
        let plugin = |role, name, can| {
            format!(
                "kind = '{role}'\n[plugin]\nname = '{name}'\nnamespace = 'x'\n{can}[[settings]]\nname = 'stream_maps'\nkind = 'object'\n[[settings]]\nname = 'flattening_enabled'\nkind = 'boolean'\n[[settings]]\nname = 'batch_config.encoding.format'\n"
            )
        };
        let (tap, target) = (plugin("extractor", "tap-x", tap), plugin("loader", "target-x", target));
        let shop = format!("type = 'x'\nloader = 'lake'\nbatch = true\n{shop}");
        let lake = format!("type = 'y'\nkind = 'loader'\n{lake}");
        integrations_of(&[("x", &tap), ("y", &target)], &[("shop", &shop), ("lake", &lake)]).1
    }

    #[test]
    fn batches_that_cannot_pass_are_reported_with_the_reason() {
        assert_eq!(of(CAN, CAN, "", "[config]\nflattening_enabled = false\n"), [""; 0]);
        let maps = "[config.stream_maps.a]\nb = '__NULL__'\n";
        for (found, reason) in [
            (of("", CAN, "", ""), "the definition of `x` does not say that it writes batches"),
            (of(CAN, "", "", ""), "the definition of `y` does not say that it loads batches"),
            (of(CAN, CAN, "mappers = ['hide']\n", ""), "its records pass through mappers, which skip batches"),
            (of(CAN, CAN, maps, ""), "`shop` sets `stream_maps`, which changes records one by one and skips batches"),
            (
                of(CAN, CAN, "", "[config]\nflattening_enabled = true\n"),
                "`lake` sets `flattening_enabled`, which changes records one by one and skips batches",
            ),
            (
                of(CAN, CAN, "[config]\n'batch_config.encoding.format' = 'jsonl'\n", ""),
                "`shop` sets `batch_config`, which puts batches elsewhere",
            ),
        ] {
            let said = format!("integrations/shop.toml:3: `batch` cannot be used: {reason} [spile::batch::one_by_one]");
            assert_eq!(found, [said]);
        }
    }
}

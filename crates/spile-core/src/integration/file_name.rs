//! The parts of an integration's file name.

use std::path::Path;

use crate::name::{EnvironmentName, Slug};

/// The name of a file and, for an overlay, its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    /// The first part of the stem.
    pub slug: Slug,
    /// The second part, if there is one.
    pub environment: Option<EnvironmentName>,
}

impl FileName {
    /// Parses a file's stem: `<slug>` or `<slug>.<environment>`; `None` if it is neither.
    #[must_use]
    pub fn of_stem(stem: &str) -> Option<Self> {
        let (slug, environment) = match stem.split_once('.') {
            Some((slug, environment)) => (slug, Some(environment.parse().ok()?)),
            None => (stem, None),
        };
        Some(Self { slug: slug.parse().ok()?, environment })
    }

    /// Parses the path of a file below `integrations/`; `None` if it is not an integration's file.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        if path.extension()? != "toml" {
            return None;
        }
        Self::of_stem(path.strip_prefix("integrations").ok()?.file_stem()?.to_str()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_say_the_slug_and_the_environment() {
        let of = |stem: &str| {
            FileName::of_stem(stem).map(|name| (name.slug.to_string(), name.environment.map(|e| e.to_string())))
        };
        assert_eq!(of("shop"), Some(("shop".into(), None)));
        assert_eq!(of("shop.prod"), Some(("shop".into(), Some("prod".into()))));
        for bad in ["Shop", "shop.", "shop.prod.x", "sh op"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}

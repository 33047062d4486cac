//! Which integrations a command is for: by name, by a pattern, by a tag, all, or those that failed.

use std::sync::Arc;

use super::{Error, Loaded};
use spile_core::alert::runs::AllEnds;
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_core::plan::Selector;
use spile_world::World;

/// Which integrations a command is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunSelection {
    /// What names them; all, where nothing does.
    pub words: Vec<Selector>,
    /// Of them, those that are meant.
    pub state: SelectedState,
}

/// In what state an integration has to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SelectedState {
    /// In any.
    #[default]
    Any,
    /// Its last sync or test failed, and nothing has gone well since; as notifications have it.
    Failing,
}

impl RunSelection {
    /// Returns exactly these.
    #[must_use]
    pub fn exactly(slugs: impl IntoIterator<Item = Slug>) -> Self {
        Self { words: slugs.into_iter().map(Selector::Name).collect(), state: SelectedState::Any }
    }

    /// Tells whether everything is meant.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Tells whether one is named by its whole name.
    #[must_use]
    pub fn names(&self, slug: &Slug) -> bool {
        self.words.iter().any(|word| matches!(word, Selector::Name(name) if name == slug))
    }

    /// Finds the integrations, in the order of their names.
    ///
    /// # Errors
    /// When a word names nothing, or the registry cannot be read.
    pub async fn among(&self, world: &World, loaded: &Loaded) -> Result<Vec<Arc<Integration>>, Error> {
        let known = || loaded.integrations.by_slug();
        let matches = |word: &Selector, one: &Integration| word.matches(&one.slug, &one.base.tags);
        let names_nothing = |word: &&Selector| !known().any(|one| matches(word, one));
        let unknown: Vec<String> = self.words.iter().filter(names_nothing).map(Selector::word).collect();
        if !unknown.is_empty() {
            return Err(super::unknown_names(&unknown, &known().map(|one| one.slug.as_str()).collect::<Vec<_>>()));
        }
        let is_meant =
            |one: &&Arc<Integration>| self.words.is_empty() || self.words.iter().any(|word| matches(word, one));
        let mut found: Vec<_> = known().filter(is_meant).cloned().collect();
        if self.state == SelectedState::Failing {
            let ends: AllEnds = world.alerts.ends(None).await?.into_iter().collect();
            found.retain(|one| ends.of(&one.id).is_some_and(|ends| ends.failing().is_some()));
        }
        Ok(found)
    }
}

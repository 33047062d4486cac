//! The integrations that a command is for: by name, by a pattern, by a tag, all, or those that failed.

use std::sync::Arc;

use super::{Error, Loaded};
use spile_core::alert::runs::AllEnds;
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_core::plan::Selector;
use spile_world::World;

/// A selection of integrations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunSelection {
    /// The words that select them. Without words, all are selected.
    pub words: Vec<Selector>,
    /// The state that they must also have.
    pub state: SelectedState,
}

/// The state that an integration must have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SelectedState {
    /// Any state.
    #[default]
    Any,
    /// Its last sync or test failed, and nothing has succeeded since, as in notifications.
    Failing,
}

impl RunSelection {
    /// Selects exactly these integrations.
    #[must_use]
    pub fn exactly(slugs: impl IntoIterator<Item = Slug>) -> Self {
        Self { words: slugs.into_iter().map(Selector::Name).collect(), state: SelectedState::Any }
    }

    /// Tells whether all integrations are selected.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Tells whether an integration is selected by its whole name.
    #[must_use]
    pub fn names(&self, slug: &Slug) -> bool {
        self.words.iter().any(|word| matches!(word, Selector::Name(name) if name == slug))
    }

    /// Returns the selected integrations, sorted by name.
    ///
    /// # Errors
    /// When a word matches nothing, or the registry cannot be read.
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

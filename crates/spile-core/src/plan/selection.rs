//! Selects integrations by name, by a name pattern, or by a tag.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use glob::Pattern;

use super::Scope;
use crate::integration::Integrations;
use crate::name::{IntegrationId, Slug};

/// A word that selects integrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The integration with this name.
    Name(Slug),
    /// All integrations whose names match a pattern with `*`, `?` and `[...]`.
    Glob(Pattern),
    /// All integrations with a tag: `#crm`.
    Tag(String),
}

/// A word that is not a valid selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name, a name pattern, or a `#tag`")]
pub struct NoSelector(String);

impl FromStr for Selector {
    type Err = NoSelector;

    fn from_str(word: &str) -> Result<Self, NoSelector> {
        let refused = || NoSelector(word.to_owned());
        if let Some(tag) = word.strip_prefix('#') {
            return if tag.is_empty() { Err(refused()) } else { Ok(Self::Tag(tag.to_owned())) };
        }
        if word.contains(['*', '?', '[']) {
            return Pattern::new(word).map(Self::Glob).map_err(|_| refused());
        }
        word.parse().map(Self::Name).map_err(|_| refused())
    }
}

impl Selector {
    /// Returns the word as a user types it.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Name(slug) => slug.to_string(),
            Self::Glob(pattern) => pattern.as_str().to_owned(),
            Self::Tag(tag) => format!("#{tag}"),
        }
    }

    /// Tells whether it selects an integration with this name and these tags.
    #[must_use]
    pub fn matches(&self, slug: &Slug, tags: &BTreeSet<String>) -> bool {
        match self {
            Self::Name(name) => name == slug,
            Self::Glob(pattern) => pattern.matches(slug.as_str()),
            Self::Tag(tag) => tags.contains(tag),
        }
    }
}

/// The integrations that a plan is requested for: those in `only` that have changed and are not excluded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Selects all integrations if empty.
    pub only: Vec<Selector>,
    /// Never selects these.
    pub exclude: Vec<Selector>,
    /// If known, selects only these: the integrations that changed in git, by name.
    pub changed: Option<BTreeSet<Slug>>,
    /// Integrations that stay although nothing names them, because a saved plan says so, which was reviewed.
    pub spared: BTreeSet<Slug>,
}

/// The result of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The selected integrations.
    pub scope: Scope,
    /// Integrations that no file declares and that only a pattern matches. They stay, because a partial plan deletes
    /// only what it names.
    pub spared: BTreeSet<Slug>,
}

impl Selection {
    /// Returns a selection of exactly these integrations.
    #[must_use]
    pub fn exactly(slugs: impl IntoIterator<Item = Slug>) -> Self {
        Self { only: slugs.into_iter().map(Selector::Name).collect(), ..Self::default() }
    }

    /// Returns a selection of those of these integrations that the files or targets know. An integration whose file was
    /// deleted before it was ever applied is in neither.
    #[must_use]
    pub fn known_of(slugs: impl IntoIterator<Item = Slug>) -> Self {
        Self { changed: Some(slugs.into_iter().collect()), ..Self::default() }
    }

    /// Returns a selection that results in a scope again.
    #[must_use]
    pub fn again(scope: &Scope) -> Self {
        match scope {
            Scope::Everything => Self::default(),
            Scope::Only(slugs) if slugs.is_empty() => Self::known_of([]),
            Scope::Only(slugs) => Self::exactly(slugs.iter().cloned()),
        }
    }

    /// Tells whether it selects everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Selects from the integrations that the files declare and those that the targets contain, by their names there.
    ///
    /// # Errors
    /// The words that select nothing.
    pub fn among(
        &self,
        integrations: &Integrations,
        kept: impl FnOnce() -> BTreeMap<Slug, IntegrationId>,
    ) -> Result<Selected, Vec<String>> {
        if self.is_everything() {
            return Ok(Selected { scope: Scope::Everything, spared: BTreeSet::new() });
        }
        let kept = kept();
        let none = BTreeSet::new();
        let tags = |id: &IntegrationId| integrations.get(id).map_or(&none, |one| &one.base.tags);
        let mut known: BTreeMap<&Slug, &BTreeSet<String>> = kept.iter().map(|(slug, id)| (slug, tags(id))).collect();
        known.extend(integrations.iter().map(|one| (&one.slug, &one.base.tags)));
        let words = self.only.iter().chain(&self.exclude);
        let unknown = words.filter(|word| !known.iter().any(|(slug, tags)| word.matches(slug, tags)));
        let unknown: Vec<String> = unknown.map(Selector::word).collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let chosen = |slug: &Slug, tags: &BTreeSet<String>| {
            let is_named = self.only.is_empty() || self.only.iter().any(|word| word.matches(slug, tags));
            let has_changed = self.changed.as_ref().is_none_or(|changed| changed.contains(slug));
            is_named && has_changed && !self.exclude.iter().any(|word| word.matches(slug, tags))
        };
        let chosen: BTreeSet<Slug> =
            known.into_iter().filter(|(slug, tags)| chosen(slug, tags)).map(|(slug, _)| slug.clone()).collect();
        // A renamed integration is declared, also under its old name.
        let is_declared = |slug: &Slug| {
            let renamed = kept.get(slug).is_some_and(|id| integrations.get(id).is_some());
            renamed || integrations.find(slug.as_str()).is_some()
        };
        let (declared, gone): (BTreeSet<Slug>, BTreeSet<Slug>) = chosen.into_iter().partition(is_declared);
        let (named, mut spared): (BTreeSet<Slug>, BTreeSet<Slug>) = gone.into_iter().partition(|slug| self.names(slug));
        let stays = |slug: &&Slug| kept.contains_key(*slug) && !is_declared(slug) && !named.contains(*slug);
        spared.extend(self.spared.iter().filter(stays).cloned());
        Ok(Selected { scope: Scope::Only(declared.into_iter().chain(named).collect()), spared })
    }

    /// Tells whether an integration is named in full, on the command line or by the deletion of its file.
    fn names(&self, slug: &Slug) -> bool {
        self.only.contains(&Selector::Name(slug.clone()))
            || self.changed.as_ref().is_some_and(|changed| changed.contains(slug))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::connector::Catalog;
    use crate::integration::FileName;
    use crate::integration::draft;
    use crate::integration::merge;
    use crate::problem::Problems;
    use crate::settings;
    use crate::source::Source;

    fn integrations(of: &[(&str, &str)]) -> Integrations {
        let mut problems = Problems::default();
        let settings = settings::read(&Source::new("spile.toml", "[project]\nname='x'\n"), &mut problems).unwrap();
        let catalog = Catalog::new(&[], &mut problems);
        let drafts = of.iter().map(|(slug, tags)| {
            let text = format!("type = 'singer-jsonl'\ntags = [{tags}]\n[config]\nlocal.folders = ['x']\n");
            let name = FileName { slug: slug.parse().unwrap(), environment: None };
            draft::read(&Source::new(format!("integrations/{slug}.toml"), text), name, &mut problems).unwrap()
        });
        let drafts: Vec<_> = drafts.collect();
        let found = merge::integrations(&drafts, &settings, &catalog, &mut problems);
        assert!(!problems.any_error(), "{problems:?}");
        found.iter().map(Arc::clone).collect()
    }

    fn selected(only: &[&str], exclude: &[&str], changed: Option<&[&str]>) -> Result<(String, String), Vec<String>> {
        let words = |words: &[&str]| words.iter().map(|word| word.parse().unwrap()).collect();
        let slugs = |slugs: &[&str]| slugs.iter().map(|slug| slug.parse().unwrap()).collect::<BTreeSet<Slug>>();
        let selection = Selection {
            only: words(only),
            exclude: words(exclude),
            changed: changed.map(slugs),
            ..Selection::default()
        };
        let known = integrations(&[("shop-eu", "'crm', 'eu'"), ("shop-us", "'crm'"), ("bank", "")]);
        let gone = |slug: &str| (slug.parse().unwrap(), IntegrationId::derived("x", &"none".parse().unwrap()));
        let renamed = ("old-bank".parse().unwrap(), known.find("bank").unwrap().id);
        let kept = [gone("shop-eu"), gone("shop-old"), gone("gone"), renamed].into();
        let selected = selection.among(&known, || kept)?;
        let joined = |slugs: &BTreeSet<Slug>| slugs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let scope = match &selected.scope {
            Scope::Everything => "everything".to_owned(),
            Scope::Only(slugs) => joined(slugs),
        };
        Ok((scope, joined(&selected.spared)))
    }

    /// The result of the words: the scope, and what is spared.
    fn comes_to(only: &[&str], exclude: &[&str], changed: Option<&[&str]>) -> (String, String) {
        selected(only, exclude, changed).unwrap()
    }

    fn pair(scope: &str, spared: &str) -> (String, String) {
        (scope.to_owned(), spared.to_owned())
    }

    #[test]
    fn integrations_are_named_by_name_by_pattern_and_by_tag() {
        assert_eq!(comes_to(&[], &[], None), pair("everything", ""));
        assert_eq!(comes_to(&["bank"], &[], None), pair("bank", ""));
        assert_eq!(comes_to(&["old-*"], &[], None), pair("old-bank", ""));
        assert_eq!(comes_to(&["#crm"], &[], None), pair("shop-eu shop-us", ""));
        assert_eq!(comes_to(&["#crm"], &["*-us"], None), pair("shop-eu", ""));
        assert_eq!(comes_to(&[], &["shop-*"], None), pair("bank old-bank", "gone"));
    }

    #[test]
    fn a_pattern_deletes_nothing_and_a_name_does() {
        assert_eq!(comes_to(&["shop-*"], &[], None), pair("shop-eu shop-us", "shop-old"));
        assert_eq!(comes_to(&["shop-*", "shop-old"], &[], None), pair("shop-eu shop-old shop-us", ""));
    }

    #[test]
    fn changes_in_git_select_integrations() {
        assert_eq!(comes_to(&[], &[], Some(&["bank", "gone"])), pair("bank gone", ""));
        assert_eq!(comes_to(&["#crm"], &[], Some(&["bank"])), pair("", ""));
    }

    #[test]
    fn words_that_select_nothing_are_reported() {
        assert_eq!(selected(&["bnk", "x-*"], &["#crn"], None), Err(vec!["bnk".into(), "x-*".into(), "#crn".into()]));
        for word in ["#", "Shop", "a[", "../x"] {
            assert!(word.parse::<Selector>().is_err(), "{word}");
        }
    }

    #[test]
    fn what_a_saved_plan_spared_stays_unless_it_is_declared_or_named_or_gone() {
        let known = integrations(&[("shop", "")]);
        let gone = IntegrationId::derived("x", &"none".parse().unwrap());
        let kept = ["shop", "named", "gone"].map(|slug| (slug.parse().unwrap(), gone)).into();
        let spared = ["shop", "named", "gone", "nowhere"].map(|slug| slug.parse().unwrap()).into();
        let selection = Selection { spared, ..Selection::exactly(["named".parse().unwrap()]) };
        let (scope, spared) = (Scope::Only(["named".parse().unwrap()].into()), ["gone".parse().unwrap()].into());
        assert_eq!(selection.among(&known, || kept), Ok(Selected { scope, spared }));
    }
}

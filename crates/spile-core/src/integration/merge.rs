//! Merges drafts: combines bases with their overlays, and finds mistakes that involve several files.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use miette::{Diagnostic, SourceSpan};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::check::{self, Completeness, Context, environment_variable};
use super::{Draft, FileName, Integration, Integrations, batch, load, streams};
use crate::connector::{Catalog, Role};
use crate::name::{EnvironmentName, IntegrationId, Slug};
use crate::problem::{Problems, did_you_mean, listed};
use crate::settings::ProjectSettings;

/// Mistakes that involve several files.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum MergeMistake {
    /// Two files with the same name.
    #[error("the name `{slug}` is already taken")]
    #[diagnostic(
        code(spile::integration::slug_twice),
        help("rename this file or `{first}`: the file's stem is the integration's name")
    )]
    SlugTwice {
        /// The name.
        slug: Slug,
        /// The file that used it first.
        first: String,
        /// The start of the later file.
        #[label("also named `{slug}`")]
        span: SourceSpan,
    },
    /// Two files with the same id.
    #[error("`{slug}` has the same id as `{other}`")]
    #[diagnostic(code(spile::integration::id_twice), help("remove the `id` line from the file that is the copy"))]
    IdTwice {
        /// The later integration.
        slug: Slug,
        /// The file that used it first.
        other: String,
        /// The later id.
        #[label("the same id")]
        span: SourceSpan,
    },
    /// An overlay for an undeclared environment.
    #[error("the environment `{name}` is not declared")]
    #[diagnostic(code(spile::integration::undeclared_environment))]
    UndeclaredEnvironment {
        /// The environment.
        name: EnvironmentName,
        /// The start of the overlay.
        #[label("an overlay for `{name}`")]
        span: SourceSpan,
        /// The nearest declared environment, or how to declare this one.
        #[help]
        help: String,
    },
    /// An overlay without its base.
    #[error("this overlay has no base file `{slug}.toml`")]
    #[diagnostic(
        code(spile::integration::overlay_without_base),
        help("add `{slug}.toml`; an overlay only changes its base file")
    )]
    OverlayWithoutBase {
        /// The missing integration.
        slug: Slug,
        /// The start of the overlay.
        #[label("no base file")]
        span: SourceSpan,
    },
    /// A loader that does not exist.
    #[error("there is no loader `{name}`")]
    #[diagnostic(code(spile::integration::unknown_loader))]
    UnknownLoader {
        /// The loader.
        name: String,
        /// Where it is named.
        #[label("not a loader")]
        span: SourceSpan,
        /// The nearest loader, or all of them.
        #[help]
        help: String,
    },
    /// Two plugins with the same environment variables in Meltano.
    #[error("`{slug}` and `{other}` share the environment variables `{prefix}*`")]
    #[diagnostic(code(spile::integration::variables_shared), help("rename one of them"))]
    VariablesShared {
        /// The later integration.
        slug: Slug,
        /// The plugin that used the prefix first.
        other: String,
        /// The prefix.
        prefix: String,
        /// The start of the later file.
        #[label("same variables")]
        span: SourceSpan,
    },
    /// Two integrations with the same plugin.
    #[error("`{slug}` and `{other}` both use the plugin `{plugin}`")]
    #[diagnostic(code(spile::integration::plugin_twice), help("remove one of the files, or its `plugin` line"))]
    PluginTwice {
        /// The later integration.
        slug: Slug,
        /// The integration that used the plugin first.
        other: Slug,
        /// The plugin.
        plugin: String,
        /// Where the later file names it.
        #[label("the same plugin")]
        span: SourceSpan,
    },
    /// Two connectors that install different things under one plugin name.
    #[error("`{connector}` and `{other}` both install the plugin `{plugin}`, but differ")]
    #[diagnostic(code(spile::connector::plugin_shared), help("set a different `plugin.name` in one of them"))]
    PluginShared {
        /// The later connector.
        connector: String,
        /// The connector that used the name first.
        other: String,
        /// The plugin.
        plugin: String,
        /// The start of the integration that uses the later one.
        #[label("uses `{connector}`")]
        span: SourceSpan,
    },
}

/// Checks all drafts of a project, individually and against each other.
pub fn integrations(
    drafts: &[Draft],
    settings: &ProjectSettings,
    catalog: &Catalog,
    problems: &mut Problems,
) -> Integrations {
    let bases = bases(drafts, problems);
    let overlays = overlays(drafts, &bases, settings, problems);
    let each: Vec<(&Slug, &Draft)> = bases.iter().map(|(slug, base)| (*slug, *base)).collect();
    let checked = problems.of_each(each, |(slug, base), problems| {
        let overlays = overlays.get(slug).map(Vec::as_slice).unwrap_or_default();
        let covered: BTreeSet<_> = overlays.iter().filter_map(|overlay| overlay.environment.as_ref()).collect();
        let whole = settings.environments.keys().any(|environment| !covered.contains(environment));
        let context = Context {
            project: &settings.name,
            catalog,
            base: if whole { Completeness::Whole } else { Completeness::Part },
        };
        check::integration(base, overlays, context, problems).map(|integration| (base, Arc::new(integration)))
    });
    let mut found: Vec<(&Draft, Arc<Integration>)> = Vec::with_capacity(checked.len());
    let mut by_id: BTreeMap<IntegrationId, usize> = BTreeMap::new();
    for (base, integration) in checked {
        match by_id.entry(integration.id) {
            Entry::Occupied(first) => id_twice(base, &found[*first.get()].1, problems),
            Entry::Vacant(new) => {
                new.insert(found.len());
                found.push((base, integration));
            }
        }
    }
    loaders(drafts, &bases, problems);
    shared_names(&found, problems);
    let all = found.into_iter().map(|(_, integration)| integration).collect();
    load::check(drafts, &all, problems);
    streams::check(drafts, &all, problems);
    batch::check(drafts, &all, problems);
    all
}

fn bases<'a>(drafts: &'a [Draft], problems: &mut Problems) -> BTreeMap<&'a Slug, &'a Draft> {
    let mut all: Vec<&Draft> = drafts.iter().filter(|draft| draft.environment.is_none()).collect();
    // The first file with a name wins, because the sort is stable. A map is built faster from sorted items.
    all.sort_by(|a, b| a.slug.cmp(&b.slug));
    all.dedup_by(|draft, first| {
        let is_twice = draft.slug == first.slug;
        if is_twice {
            let (slug, first) = (draft.slug.clone(), first.source.path().display().to_string());
            problems.push(&draft.source, MergeMistake::SlugTwice { slug, first, span: (0..0).into() });
        }
        is_twice
    });
    all.into_iter().map(|draft| (&draft.slug, draft)).collect()
}

fn overlays<'a>(
    drafts: &'a [Draft],
    bases: &BTreeMap<&'a Slug, &'a Draft>,
    settings: &ProjectSettings,
    problems: &mut Problems,
) -> BTreeMap<&'a Slug, Vec<&'a Draft>> {
    let mut overlays: BTreeMap<&Slug, Vec<&Draft>> = BTreeMap::new();
    let unread = unread_bases(problems);
    for draft in drafts {
        let Some(environment) = &draft.environment else { continue };
        if !settings.environments.contains_key(environment) {
            let names = settings.environments.keys().map(EnvironmentName::as_str);
            let help = did_you_mean(environment.as_str(), names)
                .unwrap_or_else(|| format!("add `[environments.{environment}]` to `spile.toml`"));
            let finding = MergeMistake::UndeclaredEnvironment { name: environment.clone(), span: (0..0).into(), help };
            problems.push(&draft.source, finding);
        }
        if bases.contains_key(&draft.slug) {
            overlays.entry(&draft.slug).or_default().push(draft);
        } else if !unread.contains(&draft.slug) {
            let slug = draft.slug.clone();
            problems.push(&draft.source, MergeMistake::OverlayWithoutBase { slug, span: (0..0).into() });
        }
    }
    overlays
}

fn id_twice(later: &Draft, first: &Integration, problems: &mut Problems) {
    let span = later.id.as_ref().map_or(0..0, |id| id.place.span.clone()).into();
    let other = first.path.display().to_string();
    problems.push(&later.source, MergeMistake::IdTwice { slug: later.slug.clone(), other, span });
}

/// Returns the integrations whose own file could not be read: they have no draft, but they exist.
fn unread_bases(problems: &Problems) -> BTreeSet<Slug> {
    let bases = problems.unread(FileName::of_path).into_iter().filter(|name| name.environment.is_none());
    bases.map(|name| name.slug).collect()
}

/// Checks loaders. Works on drafts, so that integrations and loaders with other mistakes are neither skipped nor
/// reported twice.
fn loaders(drafts: &[Draft], bases: &BTreeMap<&Slug, &Draft>, problems: &mut Problems) {
    let is_loader = |draft: &Draft| draft.role.as_ref().is_some_and(|role| role.value == Role::Loader);
    let names: BTreeSet<&str> =
        bases.values().filter(|draft| is_loader(draft)).map(|draft| draft.slug.as_str()).collect();
    // The loader may be in a file that could not be read.
    let mut unread = unread_bases(problems);
    unread.retain(|slug| !bases.contains_key(slug));
    let is_known = |loader: &str| names.contains(loader) || unread.iter().any(|slug| slug.as_str() == loader);
    for draft in drafts {
        let Some(loader) = draft.loader.as_ref().filter(|loader| !is_known(loader.as_str())) else { continue };
        if bases.get(&draft.slug).is_some_and(|base| is_loader(base)) {
            continue;
        }
        let help = did_you_mean(loader, names.iter().copied()).unwrap_or_else(|| {
            if names.is_empty() {
                "add a file under `integrations/` with `kind = \"loader\"`".to_owned()
            } else {
                format!("choose one of {}", listed(names.iter().copied()))
            }
        });
        let span = loader.place.span.clone().into();
        problems.push(&loader.place.source, MergeMistake::UnknownLoader { name: loader.value.clone(), span, help });
    }
}

/// Reports plugins that share a name but differ, and names that Meltano cannot tell apart, in the order of their slugs.
fn shared_names(sorted: &[(&Draft, Arc<Integration>)], problems: &mut Problems) {
    let mut plugins: BTreeMap<&str, &Arc<Integration>> = BTreeMap::new();
    let mut prefixes: BTreeMap<String, &str> = BTreeMap::new();
    let named = |(_, integration): &(&Draft, Arc<Integration>)| {
        let name = integration.plugin_name();
        (environment_variable(&name, ""), name)
    };
    let named: Vec<_> = sorted.par_iter().map(named).collect();
    // Plugins that the template defines are not installed as their connector says.
    for (draft, integration) in sorted.iter().filter(|(_, integration)| integration.plugin.is_none()) {
        let plugin = &integration.connector.plugin;
        let first = plugins.entry(&plugin.name).or_insert(integration);
        if first.connector.plugin != *plugin || first.role() != integration.role() {
            let finding = MergeMistake::PluginShared {
                connector: integration.connector.head.name.clone(),
                other: first.connector.head.name.clone(),
                plugin: plugin.name.clone(),
                span: (0..0).into(),
            };
            problems.push(&draft.source, finding);
        }
        // Only the first integration of each plugin matters: there may be thousands of them, but there are few plugins.
        if first.id == integration.id {
            prefixes.entry(environment_variable(&plugin.name, "")).or_insert(&plugin.name);
        }
    }
    let mut taken: BTreeMap<(Role, &str), &Slug> = BTreeMap::new();
    for ((draft, integration), (prefix, name)) in sorted.iter().zip(&named) {
        let slug = || integration.slug.clone();
        if let Some(other) = taken.insert((integration.role(), name), &integration.slug) {
            let span = draft.plugin.as_ref().map_or(0..0, |plugin| plugin.place.span.clone()).into();
            let (other, plugin) = (other.clone(), name.clone());
            problems.push(&draft.source, MergeMistake::PluginTwice { slug: slug(), other, plugin, span });
            continue;
        }
        if let Some(other) = prefixes.insert(prefix.clone(), name).filter(|other| other != name) {
            let (other, prefix, span) = (other.to_owned(), prefix.clone(), (0..0).into());
            problems.push(&draft.source, MergeMistake::VariablesShared { slug: slug(), other, prefix, span });
        }
    }
}

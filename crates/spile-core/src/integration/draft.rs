//! Drafts: the content of files, with places, not yet validated.

use indexmap::IndexMap;

use super::FileName;
use super::choice::ChoicesDraft;
use super::load::LoadDraft;
use super::schema::SchemaDraft;
use super::secrets::{self, SecretsDraft};
use crate::connector::Role;
use crate::name::{EnvironmentName, IntegrationId, Slug};
use crate::problem::Problems;
use crate::settings::{STREAMS, STREAMS_WANTED};
use crate::source::{Placed, Source};
use crate::table::{self, Content, Node, Table};
use crate::value::expansion;

/// The content of one file. Overlays have the same shape.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The file.
    pub source: Source,
    /// The slug from the file's stem.
    pub slug: Slug,
    /// The environment, for an overlay.
    pub environment: Option<EnvironmentName>,
    /// `id`
    pub id: Option<Placed<IntegrationId>>,
    /// `type`
    pub connector: Option<Placed<String>>,
    /// `plugin`
    pub plugin: Option<Placed<String>>,
    /// `kind`
    pub role: Option<Placed<Role>>,
    /// `name`
    pub name: Option<Placed<String>>,
    /// `description`
    pub description: Option<Placed<String>>,
    /// `enabled`
    pub enabled: Option<Placed<bool>>,
    /// `loader`
    pub loader: Option<Placed<String>>,
    /// `mappers`
    pub mappers: Option<Placed<Vec<Placed<String>>>>,
    /// `[load]`
    pub load: Option<LoadDraft>,
    /// `[schema]`
    pub schema: Option<SchemaDraft>,
    /// `schedule`
    pub schedule: Option<Placed<String>>,
    /// `timezone`
    pub timezone: Option<Placed<String>>,
    /// `jitter`
    pub jitter: Option<Placed<String>>,
    /// `catch_up`
    pub catch_up: Option<Placed<String>>,
    /// `select`
    pub select: Option<Placed<Vec<Placed<String>>>>,
    /// `streams`
    pub streams: Option<Placed<u16>>,
    /// `batch`
    pub batch: Option<Placed<bool>>,
    /// `metadata`, by patterns of streams.
    pub metadata: Option<Placed<IndexMap<String, Node>>>,
    /// `tags`
    pub tags: Option<Placed<Vec<Placed<String>>>>,
    /// `protect`
    pub protect: Option<Placed<bool>>,
    /// `forward_only` and `[backfill]`
    pub choices: Option<ChoicesDraft>,
    /// `[config]`, as written: nested tables are not yet distinguished from values.
    pub config: IndexMap<String, Node>,
    /// `[secrets]` with `[sops]`, or a sidecar. The secrets of an overlay replace those of the base as a whole.
    pub secrets: Option<SecretsDraft>,
}

/// Reads a file.
pub fn read(source: &Source, name: FileName, problems: &mut Problems) -> Option<Draft> {
    table::parse(source, problems, |table, problems| Some(draft(table, name, problems)))
}

fn draft(table: Table<'_>, name: FileName, problems: &mut Problems) -> Draft {
    let draft = Draft {
        source: table.source.clone(),
        secrets: secrets::in_file(&table, &name, problems),
        slug: name.slug,
        environment: name.environment,
        id: table.parsed("id", problems),
        connector: table.text("type", problems),
        plugin: table.text("plugin", problems),
        role: table.choice("kind", &Role::WORDS, problems),
        name: table.text("name", problems),
        description: table.text("description", problems),
        enabled: table.flag("enabled", problems),
        loader: table.text("loader", problems),
        mappers: table.texts("mappers", problems),
        load: LoadDraft::read(&table, problems),
        schema: SchemaDraft::read(&table, problems),
        schedule: table.text("schedule", problems),
        timezone: table.text("timezone", problems),
        jitter: table.text("jitter", problems),
        catch_up: table.text("catch_up", problems),
        select: table.texts("select", problems),
        streams: table.placed_whole("streams", STREAMS, STREAMS_WANTED, problems),
        batch: table.flag("batch", problems),
        metadata: metadata(&table, problems),
        tags: table.texts("tags", problems),
        protect: table.flag("protect", problems),
        choices: ChoicesDraft::read(&table, problems),
        config: config(&table, problems),
    };
    table.plain_secrets(&["config", "secrets"], problems);
    table.finish(problems);
    draft
}

/// Reads metadata: a table per stream pattern.
fn metadata(table: &Table<'_>, problems: &mut Problems) -> Option<Placed<IndexMap<String, Node>>> {
    let streams = table.table("metadata", problems)?;
    for (_, stream) in streams.named_tables(problems) {
        replication(&stream, problems);
    }
    Some(Placed { value: streams.nodes(problems), place: streams.place() })
}

/// The replication methods of taps: <https://hub.meltano.com/singer/spec#metadata>. Other keys, and the metadata of
/// fields, are up to the tap.
const METHODS: [(&str, ()); 3] = [("FULL_TABLE", ()), ("INCREMENTAL", ()), ("LOG_BASED", ())];

fn replication(stream: &Table<'_>, problems: &mut Problems) {
    stream.text("replication-key", problems);
    let method = stream.text("replication-method", problems);
    // Meltano expands `$NAME`, and the value is not known here.
    if method.is_some_and(|method| !method.starts_with('$')) {
        stream.choice("replication-method", &METHODS, problems);
    }
}

fn config(table: &Table<'_>, problems: &mut Problems) -> IndexMap<String, Node> {
    table.table("config", problems).map(|config| config.nodes(problems)).unwrap_or_default()
}

impl Draft {
    /// Returns the draft with an overlay applied, key by key, including tables of `[config]` and `[metadata]`.
    #[must_use]
    pub fn overlaid(&self, overlay: &Self) -> Self {
        let overlay = overlay.clone();
        let config = merged_nodes(self.config.clone(), overlay.config);
        let load = match (self.load.clone(), overlay.load) {
            (Some(base), Some(over)) => Some(base.overlaid(over)),
            (base, over) => over.or(base),
        };
        let schema = match (self.schema.clone(), overlay.schema) {
            (Some(base), Some(over)) => Some(base.overlaid(over)),
            (base, over) => over.or(base),
        };
        let metadata = match (self.metadata.clone(), overlay.metadata) {
            (Some(base), Some(over)) => Some(Placed { value: merged_nodes(base.value, over.value), place: over.place }),
            (base, over) => over.or(base),
        };
        Self {
            source: overlay.source,
            slug: self.slug.clone(),
            environment: overlay.environment,
            id: self.id.clone(),
            connector: self.connector.clone(),
            plugin: self.plugin.clone(),
            role: self.role.clone(),
            name: overlay.name.or_else(|| self.name.clone()),
            description: overlay.description.or_else(|| self.description.clone()),
            enabled: overlay.enabled.or_else(|| self.enabled.clone()),
            loader: overlay.loader.or_else(|| self.loader.clone()),
            mappers: overlay.mappers.or_else(|| self.mappers.clone()),
            load,
            schema,
            schedule: overlay.schedule.or_else(|| self.schedule.clone()),
            timezone: overlay.timezone.or_else(|| self.timezone.clone()),
            jitter: overlay.jitter.or_else(|| self.jitter.clone()),
            catch_up: overlay.catch_up.or_else(|| self.catch_up.clone()),
            select: overlay.select.or_else(|| self.select.clone()),
            streams: overlay.streams.or_else(|| self.streams.clone()),
            batch: overlay.batch.or_else(|| self.batch.clone()),
            metadata,
            tags: overlay.tags.or_else(|| self.tags.clone()),
            protect: self.protect.clone(),
            choices: self.choices.clone(),
            config,
            secrets: overlay.secrets.or_else(|| self.secrets.clone()),
        }
    }
}

/// Merges two tables: shared keys keep their place, new keys follow, in the order in which Meltano goes through them.
fn merged_nodes(mut base: IndexMap<String, Node>, over: IndexMap<String, Node>) -> IndexMap<String, Node> {
    for (name, node) in over {
        let before = base.get(&name).filter(|before| !is_reference(before) && !is_reference(&node));
        let before = before.map(|before| before.content.clone());
        let node = node.map(|over| match (before, over) {
            (Some(Content::Members(before)), Content::Members(over)) => Content::Members(merged_nodes(before, over)),
            (_, over) => over,
        });
        base.insert(name, node);
    }
    base
}

/// Tells whether a node is a single value that is written as a table, `{ env = "NAME" }`.
pub(super) fn is_reference(node: &Node) -> bool {
    node.members().is_some_and(|members| members.len() == 1) && expansion::of_table(&node.value()).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft(text: &str) -> Draft {
        let name = FileName { slug: "shop".parse().unwrap(), environment: None };
        let mut problems = Problems::default();
        let draft = read(&Source::new("integrations/shop.toml", text), name, &mut problems).unwrap();
        assert!(!problems.any_error(), "{problems:?}");
        draft
    }

    #[test]
    fn an_overlay_is_merged_key_by_key() {
        let base = draft("name = 'Shop'\nenabled = true\n[config]\na = 1\nb = {x = 1, y = 2}\n");
        let over = draft("enabled = false\n[config]\nb = {y = 3}\nc = 4\n");
        let merged = base.overlaid(&over);
        assert_eq!(merged.name.unwrap().value, "Shop");
        assert!(!merged.enabled.unwrap().value);
        let config: std::collections::BTreeMap<_, _> =
            merged.config.iter().map(|(k, e)| (k.as_str(), e.value())).collect();
        assert_eq!(json!(config), json!({"a": 1, "b": {"x": 1, "y": 3}, "c": 4}));
    }

    #[test]
    fn a_reference_and_a_table_replace_each_other() {
        let draft_of = |maps: &str| draft(&format!("[config]\nmaps = {{ users = {maps} }}\n"));
        for (base, over) in [
            ("{ id = 1 }", "{ env = 'USERS' }"),
            ("{ env = 'USERS' }", "{ id = 1 }"),
            ("{ env = 'USERS' }", "{ env = 'OTHERS' }"),
        ] {
            let (base, over) = (draft_of(base), draft_of(over));
            assert_eq!(base.overlaid(&over).config["maps"].value(), over.config["maps"].value());
        }
        let merged = draft_of("{ env = 'prod' }").overlaid(&draft_of("{ id = 1 }"));
        assert_eq!(merged.config["maps"].value(), json!({"users": {"env": "prod", "id": 1}}), "it is plain data");
    }
}

//! Tables: where the streams of integrations end up, derived from their loaders' rules before anything runs.

mod mistake;
mod patterns;
mod surprises;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Rules, Stream};
use crate::connector::Naming;
use crate::connector::naming::{NamingSettings, Placement};
use crate::integration::load::{LoaderSettings, schema_setting};
use crate::integration::{Declaration, Integration};
use crate::name::{EnvironmentName, SettingName};
use crate::problem::{Problems, first_of};
use crate::source::Place;

pub use mistake::TableMistake;
use patterns::Patterns;

/// The most tables or integrations that a message lists.
const LISTED: usize = 8;

/// An integration and what it writes in an environment.
pub struct Writer<'a> {
    /// The integration.
    pub integration: &'a Integration,
    /// Its loader.
    pub loader: &'a Integration,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// The streams that it reads, if its source is known.
    pub streams: Option<Vec<&'a Stream>>,
    /// Whether its declaration here differs from the one in the environment that was checked first.
    pub is_other: bool,
}

/// A stream and where it goes.
#[derive(Debug, Clone)]
pub struct TargetTable<'a> {
    /// The stream.
    pub stream: &'a Stream,
    /// The table, or the file.
    pub placement: Placement,
    /// Identifies it among the tables of all loaders.
    key: String,
}

/// The context of a check: the environment in words, and where each integration chooses its loader.
pub struct Within<'a> {
    /// The environment in words, if it is not the default one.
    pub words: &'a str,
    /// Where a file chooses the loader.
    pub place: &'a dyn Fn(&Integration) -> Option<Place>,
}

/// Returns the streams that the rules read.
#[must_use]
pub fn taken<'a>(streams: &'a [Stream], rules: &Rules) -> Vec<&'a Stream> {
    streams.iter().filter(|stream| rules.take(stream).0.is_read()).collect()
}

impl<'a> Writer<'a> {
    fn settings(&self) -> LoaderSettings<'a> {
        LoaderSettings::of(self.loader, self.environment)
    }

    fn declaration(&self) -> &'a Declaration {
        self.integration.at(self.environment)
    }

    fn schema(&self) -> Option<String> {
        self.integration.own_schema(self.settings(), self.environment)
    }

    /// Returns the loader's naming rule; `None` if there is none, or if the integration renames streams.
    fn naming(&self) -> Option<&'a Naming> {
        let configs = [&self.declaration().config, &self.loader.at(self.environment).config];
        let renames = |value: &Value| value.to_string().contains("__alias__");
        let are_renamed = configs.iter().any(|config| {
            config.iter().any(|(name, value)| SettingName::new(name).first() == "stream_maps" && renames(value))
                || config.keys().any(|name| name.contains("__alias__"))
        });
        self.loader.connector.naming.as_ref().filter(|_| !are_renamed)
    }

    /// Returns where a stream goes, given the name that its records are sent under.
    #[must_use]
    pub fn place(&self, stream: &str) -> Option<Placement> {
        Some(self.naming()?.place(stream, self.schema().as_deref(), &self.settings()))
    }

    /// Tells whether the destination of at least one stream is known.
    fn knows_tables(&self) -> bool {
        self.naming().is_some() && self.streams.as_ref().is_some_and(|streams| !streams.is_empty())
    }

    /// Returns where each stream goes; empty if that is not known.
    #[must_use]
    pub fn tables(&self) -> Vec<TargetTable<'a>> {
        let (Some(naming), Some(_)) = (self.naming(), &self.streams) else { return Vec::new() };
        let (schema, settings, destination) = (self.schema(), self.settings(), self.destination());
        let written = |stream: &&'a Stream| {
            let placement = naming.place(stream.sent(), schema.as_deref(), &settings);
            let key = format!("{destination}\n{}", naming.key(&placement));
            TargetTable { stream, placement, key }
        };
        self.streams.iter().flatten().map(written).collect()
    }

    /// Returns a key of the loader's destination: two loaders with the same settings write to the same place. Excludes
    /// the schema, which is part of a table's name.
    fn destination(&self) -> String {
        let (connector, settings) = (&self.loader.connector, self.settings());
        let schema = schema_setting(connector);
        let is_place = |name: &str| Some(name) != schema;
        let secret = self.loader.at(self.environment).secrets.as_ref();
        let says_where = |setting: &&crate::connector::Setting| setting.resync && is_place(&setting.name);
        let mut places = connector.settings.iter().filter(says_where).peekable();
        let is_hidden = |name: &str| secret.is_some_and(|secret| secret.names.iter().any(|known| known == name));
        if places.peek().is_none() || places.clone().any(|setting| is_hidden(&setting.name)) {
            return self.loader.slug.to_string();
        }
        let values: BTreeMap<&str, Option<&Value>> =
            places.map(|setting| (setting.name.as_str(), settings.value(&setting.name))).collect();
        format!("{} {}", connector.plugin.name, json!(values))
    }

    /// Tells whether the integration shares its tables on purpose.
    fn shares(&self) -> bool {
        self.declaration().load.shared_tables
    }
}

/// Finds tables that several streams would share, and unexpected names.
pub fn check(writers: &[Writer<'_>], within: &Within<'_>, problems: &mut Problems) {
    let tables: Vec<Vec<TargetTable<'_>>> = writers.iter().map(Writer::tables).collect();
    let mut first: BTreeMap<&str, (usize, &TargetTable<'_>)> = BTreeMap::new();
    let mut shared: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for (number, written) in tables.iter().enumerate().flat_map(|(at, all)| all.iter().map(move |one| (at, one))) {
        let (before, other) = *first.entry(&written.key).or_insert((number, written));
        let table = written.placement.name();
        if before == number && !std::ptr::eq(other, written) {
            let both = format!("`{}` and `{}` to `{table}`", other.stream.name, written.stream.name);
            shared.entry((before, number)).or_default().push(both);
        } else if before != number {
            shared.entry((before, number)).or_default().push(format!("to `{table}`"));
        }
    }
    for ((one, other), what) in shared {
        self::shared(&writers[one], &writers[other], &what, within, problems);
    }
    patterns(writers, within, problems);
    for (writer, tables) in writers.iter().zip(&tables) {
        surprises::check(writer, tables, within, problems);
    }
}

/// Compares the selections of integrations of one connector if not all of their streams are known.
fn patterns(writers: &[Writer<'_>], within: &Within<'_>, problems: &mut Problems) {
    let mut groups: BTreeMap<(String, Option<String>, &str), Vec<&Writer<'_>>> = BTreeMap::new();
    for writer in writers.iter().filter(|writer| !writer.shares() && !writer.integration.connector.own_streams) {
        let key = (writer.destination(), writer.schema(), writer.integration.connector.plugin.name.as_str());
        groups.entry(key).or_default().push(writer);
    }
    for group in groups.into_values().filter(|group| group.len() > 1) {
        let all: Vec<Patterns> = group.iter().map(|writer| Patterns::of(writer)).collect();
        for ((one, other), streams) in Patterns::common(&all) {
            // If the tables of both are known, this has been reported already.
            if !(group[one].knows_tables() && group[other].knows_tables()) {
                let table = |stream: &String| {
                    let placement = group[one].place(stream).map(|placement| placement.name());
                    format!("to `{}`", placement.unwrap_or_else(|| stream.clone()))
                };
                let what: Vec<String> = streams.iter().map(table).collect();
                shared(group[one], group[other], &what, within, problems);
            }
        }
        let maybe: Vec<&Writer<'_>> = Patterns::maybe(&all).into_iter().map(|at| group[at]).collect();
        if maybe.iter().any(|writer| writer.is_other)
            && let Some(last) = maybe.last()
            && let Some(place) = (within.place)(last.integration)
        {
            let who: Vec<String> = maybe.iter().map(|writer| format!("`{}`", writer.integration.slug)).collect();
            let who = first_of(&who, LISTED);
            let connector = last.integration.connector.head.name.clone();
            let (within, span, help) = (within.words.to_owned(), place.span.clone().into(), ways_out(last));
            let help = format!("run `spile discover` for each of them to find out; otherwise, {help}");
            problems.push(&place.source, TableMistake::MaybeShared { who, connector, within, span, help });
        }
    }
}

fn shared(one: &Writer<'_>, other: &Writer<'_>, what: &[String], within: &Within<'_>, problems: &mut Problems) {
    if one.shares() || other.shares() || !(one.is_other || other.is_other) {
        return;
    }
    let Some(place) = (within.place)(other.integration) else { return };
    let is_one = one.integration.id == other.integration.id;
    let who = if is_one {
        format!("`{}`", one.integration.slug)
    } else {
        format!("`{}` and `{}`", one.integration.slug, other.integration.slug)
    };
    let what = first_of(what, LISTED);
    let is_imported = one.integration.plugin.is_some() || other.integration.plugin.is_some();
    let (within, span) = (within.words.to_owned(), place.span.clone().into());
    let help = if is_one { out_of_one(one) } else { ways_out(other) };
    if is_imported {
        problems.push(&place.source, TableMistake::ImportedShared { who, what, within, span, help });
    } else {
        problems.push(&place.source, TableMistake::Shared { who, what, within, span, help });
    }
}

/// Returns the help for streams of one integration that share a table.
fn out_of_one(writer: &Writer<'_>) -> String {
    format!(
        "exclude one of them with `select`, rename it with the extractor's `stream_maps`, or set `shared_tables = true` under `[load]` in `{}` if their rows belong together",
        writer.integration.path.display()
    )
}

/// Returns the help for integrations that share tables.
fn ways_out(writer: &Writer<'_>) -> String {
    let path = writer.integration.path.display();
    let schema = schema_setting(&writer.loader.connector)
        .map(|_| format!("use a separate schema: `schema = \"{}\"` under `[load]` in `{path}`; ", words(writer)));
    format!(
        "{}add a separate loader and set a prefix or another folder in its settings; or set `shared_tables = true` under `[load]` if their rows belong together",
        schema.unwrap_or_default()
    )
}

fn words(writer: &Writer<'_>) -> String {
    writer.integration.slug.as_str().replace('-', "_")
}

#[cfg(test)]
mod tests;

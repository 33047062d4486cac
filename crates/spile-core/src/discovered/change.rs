//! What has changed in a source since its contract was last accepted, and how a run reacts.

use indexmap::IndexSet;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::contract::{column, path_of};
use super::{Contract, Field, Inclusion, Promise, Rules, Stream};
use crate::integration::select::{as_field_pattern, as_pattern};
use crate::integration::{Aspect, Declaration, Integration, Reaction, SchemaRules};
use crate::name::{IntegrationId, Slug};
use crate::phrase;
use crate::phrase::{Phrase, code};
use crate::problem::counted;

/// A source that differs from its contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedSource {
    /// The integration that reads it.
    pub id: IntegrationId,
    /// Its name.
    pub slug: Slug,
    /// The integration's name in commands, with its environment if needed: `shop --env prod`.
    pub argument: String,
    /// When the source was last discovered.
    pub at: Timestamp,
    /// What has changed.
    pub changes: Vec<Change>,
}

/// Returns the command that accepts the changes of a source. `argument` is the integration's name in commands.
#[must_use]
pub fn accept(argument: &str) -> String {
    format!("spile discover {argument} --accept")
}

/// A change in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The stream.
    pub stream: String,
    /// The difference.
    pub difference: Difference,
    /// Whether the integration reads what has changed, or did before it was removed.
    pub is_read: bool,
    /// How a run reacts.
    pub reaction: Reaction,
}

/// The difference between a source and its contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A new stream.
    NewStream {
        /// How many columns it has.
        columns: usize,
    },
    /// A removed stream. `[sync] missing_stream` determines how a run reacts.
    LostStream,
    /// A new column.
    NewColumn {
        /// Its name.
        column: String,
        /// Its types.
        types: String,
        /// The removed column that may have been renamed to it.
        may_have_been: Option<String>,
    },
    /// A removed column.
    LostColumn {
        /// Its name.
        column: String,
        /// The types that it had.
        types: String,
        /// The new column that it may have been renamed to.
        may_be_now: Option<String>,
    },
    /// A column with different types.
    Retyped {
        /// Its name.
        column: String,
        /// The types that it had.
        before: String,
        /// The types that it has now.
        after: String,
    },
    /// A stream with a different primary key.
    Rekeyed {
        /// The fields of the old key.
        before: Vec<String>,
        /// The fields of the new key.
        after: Vec<String>,
    },
}

impl Difference {
    /// Returns the key of `[schema]` that determines how a run reacts.
    #[must_use]
    pub fn aspect(&self) -> Option<Aspect> {
        match self {
            Self::NewStream { .. } => Some(Aspect::NewStreams),
            Self::LostStream => None,
            Self::NewColumn { .. } => Some(Aspect::NewColumns),
            Self::LostColumn { .. } => Some(Aspect::RemovedColumns),
            Self::Retyped { .. } | Self::Rekeyed { .. } => Some(Aspect::TypeChanges),
        }
    }

    /// Returns a word for the kind of difference.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NewStream { .. } => "new_stream",
            Self::LostStream => "removed_stream",
            Self::NewColumn { .. } => "new_column",
            Self::LostColumn { .. } => "removed_column",
            Self::Retyped { .. } => "type_change",
            Self::Rekeyed { .. } => "key_change",
        }
    }

    /// Returns the column that it is about.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::NewColumn { column, .. } | Self::LostColumn { column, .. } | Self::Retyped { column, .. } => {
                Some(column)
            }
            Self::NewStream { .. } | Self::LostStream | Self::Rekeyed { .. } => None,
        }
    }
}

impl Change {
    /// Returns what has changed, as a sentence.
    #[must_use]
    pub fn sentence(&self) -> Phrase {
        let stream = || code(&self.stream);
        match &self.difference {
            Difference::NewStream { columns } => {
                let taken = if self.is_read {
                    Phrase::default()
                } else {
                    phrase![", which ", code("select"), " does not include"]
                };
                phrase![stream(), " is a new stream with ", counted(*columns, "column"), taken]
            }
            Difference::LostStream => phrase![stream(), " is gone"],
            Difference::NewColumn { column, types, may_have_been } => {
                let before = may_have_been.as_ref().map(|before| phrase!["; it may be a rename of ", code(before)]);
                phrase![stream(), " has a new column ", code(column), of(types), before.unwrap_or_default()]
            }
            Difference::LostColumn { column, types, may_be_now } => {
                let now = may_be_now.as_ref().map(|now| phrase!["; it may now be called ", code(now)]);
                phrase![stream(), " no longer has the column ", code(column), of(types), now.unwrap_or_default()]
            }
            Difference::Retyped { column, before, after } => {
                let column = code(format!("{}.{column}", self.stream));
                phrase![column, " was ", quoted(before), " and is now ", quoted(after)]
            }
            Difference::Rekeyed { before, after } => {
                let (before, after) = (quoted(&before.join(", ")), quoted(&after.join(", ")));
                phrase!["the primary key of ", stream(), " was ", before, " and is now ", after]
            }
        }
    }

    /// Returns what accepting the change means for the destination. `argument` is the integration's name in commands.
    #[must_use]
    pub fn consequence(&self, argument: &str) -> Option<Phrase> {
        if !self.is_read {
            return None;
        }
        let said = match &self.difference {
            Difference::NewStream { .. } => "the next sync reads all of it".into(),
            Difference::LostStream => "its table stays unchanged".into(),
            Difference::NewColumn { column, .. } => {
                let refresh = code(format!("spile sync {argument} --full-refresh"));
                phrase!["existing rows keep ", code(column), " empty until ", refresh]
            }
            Difference::LostColumn { column, .. } => {
                phrase!["the table keeps ", code(column), " and its values; new rows leave it empty"]
            }
            Difference::Retyped { column, .. } => phrase![
                "depending on the loader, the type of ",
                code(column),
                " changes, a second column is added, or records are rejected",
            ],
            Difference::Rekeyed { .. } => "existing rows are identified by the old key and may be duplicated".into(),
        };
        Some(said)
    }

    /// Tells whether the change still has to be accepted.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.reaction != Reaction::Take
    }
}

fn of(types: &str) -> String {
    if types.is_empty() { String::new() } else { format!(" ({types})") }
}

fn quoted(what: &str) -> Phrase {
    if what.is_empty() { "nothing".into() } else { code(what) }
}

/// What determines the changes of an integration: which streams it reads, and its `[schema]`.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'a> {
    /// What the integration reads.
    pub rules: &'a Rules,
    /// How a run reacts to changes.
    pub schema: &'a SchemaRules,
}

impl Watch<'_> {
    /// Returns the changes between two contracts of a source, by stream. Ignores changes of columns that are not read.
    #[must_use]
    pub fn changes(self, before: &Contract, after: &Contract, now: &[Stream]) -> Vec<Change> {
        let names: BTreeSet<&String> = before.streams.keys().chain(after.streams.keys()).collect();
        let mut changes = Vec::new();
        for name in names {
            let stream = || now.iter().find(|stream| stream.name == *name);
            match (before.streams.get(name), after.streams.get(name)) {
                (None, None) => {}
                (None, Some(new)) => {
                    let is_read = stream().is_some_and(|stream| self.rules.take(stream).0.is_read());
                    changes.push(self.change(name, Difference::NewStream { columns: new.columns.len() }, is_read));
                }
                (Some(_), None) => {
                    let is_read = self.rules.take(&Stream::named(name)).0.is_read();
                    changes.push(self.change(name, Difference::LostStream, is_read));
                }
                (Some(before), Some(after)) if before == after => {}
                (Some(before), Some(after)) => {
                    if let Some(stream) = stream().filter(|stream| self.rules.take(stream).0.is_read()) {
                        changes.extend(self.of_stream(stream, before, after));
                    }
                }
            }
        }
        changes
    }

    fn change(self, stream: &str, difference: Difference, is_read: bool) -> Change {
        let reaction = difference.aspect().map(|aspect| self.schema.reaction(stream, aspect)).unwrap_or_default();
        Change { stream: stream.to_owned(), difference, is_read, reaction }
    }

    fn of_stream(self, stream: &Stream, before: &Promise, after: &Promise) -> Vec<Change> {
        let mut found = Vec::new();
        if before.primary_key != after.primary_key {
            let (before, after) = (before.primary_key.clone(), after.primary_key.clone());
            found.push(Difference::Rekeyed { before, after });
        }
        let is_read = |name: &str| self.reads(stream, name);
        let only_in = |one: &Promise, other: &Promise| -> BTreeMap<String, String> {
            let missing = one.columns.iter().filter(|(name, _)| !other.columns.contains_key(*name));
            missing.filter(|(name, _)| is_read(name)).map(|(name, types)| (name.clone(), types.clone())).collect()
        };
        let (lost, new) = (outermost(&only_in(before, after)), outermost(&only_in(after, before)));
        let only_of = |all: &BTreeMap<String, String>, types: &str| {
            let mut of_type = all.iter().filter(|(_, known)| *known == types).map(|(name, _)| name.clone());
            of_type.next().filter(|_| of_type.next().is_none())
        };
        for (column, types) in &lost {
            let may_be_now = only_of(&lost, types).and_then(|_| only_of(&new, types));
            found.push(Difference::LostColumn { column: column.clone(), types: types.clone(), may_be_now });
        }
        for (column, types) in &new {
            let may_have_been = only_of(&new, types).and_then(|_| only_of(&lost, types));
            found.push(Difference::NewColumn { column: column.clone(), types: types.clone(), may_have_been });
        }
        for (column, types) in &after.columns {
            let Some(before) = before.columns.get(column).filter(|before| *before != types && is_read(column)) else {
                continue;
            };
            let (before, after) = (before.clone(), types.clone());
            found.push(Difference::Retyped { column: column.clone(), before, after });
        }
        found.into_iter().map(|difference| self.change(&stream.name, difference, true)).collect()
    }

    /// Tells whether a column of a stream is read, or was read before it was removed.
    fn reads(self, stream: &Stream, name: &str) -> bool {
        let known = stream.fields.iter().find(|field| column(field) == name).cloned();
        let gone = || Field { path: path_of(name), types: Vec::new(), inclusion: Inclusion::Available };
        let fields = vec![known.unwrap_or_else(gone)];
        let alone = Stream { inclusion: stream.inclusion, fields, ..Stream::named(&stream.name) };
        self.rules.take(&alone).1.iter().all(|taken| taken.is_read())
    }
}

/// Returns the columns that are not nested in another one of them.
fn outermost(columns: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_inner =
        |name: &String| columns.keys().any(|other| name.strip_prefix(other).is_some_and(|rest| rest.starts_with('.')));
    columns.iter().filter(|(name, _)| !is_inner(name)).map(|(name, types)| (name.clone(), types.clone())).collect()
}

/// Returns the changes that make a run fail before it moves any record.
#[must_use]
pub fn failing(changes: &[Change]) -> Vec<&Change> {
    changes.iter().filter(|change| change.is_read && change.reaction == Reaction::Fail).collect()
}

/// Returns the changes that a run excludes until they are accepted.
#[must_use]
pub fn asking(changes: &[Change]) -> Vec<&Change> {
    changes.iter().filter(|change| change.is_read && change.reaction == Reaction::Ask).collect()
}

/// Returns the selection of a run that excludes the changes: new streams and columns by their own patterns, and streams
/// with a changed type or key as a whole.
///
/// # Errors
/// The changes that no pattern can exclude.
pub fn without<'a>(
    asking: &[&'a Change],
    integration: &Integration,
    declaration: &Declaration,
    now: &[Stream],
) -> Result<IndexSet<String>, Vec<&'a Change>> {
    let mut selecting = declaration.clone();
    if selecting.select.is_empty() {
        // In an imported project, its own template determines the selection.
        if integration.plugin.is_some() && asking.iter().any(|change| leaves_out(change)) {
            return Err(asking.to_vec());
        }
        selecting.select.insert("*.*".to_owned());
    }
    for change in asking {
        selecting.select.extend(patterns(change));
    }
    let is_read = |selecting: &Declaration, change: &Change| {
        let rules = Rules::of(integration, selecting);
        let stream = now.iter().find(|stream| stream.name == change.stream);
        stream.is_some_and(|stream| match (&change.difference, change.difference.column()) {
            (Difference::NewColumn { .. }, Some(name)) => {
                Watch { rules: &rules, schema: &declaration.schema }.reads(stream, name)
            }
            (_, _) => rules.take(stream).0.is_read(),
        })
    };
    // A column that is always read with its stream can only be excluded with the stream.
    for change in asking.iter().filter(|change| leaves_out(change)) {
        if is_read(&selecting, change) {
            selecting.select.insert(format!("!{}", as_pattern(&change.stream)));
        }
    }
    let left: Vec<&Change> =
        asking.iter().copied().filter(|change| leaves_out(change) && is_read(&selecting, change)).collect();
    if left.is_empty() { Ok(selecting.select) } else { Err(left) }
}

fn leaves_out(change: &Change) -> bool {
    match change.difference {
        Difference::NewStream { .. }
        | Difference::NewColumn { .. }
        | Difference::Retyped { .. }
        | Difference::Rekeyed { .. } => true,
        Difference::LostColumn { .. } | Difference::LostStream => false,
    }
}

/// Returns the patterns that exclude a change.
#[must_use]
pub fn patterns(change: &Change) -> Vec<String> {
    let stream = as_pattern(&change.stream);
    match &change.difference {
        Difference::NewStream { .. } | Difference::Retyped { .. } | Difference::Rekeyed { .. } => {
            vec![format!("!{stream}")]
        }
        Difference::NewColumn { column, types, .. } => {
            let path = path_of(column);
            // Replacing a dot in a name by `?` could exclude other columns too, so the stream is excluded instead.
            if path.iter().any(|part| part.contains('.')) {
                return vec![format!("!{stream}")];
            }
            let column = as_field_pattern(&path);
            let inner = types.contains("object").then(|| format!("!{stream}.{column}.*"));
            std::iter::once(format!("!{stream}.{column}")).chain(inner).collect()
        }
        Difference::LostColumn { .. } | Difference::LostStream => Vec::new(),
    }
}

#[cfg(test)]
mod tests;

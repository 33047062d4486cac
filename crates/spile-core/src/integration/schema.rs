//! `[schema]`: how a run reacts to changes in its source.

use std::collections::BTreeMap;

use super::select::Glob;
use crate::problem::Problems;
use crate::source::{Place, Placed};
use crate::table::Table;

/// A kind of change with a key in `[schema]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// The source offers a new stream.
    NewStreams,
    /// A stream has a new column.
    NewColumns,
    /// A stream has lost a column.
    RemovedColumns,
    /// A column has different types, or a stream a different primary key.
    TypeChanges,
}

impl Aspect {
    /// All kinds, by their keys in files.
    pub const KEYS: [(&'static str, Self); 4] = [
        ("new_streams", Self::NewStreams),
        ("new_columns", Self::NewColumns),
        ("removed_columns", Self::RemovedColumns),
        ("type_changes", Self::TypeChanges),
    ];

    /// Returns its key.
    #[must_use]
    pub fn key(self) -> &'static str {
        Self::KEYS.into_iter().find(|(_, aspect)| *aspect == self).map_or("", |(key, _)| key)
    }
}

/// How a run reacts to a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reaction {
    /// It accepts the source as it is.
    #[default]
    Take,
    /// It excludes the change, ends with a warning, and waits for someone to accept the change.
    Ask,
    /// It fails before it moves any record.
    Fail,
}

impl Reaction {
    /// All reactions, by their words in files.
    pub const WORDS: [(&'static str, Self); 3] = [("take", Self::Take), ("ask", Self::Ask), ("fail", Self::Fail)];

    /// Returns its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, reaction)| *reaction == self).map_or("", |(word, _)| word)
    }
}

/// `[schema]` of a file.
#[derive(Debug, Clone)]
pub struct SchemaDraft {
    /// Its place.
    pub place: Place,
    all: ReactionTable,
    /// The tables of `[schema.streams]`, by pattern.
    streams: BTreeMap<String, ReactionTable>,
}

/// The reactions in a table, by kind of change.
type ReactionTable = BTreeMap<Aspect, Placed<Reaction>>;

/// How a run reacts to changes, stream by stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaRules {
    all: BTreeMap<Aspect, Reaction>,
    streams: Vec<StreamRules>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct StreamRules {
    pattern: Glob,
    reactions: BTreeMap<Aspect, Reaction>,
}

impl SchemaDraft {
    /// Reads `[schema]` of a file.
    pub(super) fn read(file: &Table<'_>, problems: &mut Problems) -> Option<Self> {
        let table = file.table("schema", problems)?;
        let all = reactions(&table, problems);
        let mut streams = BTreeMap::new();
        if let Some(named) = table.table("streams", problems) {
            for (pattern, of_stream) in named.named_tables(problems) {
                let reactions = reactions(&of_stream, problems);
                of_stream.finish(problems);
                streams.insert(pattern.value, reactions);
            }
        }
        let place = table.place();
        table.finish(problems);
        Some(Self { place, all, streams })
    }

    /// Returns it with the table of an overlay applied, key by key.
    #[must_use]
    pub fn overlaid(mut self, over: Self) -> Self {
        self.all.extend(over.all);
        for (pattern, of_stream) in over.streams {
            match self.streams.get_mut(&pattern) {
                Some(base) => base.extend(of_stream),
                None => drop(self.streams.insert(pattern, of_stream)),
            }
        }
        Self { place: over.place, ..self }
    }

    /// Returns the first place that sets a reaction.
    #[must_use]
    pub fn says(&self, reaction: Reaction) -> Option<&Place> {
        let mut all = self.all.values().chain(self.streams.values().flat_map(BTreeMap::values));
        all.find(|said| said.value == reaction).map(|said| &said.place)
    }

    /// Returns its values without their places.
    #[must_use]
    pub fn rules(&self) -> SchemaRules {
        let stream = |(pattern, said): (&String, &ReactionTable)| StreamRules {
            pattern: Glob::from(pattern.replace("\\.", ".").as_str()),
            reactions: unplaced(said),
        };
        SchemaRules { all: unplaced(&self.all), streams: self.streams.iter().map(stream).collect() }
    }
}

fn reactions(table: &Table<'_>, problems: &mut Problems) -> ReactionTable {
    let mut said = |(key, aspect)| Some((aspect, table.choice(key, &Reaction::WORDS, problems)?));
    Aspect::KEYS.into_iter().filter_map(&mut said).collect()
}

fn unplaced(said: &ReactionTable) -> BTreeMap<Aspect, Reaction> {
    said.iter().map(|(aspect, reaction)| (*aspect, reaction.value)).collect()
}

impl SchemaRules {
    /// Returns how a run reacts to a change in a stream. The table with the stream's whole name wins, then the
    /// strictest table whose pattern matches, then `[schema]` itself.
    #[must_use]
    pub fn reaction(&self, stream: &str, aspect: Aspect) -> Reaction {
        let said = |rules: &StreamRules| rules.reactions.get(&aspect).copied();
        let matching = || self.streams.iter().filter(|rules| rules.pattern.matches(stream));
        let exact = matching().filter(|rules| rules.pattern.literal().is_some()).find_map(said);
        let by_pattern = || matching().filter_map(said).max();
        exact.or_else(by_pattern).or_else(|| self.all.get(&aspect).copied()).unwrap_or_default()
    }

    /// Tells whether any reaction differs from [`Reaction::Take`], so that a contract is needed.
    #[must_use]
    pub fn need_contract(&self) -> bool {
        let mut all = self.all.values().chain(self.streams.iter().flat_map(|rules| rules.reactions.values()));
        all.any(|reaction| *reaction != Reaction::Take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::table;

    fn draft(text: &str) -> (Option<SchemaDraft>, Vec<String>) {
        let mut problems = Problems::default();
        let read = |table: Table<'_>, problems: &mut Problems| SchemaDraft::read(&table, problems);
        let draft = table::parse(&Source::new("shop.toml", text), &mut problems, read);
        let report = problems.into_report();
        let told = report.problems().iter().map(|one| format!("{} {}", one.code(), one.message()));
        (draft, told.collect())
    }

    #[test]
    fn the_whole_name_of_a_stream_wins_then_the_strictest_pattern_then_the_table_itself() {
        let text = "[schema]\nnew_columns = 'ask'\n[schema.streams.'public-*']\nnew_columns = 'fail'\n\
                    [schema.streams.'*-log']\nnew_columns = 'take'\n[schema.streams.public-log]\nnew_columns = 'take'\n";
        let (draft, told) = draft(text);
        assert_eq!(told, [""; 0]);
        let rules = draft.unwrap().rules();
        let of = |stream: &str| rules.reaction(stream, Aspect::NewColumns).word();
        assert_eq!(
            ["sales-x", "public-orders", "public-log", "sales-log", "public-a-log"].map(of),
            ["ask", "fail", "take", "take", "fail"]
        );
        assert_eq!(rules.reaction("public-orders", Aspect::TypeChanges), Reaction::Take, "the default is to take");
        assert!(rules.need_contract() && !SchemaRules::default().need_contract());
    }

    #[test]
    fn an_overlay_is_applied_key_by_key() {
        let base =
            draft("[schema]\nnew_columns = 'ask'\nnew_streams = 'fail'\n[schema.streams.a]\ntype_changes = 'fail'\n");
        let over = draft("[schema]\nnew_streams = 'take'\n[schema.streams.a]\nnew_columns = 'take'\n");
        let rules = base.0.unwrap().overlaid(over.0.unwrap()).rules();
        let of = |stream: &str, aspect| rules.reaction(stream, aspect).word();
        assert_eq!((of("b", Aspect::NewColumns), of("b", Aspect::NewStreams)), ("ask", "take"));
        assert_eq!((of("a", Aspect::TypeChanges), of("a", Aspect::NewColumns)), ("fail", "take"));
    }

    #[test]
    fn unknown_words_are_problems() {
        let (_, told) = draft("[schema]\nnew_column = 'ask'\ntype_changes = 'aks'\n[schema.streams.a]\nnew = 'x'\n");
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.iter().any(|one| one.contains("`aks` is not a known value")), "{told:?}");
        for key in ["`new_column`", "`new`"] {
            let is_it = |one: &&String| one.starts_with("spile::toml::unknown_key") && one.contains(key);
            assert!(told.iter().any(|one| is_it(&one)), "{key}: {told:?}");
        }
    }
}

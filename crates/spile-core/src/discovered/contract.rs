//! A contract: the file in git that records what a source offered when it was last accepted.
//!
//! Only spile writes it. It is sorted, with a line for each column, so that a pull request shows a line for each
//! change.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use miette::{Diagnostic, SourceSpan};

use super::{Field, Inclusion, Rules, Stream};
use crate::connector::Connector;
use crate::name::{EnvironmentName, Slug};
use crate::problem::Problems;
use crate::source::Source;
use crate::table::{self, Table};
use crate::toml_text::{key, string};

/// The folder of contracts in a project.
pub const FOLDER: &str = "contracts";

/// The most bytes of a contract: a hundred thousand columns take fewer.
pub const MOST_BYTES: u64 = 4 << 20;

/// What a source offered when it was last accepted, by stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contract {
    /// The streams, by name.
    pub streams: BTreeMap<String, Promise>,
}

/// What a stream offered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Promise {
    /// The name that its records are sent under, if it differs from the stream's.
    pub sent_as: Option<String>,
    /// The fields that identify its records.
    pub primary_key: Vec<String>,
    /// The types of each column, in words, by the name that [`column`] returns.
    pub columns: BTreeMap<String, String>,
}

/// Mistakes about a contract.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ContractMistake {
    /// A missing contract that a sync needs.
    #[error("`{path}` is missing, and no sync starts without it")]
    #[diagnostic(
        severity(warning),
        code(spile::contract::missing),
        help("run `{command}` to create it from what the source offers, and commit the file")
    )]
    Missing {
        /// Where it belongs.
        path: String,
        /// The command that writes it.
        command: String,
        /// The table that requires it.
        #[label("needs a contract")]
        span: SourceSpan,
    },
}

/// Returns the path of an integration's contract for an environment, relative to the project.
#[must_use]
pub fn path(slug: &Slug, environment: &EnvironmentName) -> PathBuf {
    PathBuf::from(FOLDER).join(format!("{slug}.{environment}.toml"))
}

/// Returns the name of a field in contracts: its path, with a backslash before dots that are part of a name.
#[must_use]
pub fn column(field: &Field) -> String {
    let parts: Vec<String> = field.path.iter().map(|part| part.replace('\\', "\\\\").replace('.', "\\.")).collect();
    parts.join(".")
}

/// Returns the path of a field from its name in contracts.
pub(super) fn path_of(column: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = column.chars();
    while let Some(letter) = letters.next() {
        let part = parts.len() - 1;
        match letter {
            '\\' => parts[part].extend(letters.next()),
            '.' => parts.push(String::new()),
            _ => parts[part].push(letter),
        }
    }
    parts
}

impl Contract {
    /// Returns the contract that accepts what a source offers now. Excludes the streams that the connector excludes by
    /// default, for example a database's own tables, and the fields that the tap cannot read.
    #[must_use]
    pub fn of(streams: &[Stream], connector: &Connector) -> Self {
        let own = own_rules(connector);
        let taken = streams.iter().filter(|stream| own.take(stream).0.is_read());
        Self { streams: taken.map(|stream| (stream.name.clone(), Promise::of(stream))).collect() }
    }

    /// Returns the streams that were offered, by name only.
    #[must_use]
    pub fn offered(&self) -> Vec<Stream> {
        let stream =
            |(name, promise): (&String, &Promise)| Stream { sent_as: promise.sent_as.clone(), ..Stream::named(name) };
        self.streams.iter().map(stream).collect()
    }

    /// Returns the text of its file.
    #[must_use]
    pub fn text(&self, slug: &Slug, environment: &EnvironmentName) -> String {
        let mut text = format!(
            "# What the source of `{slug}` offered in `{environment}` when it was last accepted.\n\
             # Written by `spile discover {slug} --accept`: do not edit it.\n"
        );
        for (name, promise) in &self.streams {
            let _ = writeln!(text, "\n[streams.{}]", key(name));
            if let Some(sent) = &promise.sent_as {
                let _ = writeln!(text, "sent_as = {}", string(sent));
            }
            let names: Vec<String> = promise.primary_key.iter().map(|name| string(name)).collect();
            let _ = writeln!(text, "primary_key = [{}]", names.join(", "));
            for (column, types) in &promise.columns {
                let _ = writeln!(text, "columns.{} = {}", key(column), string(types));
            }
        }
        text
    }

    /// Reads the text of its file.
    #[must_use]
    pub fn read(source: &Source, problems: &mut Problems) -> Option<Self> {
        table::parse(source, problems, |table, problems| {
            let mut streams = BTreeMap::new();
            if let Some(named) = table.table("streams", problems) {
                for (name, stream) in named.named_tables(problems) {
                    streams.insert(name.value, Promise::read(stream, problems));
                }
            }
            table.finish(problems);
            Some(Self { streams })
        })
    }
}

impl Promise {
    fn of(stream: &Stream) -> Self {
        let readable = stream.fields.iter().filter(|field| field.inclusion != Inclusion::Unsupported);
        let columns = readable.map(|field| (column(field), field.types.join(", "))).collect();
        let sent_as = stream.sent_as.clone().filter(|sent| *sent != stream.name);
        Self { sent_as, primary_key: stream.primary_key.clone(), columns }
    }

    fn read(table: Table<'_>, problems: &mut Problems) -> Self {
        let sent_as = table.text("sent_as", problems).map(|name| name.value);
        let names = table.texts("primary_key", problems);
        let primary_key = names.into_iter().flat_map(|names| names.value).map(|name| name.value).collect();
        let mut columns = BTreeMap::new();
        if let Some(listed) = table.table("columns", problems) {
            columns.extend(listed.named_texts(problems).into_iter().map(|(name, types)| (name, types.value)));
        }
        table.finish(problems);
        Self { sent_as, primary_key, columns }
    }
}

/// Returns the rules for what a connector excludes by default.
fn own_rules(connector: &Connector) -> Rules {
    let left_out = connector.select.iter().filter(|pattern| pattern.starts_with('!')).cloned();
    Rules::selecting(&left_out.chain(["*.*".to_owned()]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{Catalog, Role};
    use crate::discovered::tests::stream;

    fn names() -> (Slug, EnvironmentName) {
        ("shop".parse().unwrap(), "dev".parse().unwrap())
    }

    fn contract(text: &str) -> (Option<Contract>, Vec<String>) {
        let mut problems = Problems::default();
        let read = Contract::read(&Source::new("contracts/shop.dev.toml", text), &mut problems);
        let report = problems.into_report();
        (read, report.problems().iter().map(crate::problem::Problem::code).collect())
    }

    #[test]
    fn a_contract_is_read_back_whatever_the_names_are() {
        let mut odd = stream("a \"b\"\n[c]", &[("id", Inclusion::Automatic), ("x.y", Inclusion::Available)]);
        odd.fields[1].path = vec!["primary_key".to_owned(), "with.dot\\".to_owned(), "é = 1".to_owned()];
        odd.fields[1].types = vec!["null".to_owned(), "string (\"odd\n)".to_owned()];
        odd.primary_key = vec!["id".to_owned(), "x, y".to_owned()];
        odd.sent_as = Some("sent \"so\"".to_owned());
        let postgres = Catalog::built_in(Role::Extractor, "postgres").unwrap();
        let written = Contract::of(&[odd.clone(), stream("bare", &[])], &postgres);
        let (slug, environment) = names();
        let text = written.text(&slug, &environment);
        assert_eq!(contract(&text), (Some(written), Vec::new()), "{text}");
        assert_eq!(path_of(&column(&odd.fields[1])), odd.fields[1].path);
    }

    #[test]
    fn each_column_is_a_line() {
        let mut orders = stream("public-orders", &[("id", Inclusion::Automatic), ("reason", Inclusion::Available)]);
        orders.primary_key = vec!["id".to_owned()];
        orders.fields[1].types = vec!["null".to_owned(), "string".to_owned()];
        let postgres = Catalog::built_in(Role::Extractor, "postgres").unwrap();
        let (slug, environment) = names();
        let text = Contract::of(&[orders], &postgres).text(&slug, &environment);
        let body = text.split_once("\n\n").unwrap().1;
        let wanted =
            "[streams.public-orders]\nprimary_key = [\"id\"]\ncolumns.id = \"\"\ncolumns.reason = \"null, string\"\n";
        assert_eq!(body, wanted);
    }

    #[test]
    fn a_databases_own_tables_and_unreadable_fields_are_excluded() {
        let streams = [
            stream("pg_catalog-pg_class", &[("oid", Inclusion::Available)]),
            stream("public-orders", &[("blob", Inclusion::Unsupported), ("id", Inclusion::Available)]),
        ];
        let postgres = Catalog::built_in(Role::Extractor, "postgres").unwrap();
        let contract = Contract::of(&streams, &postgres);
        let streams: Vec<&String> = contract.streams.keys().collect();
        let columns: Vec<&String> = contract.streams["public-orders"].columns.keys().collect();
        assert_eq!((streams[0].as_str(), streams.len()), ("public-orders", 1));
        assert_eq!((columns[0].as_str(), columns.len()), ("id", 1));
    }

    #[test]
    fn an_invalid_contract_is_a_problem_with_a_place() {
        for (text, code) in [
            ("streams = 1\n", "spile::toml::wrong_kind"),
            ("[streams.a]\ncolumns.b = 1\n", "spile::toml::wrong_kind"),
            ("[streams.a]\nprimary = ['b']\n", "spile::toml::unknown_key"),
            ("<<<<<<< HEAD\n", "spile::toml::conflict"),
        ] {
            assert_eq!(contract(text).1, [code], "{text}");
        }
    }
}

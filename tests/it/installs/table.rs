//! The table of built-in connectors in `docs/connectors.md`.

use std::path::{Path, PathBuf};

use spile_core::connector::bundled::Bundled;
use spile_core::connector::{Catalog, Connector};

/// The marks around the table.
const MARKS: (&str, &str) = ("<!-- installs: begin -->\n", "<!-- installs: end -->\n");

const HEAD: &str = "| connector | kind | plugin | variant | grade | Python | date |\n|---|---|---|---|---|---|---|\n";

/// How far a connector has been tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    Run,
    Installed,
    Defined,
}

impl Grade {
    const WORDS: [(&'static str, Self); 3] =
        [("run", Self::Run), ("installed", Self::Installed), ("defined", Self::Defined)];

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, grade)| *grade == self).unwrap().0
    }
}

/// The line of one connector.
pub struct Line {
    key: String,
    text: String,
}

impl Line {
    pub fn new(connector: &Connector, grade: Grade, pythons: &[String], date: &str) -> Self {
        let key = key(connector);
        let pythons = if pythons.is_empty() { "-".to_owned() } else { pythons.join(", ") };
        Self { text: format!("{key}{} | {pythons} | {date} |\n", grade.word()), key }
    }
}

/// Returns the cells of a line that only depend on the definition.
pub fn key(connector: &Connector) -> String {
    let (head, plugin) = (&connector.head, &connector.plugin);
    format!("| `{}` | {} | {} | {} | ", head.name, head.role, requirement(&plugin.pip_url), plugin.variant)
}

/// Returns a requirement for people: `tap-x 1.0`, or `owner/tap-x` at a commit.
fn requirement(pip_url: &str) -> String {
    if Bundled::of(pip_url).is_some() {
        return "spile's own".to_owned();
    }
    let first = pip_url.split_whitespace().next().unwrap_or_default();
    match first.strip_prefix("git+https://github.com/").and_then(|of| of.rsplit_once('@')) {
        Some((repository, commit)) => format!("{} at `{}`", repository.trim_end_matches(".git"), &commit[..8]),
        None => first.replace("==", " "),
    }
}

/// The table as the documentation has it.
pub struct Table {
    path: PathBuf,
    before: String,
    lines: Vec<Line>,
    behind: String,
}

impl Table {
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/connectors.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = text.split_once(MARKS.0).unwrap();
        let (table, behind) = rest.split_once(MARKS.1).unwrap();
        let lines = table.strip_prefix(HEAD).unwrap().lines().map(|line| {
            // The definition fills four cells, and the trial three.
            let end = line.match_indices("| ").nth(4).unwrap().0 + 2;
            Line { key: line[..end].to_owned(), text: format!("{line}\n") }
        });
        let lines = lines.collect();
        Self { path, before: before.to_owned(), lines, behind: behind.to_owned() }
    }

    /// Returns the lines' keys, in order.
    pub fn keys(&self) -> Vec<&str> {
        self.lines.iter().map(|line| line.key.as_str()).collect()
    }

    /// Returns the recorded grade of a connector, as it is pinned.
    pub fn grade(&self, connector: &Connector) -> Option<Grade> {
        let line = self.line(&key(connector))?;
        let word = line.text[line.key.len()..].split(' ').next()?;
        Grade::WORDS.iter().find(|(known, _)| *known == word).map(|(_, grade)| *grade)
    }

    fn line(&self, key: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.key == key)
    }

    /// Puts a connector's line in the place of the older one.
    pub fn put(&mut self, line: Line) {
        match self.lines.iter_mut().find(|older| older.key == line.key) {
            Some(older) => *older = line,
            None => self.lines.push(line),
        }
    }

    /// Writes the table into the documentation: the built-in connectors in their order, without lines of others.
    pub fn write(&self) {
        let heads = Catalog::built_in_heads();
        let connectors = heads.iter().map(|head| Catalog::built_in(head.role, &head.name).unwrap());
        let line = |connector: &Connector| {
            let untried = || Line::new(connector, Grade::Defined, &[], "-").text;
            self.line(&key(connector)).map_or_else(untried, |line| line.text.clone())
        };
        let table: String = connectors.map(|connector| line(&connector)).collect();
        let (begin, end) = MARKS;
        std::fs::write(&self.path, format!("{}{begin}{HEAD}{table}{end}{}", self.before, self.behind)).unwrap();
    }
}

//! Copies of secrets in the rest of a file: in an anchor that a password was moved from, a comment, or another plugin.
//!
//! Where Meltano reads nothing, copies are removed. Anywhere else they may be needed, so the import is refused, with
//! their positions.

use std::collections::BTreeMap;
use std::ops::Range;

use super::adopted::Adopted;
use super::inventory::Inventory;
use super::part::Part;
use crate::name::SettingName;
use crate::secrecy::{self, Copies, NOT_SHOWN};
use crate::secret::Secret;
use crate::yaml::{Content, Document, Edits, Node, comments};

/// The top-level keys that Meltano reads (its `meltano.schema.json` and `settings.yml`).
const READ: [&str; 31] = [
    "annotations",
    "auto_install",
    "cli",
    "database_max_retries",
    "database_retry_timeout",
    "database_uri",
    "default_environment",
    "disable_tracking",
    "elt",
    "env",
    "environments",
    "experimental",
    "ff",
    "hub",
    "hub_api_root",
    "hub_url",
    "hub_url_auth",
    "include_paths",
    "jobs",
    "logging",
    "plugins",
    "project_id",
    "project_readonly",
    "python",
    "run",
    "schedules",
    "send_anonymous_usage_stats",
    "snowplow",
    "state_backend",
    "venv",
    "version",
];

/// What happened to the copies of secrets in a file.
#[derive(Debug, Default)]
pub struct Struck {
    /// The text without the removed copies, otherwise unchanged.
    pub text: String,
    /// The range of each removed copy, and its replacement.
    pub spans: Vec<(Range<usize>, String)>,
    /// Copies that must stay, because they may be read.
    pub left: Vec<Range<usize>>,
}

/// Returns a search for copies of everything that was recognized as a secret.
pub fn of(adopted: &[Adopted]) -> Copies {
    let parts = adopted.iter().flat_map(|one| std::iter::once(&one.base).chain(one.overlays.values()));
    let secrets: Vec<&Secret> = parts.flat_map(|part| part.secrets.values()).collect();
    Copies::of(secrets.into_iter())
}

/// Removes copies from the comments that move with a plugin.
pub fn strike_comments(one: &mut Adopted, copies: &Copies) {
    let strike = |comments: &mut Vec<String>| {
        for comment in comments {
            *comment = without(comment, copies);
        }
    };
    for part in std::iter::once(&mut one.base).chain(one.overlays.values_mut()) {
        let Part { config, select, metadata, load_schema, comments, head, .. } = part;
        let said = config.iter_mut().chain(metadata).chain(load_schema).chain(select.iter_mut().flatten());
        for said in said {
            strike(&mut said.comments);
            for within in &mut said.within {
                within.text = without(&within.text, copies);
            }
        }
        strike(comments);
        strike(head);
    }
}

fn without(comment: &str, copies: &Copies) -> String {
    let mut edits = Edits::default();
    for span in in_comment(comment, copies) {
        edits.replace(span, NOT_SHOWN);
    }
    edits.apply(comment, &str::to_owned)
}

/// Finds copies in a comment. A secret that may be an ordinary word counts only if the comment names it as a secret.
fn in_comment(comment: &str, copies: &Copies) -> Vec<Range<usize>> {
    let said = secrecy::said(comment).filter(|(name, value)| {
        secrecy::is_name(name) && copies.is_exactly(comment[value.clone()].trim_matches(['"', '\'']))
    });
    match said {
        Some((_, value)) => vec![value],
        None => copies.spans(comment),
    }
}

/// Finds the copies in the rest of a document. `removed` are the parts that are moved out.
pub fn strike(document: &Document<'_>, found: &Inventory<'_>, adopted: &[Adopted], removed: &[Range<usize>]) -> Struck {
    let copies = of(adopted);
    let mut search = Search {
        document,
        copies: &copies,
        removed,
        merges: merges(found, adopted),
        free: false,
        struck: Struck::default(),
    };
    if !copies.is_empty() {
        search.comments();
        for pair in document.root.pairs() {
            search.free = is_free(pair.key.text().unwrap_or_default(), &pair.value);
            search.key(&pair.key);
            search.node(&pair.value, pair.key.text().unwrap_or_default());
        }
    }
    let mut struck = search.struck;
    let mut edits = Edits::default();
    for (span, text) in &struck.spans {
        edits.replace(span.clone(), text.as_str());
    }
    struck.text = edits.apply(document.text, &str::to_owned);
    struck.left.sort_by_key(|span| span.start);
    struck.left.dedup();
    struck
}

/// Returns what adopted plugins merge in. Their own values come later and override it.
fn merges(found: &Inventory<'_>, adopted: &[Adopted]) -> Vec<Range<usize>> {
    let is_adopted = |name: &str| adopted.iter().any(|one| one.key.name == name);
    let own = found.plugins.iter().filter(|plugin| is_adopted(&plugin.key.name)).map(|plugin| plugin.item);
    own.filter_map(|item| item.pair("<<")).map(|pair| pair.value.span.clone()).collect()
}

/// Tells whether Meltano does not read a top-level key, because it only contains anchors for the rest of the file.
fn is_free(key: &str, value: &Node) -> bool {
    let first = SettingName::new(key).first();
    let mut has_anchor = false;
    value.visit(&mut |node| has_anchor |= node.anchor.is_some());
    key.starts_with(['.', '_']) || key.starts_with("x-") || (has_anchor && !READ.contains(&first))
}

struct Search<'a> {
    document: &'a Document<'a>,
    copies: &'a Copies,
    removed: &'a [Range<usize>],
    merges: Vec<Range<usize>>,
    free: bool,
    struck: Struck,
}

impl Search<'_> {
    fn is_gone(&self, span: &Range<usize>) -> bool {
        self.removed.iter().any(|removed| removed.start <= span.start && span.end <= removed.end)
    }

    fn comments(&mut self) {
        let text = self.document.text;
        for (at, comment) in comments(text, 0..text.len(), &self.document.root) {
            for span in in_comment(comment, self.copies) {
                let span = at + span.start..at + span.end;
                if !self.is_gone(&span) {
                    self.struck.spans.push((span, NOT_SHOWN.to_owned()));
                }
            }
        }
    }

    /// A key cannot be removed, because it names something.
    fn key(&mut self, key: &Node) {
        if key.text().is_some_and(|text| self.copies.is_in(text)) && !self.is_gone(&key.span) {
            self.struck.left.push(key.span.clone());
        }
    }

    fn node(&mut self, node: &Node, key: &str) {
        if self.is_gone(&node.span) {
            return;
        }
        match &node.content {
            Content::Scalar { text, .. } => {
                if self.is_copy(node, text, key) {
                    self.scalar(node);
                }
            }
            Content::Sequence(_, items) => items.iter().for_each(|item| self.node(item, key)),
            Content::Mapping(_, pairs) => {
                for pair in pairs {
                    self.key(&pair.key);
                    self.node(&pair.value, pair.key.text().unwrap_or_default());
                }
            }
            Content::Alias(_) => {
                let is_merged = self.merges.contains(&node.span);
                if !self.free && !is_merged && self.holds(node, key) {
                    self.struck.left.push(node.span.clone());
                }
            }
        }
    }

    /// A secret that may be an ordinary word counts as a copy only under a secret's name, or if aliases refer to it.
    fn is_copy(&self, node: &Node, text: &str, key: &str) -> bool {
        let is_meant = node.anchor.is_some() || secrecy::is_name(key);
        self.copies.is_in(text) || (is_meant && self.copies.is_exactly(text))
    }

    fn scalar(&mut self, node: &Node) {
        if !self.free || node.tag.is_some() {
            self.struck.left.push(node.span.clone());
            return;
        }
        let written = &self.document.text[node.span.clone()];
        let anchor = written.split_whitespace().next().filter(|_| node.anchor.is_some());
        let text = anchor.map_or_else(|| NOT_SHOWN.to_owned(), |anchor| format!("{anchor} {NOT_SHOWN}"));
        self.struck.spans.push((node.span.clone(), text));
    }

    /// Tells whether the target of an alias contains a copy that is removed.
    fn holds(&self, alias: &Node, key: &str) -> bool {
        let Some(target) = self.document.resolve(alias).filter(|target| !self.is_gone(&target.span)) else {
            return false;
        };
        let mut keys = BTreeMap::new();
        target.visit(&mut |node| {
            for pair in node.pairs() {
                keys.insert(pair.value.span.start, pair.key.text().unwrap_or_default());
            }
        });
        let mut holds = false;
        target.visit(&mut |node| {
            let key = keys.get(&node.span.start).copied().unwrap_or(key);
            holds |= node.text().is_some_and(|text| self.is_copy(node, text, key));
        });
        holds
    }
}

#[cfg(test)]
mod tests {
    use crate::connector::Catalog;
    use crate::import::{Import, LeftAlone, Locks, import, prepared};
    use crate::problem::Problems;

    fn imported(rest: &str, config: &str) -> Import {
        let text = format!(
            "{rest}plugins:\n  extractors:\n  - name: tap-a\n    namespace: a\n    config:\n{config}  loaders: []\n"
        );
        let catalog = Catalog::new(&[], &mut Problems::default());
        import(&prepared(&text).unwrap(), &catalog, &Locks::default(), &mut LeftAlone::new()).unwrap()
    }

    #[test]
    fn a_copy_that_is_never_read_is_removed() {
        for (rest, config) in [
            ("shared: &pw hunter2xyz\n", "      password: *pw\n"),
            ("shared: &pw 'letmein'\n", "      password: *pw\n"),
            ("x-base: &b\n  password: hunter2xyz\n  a: 1\n", "      <<: *b\n      b: 2\n"),
            ("x-base: &b {password: \"hunter2xyz\"}\n", "      <<: *b\n      b: 2\n"),
            ("x: &pw |-\n  hunter2xyz\n", "      password: *pw\n"),
            ("# the password: hunter2xyz\n", "      password: hunter2xyz\n"),
            ("", "      # it was hunter2xyz for long\n      a: 1 # letmein\n      password: hunter2xyz\n"),
            ("x: &x [a, 'postgres://me:hunter2xyz@db']\n", "      password: hunter2xyz\n"),
        ] {
            let import = imported(rest, config);
            assert!(import.left_secrets.is_empty(), "{rest}");
            let files = import.files.iter().map(|file| file.text.as_str()).chain([import.template.as_str()]);
            let written: String = files.collect();
            assert!(!written.contains("hunter2xyz") && !written.contains("'letmein'"), "{written}");
            assert_eq!(import.adopted[0].base.secrets.len(), 1, "{config}");
        }
    }

    #[test]
    fn a_copy_that_may_be_read_is_left_for_the_user() {
        let config = "      password: hunter2xyz\n";
        for (rest, left) in [
            ("env:\n  PGPASSWORD: hunter2xyz\n", 1),
            ("env: {URL: 'postgres://me:hunter2xyz@db', B64: aHVudGVyMnh5eg==}\n", 2),
            ("jobs:\n- {name: j, tasks: [tap-a, 'x hunter2xyz']}\n", 1),
            ("environments:\n- name: dev\n  env: {A: hunter2xyz}\n", 1),
            ("other: hunter2xyz\n", 1),
            ("x: &pw hunter2xyz\nenv: {A: *pw}\n", 1),
            ("x: &pw hunter2xyz\nenv: {<<: {A: *pw}}\n", 1),
            ("x: &x {A: hunter2xyz}\nenv: {<<: *x}\n", 1),
        ] {
            assert_eq!(imported(rest, config).left_secrets.len(), left, "{rest}");
        }
    }

    #[test]
    fn a_copy_in_another_setting_is_encrypted_too() {
        let import = imported("", "      password: hunter2xyz\n      note: the old hunter2xyz\n      other: a\n");
        let names: Vec<&str> = import.adopted[0].base.secrets.keys().map(String::as_str).collect();
        assert_eq!(names, ["note", "password"]);
    }

    #[test]
    fn an_ordinary_word_that_is_a_password_is_not_searched_for_everywhere() {
        let rest = "env: {DB: postgres, POSTGRES_PASSWORD: postgres}\nx: &x {user: postgres}\n";
        let import = imported(rest, "      user: postgres\n      password: postgres\n");
        assert_eq!(import.left_secrets.len(), 1, "only the one that is called a password");
        assert!(import.template.contains("x: &x {user: postgres}"));
    }

    #[test]
    fn a_setting_declared_as_not_secret_stays_plain() {
        let text = "plugins:\n  extractors:\n  - name: tap-a\n    namespace: a\n    settings:\n    - {name: api_key, sensitive: false}\n\
                    \x20   config: {api_key: abc, sheet_id: x}\n";
        let catalog = Catalog::new(&[], &mut Problems::default());
        let import = import(&prepared(text).unwrap(), &catalog, &Locks::default(), &mut LeftAlone::new()).unwrap();
        assert!(import.adopted[0].base.secrets.is_empty());
        let connector = import.files.iter().find(|file| file.path.starts_with("connectors")).unwrap();
        assert!(connector.text.contains("{ name = \"api_key\", secret = false },\n"), "{}", connector.text);
    }
}

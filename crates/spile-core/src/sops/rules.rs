//! `.sops.yaml`: the recipients of new documents.

use regex::Regex;

use super::encryption_rule;
use super::metadata::ENCRYPTED;
use super::node::{Members, Node, find};
use crate::yaml::{is_deep, may_grow};

/// The lists in a rule that contain keys other than age keys.
const FOREIGN: [&str; 6] = ["pgp", "kms", "gcp_kms", "azure_keyvault", "hc_vault_transit_uri", "hckms"];

/// The lists whose name in a group differs from that in a rule.
const IN_GROUPS: [(&str, &str); 1] = [("hc_vault", "hc_vault_transit_uri")];

/// The creation rules of a `.sops.yaml`, in order.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    stores: Option<Node>,
}

/// One creation rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The age recipients, without duplicates.
    pub age: Vec<String>,
    /// The kinds of other keys. Only the official program can encrypt for them.
    pub foreign: Vec<&'static str>,
    /// Whether the data key is split, or the groups contain more than age recipients.
    pub has_groups: bool,
    path: Option<Regex>,
    members: Members,
}

/// Why a `.sops.yaml` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRules {
    /// It is not valid YAML. The parser's message is omitted, because only its position is reliable.
    #[error("it is not valid YAML: {place}")]
    Syntax {
        /// The line and the column, if known.
        place: String,
    },
    /// It has too many aliases, and each would be expanded to a copy.
    #[error("it has too many aliases (`*`) for its size")]
    Aliases,
    /// It is not a map.
    #[error("its top is not a map")]
    NotAMap,
    /// Its rules are not valid.
    #[error("its `creation_rules` is not a list of maps")]
    NotRules,
    /// A path pattern is not valid.
    #[error("the `path_regex` of rule {rule} is not a valid pattern: {reason}")]
    Path {
        /// The number of the rule, from 1.
        rule: usize,
        /// The reason.
        reason: String,
    },
    /// A value has the wrong type.
    #[error("the `{key}` of rule {rule} is not {wanted}")]
    Value {
        /// The number of the rule, from 1.
        rule: usize,
        /// The key.
        key: String,
        /// What the value must be.
        wanted: &'static str,
    },
    /// A rule has two of the six settings that exclude each other.
    #[error("rule {rule} sets twice which values are encrypted: `{first}` and `{second}`")]
    Scopes {
        /// The number of the rule, from 1.
        rule: usize,
        /// The first setting.
        first: &'static str,
        /// The second setting.
        second: &'static str,
    },
}

impl Rules {
    /// Parses a `.sops.yaml`. Without `creation_rules`, it has no rules.
    ///
    /// # Errors
    /// When it is not valid YAML, or a rule is not valid.
    pub fn read(text: &str) -> Result<Self, BadRules> {
        let syntax = |error: yaml_serde::Error| BadRules::Syntax {
            place: error.location().map_or_else(
                || "it ends too early".to_owned(),
                |at| format!("line {}, column {}", at.line(), at.column()),
            ),
        };
        if is_deep(text) {
            return Err(BadRules::Syntax { place: "it is nested too deeply".to_owned() });
        }
        if may_grow(text) {
            return Err(BadRules::Aliases);
        }
        let mut value: yaml_serde::Value = yaml_serde::from_str(text).map_err(syntax)?;
        value.apply_merge().map_err(syntax)?;
        let top = match <Node as serde::Deserialize>::deserialize(value).map_err(syntax)? {
            Node::Null => Members::new(),
            Node::Map(members) => members,
            _ => return Err(BadRules::NotAMap),
        };
        let rules = match find(&top, "creation_rules") {
            None | Some(Node::Null) => Vec::new(),
            Some(Node::List(rules)) => {
                rules.iter().enumerate().map(|(index, rule)| Rule::read(index + 1, rule)).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(BadRules::NotRules),
        };
        Ok(Self { rules, stores: find(&top, "stores").cloned() })
    }

    /// Returns the rule for a file: the first one without a pattern, or whose pattern matches the path. The path is
    /// relative to the folder of `.sops.yaml`.
    #[must_use]
    pub fn for_path(&self, relative: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.path.as_ref().is_none_or(|path| path.is_match(relative)))
    }

    /// Returns a `.sops.yaml` in which this rule applies to every path. With it, the official program's result depends
    /// neither on the name of a copy nor on the program's version.
    #[must_use]
    pub fn alone(&self, rule: &Rule, which: Scoped) -> String {
        let is_encryption_rule = |key: &str| encryption_rule::KEYS.contains(&key) || key == "mac_only_encrypted";
        let mut members = rule.members.clone();
        members.retain(|(key, _)| key != "path_regex" && !(which == Scoped::AsProfile && is_encryption_rule(key)));
        if which == Scoped::AsProfile {
            members.push(("encrypted_regex".to_owned(), Node::Text(ENCRYPTED.to_owned())));
            members.push(("mac_only_encrypted".to_owned(), Node::Bool(true)));
        }
        let mut top = vec![("creation_rules".to_owned(), Node::List(vec![Node::Map(members)]))];
        top.extend(self.stores.clone().map(|stores| ("stores".to_owned(), stores)));
        // JSON is valid YAML. This cannot fail, because keys are text and values come from JSON.
        serde_json::to_string_pretty(&Node::Map(top)).unwrap_or_default()
    }
}

/// Which values are encrypted under the rule of [`Rules::alone`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scoped {
    /// Those that the rule selects.
    AsWritten,
    /// Those in `[secrets]`, as in all of spile's files.
    AsProfile,
}

impl Rule {
    fn read(rule: usize, node: &Node) -> Result<Self, BadRules> {
        let Node::Map(members) = node else { return Err(BadRules::NotRules) };
        let value = |key: &str, wanted| BadRules::Value { rule, key: key.to_owned(), wanted };
        let path = match find(members, "path_regex") {
            None | Some(Node::Null) => None,
            Some(Node::Text(text)) if text.is_empty() => None,
            Some(Node::Text(text)) => {
                Some(Regex::new(text).map_err(|error| BadRules::Path { rule, reason: reason(&error) })?)
            }
            Some(_) => return Err(value("path_regex", "text")),
        };
        let said = |key: &&&str| find(members, key).is_some_and(|node| !node.is_empty());
        let mut written = encryption_rule::KEYS.iter().filter(said);
        if let (Some(first), Some(second)) = (written.next(), written.next()) {
            return Err(BadRules::Scopes { rule, first, second });
        }
        let mut keys = RuleKeys::default();
        let groups = match find(members, "key_groups") {
            None | Some(Node::Null) => &[][..],
            Some(Node::List(groups)) => groups,
            Some(_) => return Err(value("key_groups", "a list of groups")),
        };
        for group in groups {
            let Node::Map(group) = group else { return Err(value("key_groups", "a list of groups")) };
            keys.take(group, rule)?;
        }
        if groups.is_empty() {
            keys.take(members, rule)?;
        }
        let is_split = find(members, "shamir_threshold").is_some_and(|n| !n.is_empty() && *n != Node::Integer(0));
        let has_groups = groups.len() > 1 || is_split || (!groups.is_empty() && !keys.foreign.is_empty());
        Ok(Self { age: keys.age, foreign: keys.foreign, has_groups, path, members: members.clone() })
    }
}

/// The keys of a rule or of a group.
#[derive(Default)]
struct RuleKeys {
    age: Vec<String>,
    foreign: Vec<&'static str>,
}

impl RuleKeys {
    fn take(&mut self, members: &Members, rule: usize) -> Result<(), BadRules> {
        if let Some(node) = find(members, "age") {
            let wanted = "a string or a list of strings";
            let recipients = texts(node).ok_or_else(|| BadRules::Value { rule, key: "age".to_owned(), wanted })?;
            for recipient in recipients {
                if !self.age.contains(&recipient) {
                    self.age.push(recipient);
                }
            }
        }
        let named = |kind: &&'static str| {
            let other = IN_GROUPS.iter().find(|(_, name)| name == kind).map(|(name, _)| *name);
            [Some(*kind), other].into_iter().flatten().any(|key| find(members, key).is_some_and(|n| !n.is_empty()))
        };
        for kind in FOREIGN.into_iter().filter(named) {
            if !self.foreign.contains(&kind) {
                self.foreign.push(kind);
            }
        }
        for nested in find(members, "merge").map(Node::items).unwrap_or_default() {
            if let Node::Map(nested) = nested {
                self.take(nested, rule)?;
            }
        }
        Ok(())
    }
}

/// Returns texts that are separated by commas or in a list.
fn texts(node: &Node) -> Option<Vec<String>> {
    let split = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
    };
    match node {
        Node::Null => Some(Vec::new()),
        Node::Text(text) => Some(split(text)),
        Node::List(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| item.as_text().map(split)).collect();
            Some(items?.concat())
        }
        Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Map(_) => None,
    }
}

/// Returns the last line of a pattern's error. The other lines draw the pattern.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r"
keys:
  - &alice age1alice
  - &bob age1bob
creation_rules:
  - path_regex: \.prod\.toml$
    age: age1alice, age1bob,, age1alice
    kms: arn:aws:kms:eu-west-1:1:key/a
  - path_regex: ^team/
    key_groups:
      - age: [*alice, *bob]
        merge:
          - age: [age1carol]
  - path_regex: split
    shamir_threshold: 2
    key_groups:
      - age: [*alice]
      - pgp: ['ABC']
        hc_vault: ['https://vault']
  - age:
      - *bob
    encrypted_suffix: _x
stores:
  yaml:
    indent: 2
";

    fn rule(path: &str) -> Rule {
        Rules::read(RULES).unwrap().for_path(path).unwrap().clone()
    }

    #[test]
    fn the_first_rule_with_a_matching_pattern_applies() {
        assert_eq!(rule("a/shop.prod.toml").age, ["age1alice", "age1bob"]);
        assert_eq!(rule("a/shop.prod.toml").foreign, ["kms"]);
        assert_eq!(rule("a/team/shop.toml").age, ["age1bob"]);
        assert!(Rules::read("creation_rules: [{path_regex: x, age: a}]").unwrap().for_path("y").is_none());
        assert!(Rules::read("").unwrap().for_path("y").is_none());
        assert!(Rules::read("stores: {}").unwrap().for_path("y").is_none());
    }

    #[test]
    fn one_group_of_age_recipients_counts_as_a_list() {
        let team = rule("team/shop.toml");
        assert_eq!(
            (team.age.as_slice(), team.has_groups),
            (&["age1alice", "age1bob", "age1carol"].map(str::to_owned)[..], false)
        );
        let split = rule("split.toml");
        assert!(split.has_groups && split.foreign == ["pgp", "hc_vault_transit_uri"]);
    }

    #[test]
    fn a_rule_alone_keeps_its_recipients_and_has_the_requested_encryption_rule() {
        let rules = Rules::read(RULES).unwrap();
        let last = rules.for_path("other").unwrap();
        let own = Rules::read(&rules.alone(last, Scoped::AsProfile)).unwrap();
        let own = own.for_path("anything").unwrap();
        assert_eq!((&own.age, own.members.len()), (&last.age, 3));
        assert_eq!(find(&own.members, "encrypted_regex").and_then(Node::as_text), Some("^secrets$"));
        let split = rules.alone(rules.for_path("split").unwrap(), Scoped::AsWritten);
        assert!(split.contains("\"shamir_threshold\": 2") && split.contains("\"indent\": 2"), "{split}");
        assert!(!split.contains("path_regex"));
    }

    #[test]
    fn mistakes_in_rules_are_reported_with_their_position() {
        let said = |text: &str| Rules::read(text).unwrap_err().to_string();
        assert_eq!(said("creation_rules:\n  - age: [a\n"), "it is not valid YAML: line 3, column 1");
        assert_eq!(said("- a"), "its top is not a map");
        assert_eq!(said("creation_rules: 1"), "its `creation_rules` is not a list of maps");
        assert_eq!(
            said("creation_rules: [{}, {path_regex: '('}]"),
            "the `path_regex` of rule 2 is not a valid pattern: unclosed group"
        );
        assert_eq!(said("creation_rules: [{age: 1}]"), "the `age` of rule 1 is not a string or a list of strings");
        assert_eq!(
            said("creation_rules: [{encrypted_regex: a, unencrypted_suffix: b}]"),
            "rule 1 sets twice which values are encrypted: `unencrypted_suffix` and `encrypted_regex`"
        );
    }

    #[test]
    fn a_rule_has_groups_if_the_key_is_split_or_a_group_has_other_keys_than_age() {
        for (rule, has_groups) in [
            ("age: a", false),
            ("age: a, pgp: b", false),
            ("age: a, shamir_threshold: 0", false),
            ("age: a, shamir_threshold: null", false),
            ("age: a, shamir_threshold: ''", false),
            ("age: a, shamir_threshold: 2", true),
            ("age: a, key_groups: []", false),
            ("key_groups: [{age: [a]}]", false),
            ("key_groups: [{age: [a]}], shamir_threshold: 1", true),
            ("key_groups: [{age: [a], pgp: [b]}]", true),
            ("key_groups: [{age: [a]}, {age: [b]}]", true),
        ] {
            let rules = Rules::read(&format!("creation_rules: [{{{rule}}}]")).unwrap();
            assert_eq!(rules.for_path("shop.toml").unwrap().has_groups, has_groups, "{rule}");
        }
    }
}

//! Rewrites a TOML file for a changed document: only `[secrets]` and `[sops]` change, every other byte stays.

use toml::de::DeTable;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, TomlError, Value, value};

use super::document::{Document, SECRETS};
use super::node::{self, Members, Node};
use crate::table;

/// The name of the metadata's table.
const SOPS: &str = "sops";

/// Updates a file to a document's secrets and metadata. Comments, order and layout of everything else do not change,
/// and neither do unchanged ciphertexts. If the document has no secrets, both tables are removed.
///
/// # Errors
/// When the text is not valid TOML, or too deeply nested.
pub fn rewrite(text: &str, document: &Document) -> Result<String, TomlError> {
    let mut file = table::editable(text)?;
    if document.secrets().is_empty() {
        file.remove(SECRETS);
        file.remove(SOPS);
    } else {
        let before = DeTable::parse(text).map(|table| node::from_toml(table.get_ref())).unwrap_or_default();
        add_tables(&mut file);
        let known = |name| match node::find(&before, name) {
            Some(Node::Map(members)) => members.clone(),
            _ => Members::new(),
        };
        if let Some(table) = file.get_mut(SECRETS).and_then(Item::as_table_like_mut) {
            set_members(table, &known(SECRETS), document.secrets());
            put_in_order(table, document.secrets());
        }
        if let Some(table) = file.get_mut(SOPS).and_then(Item::as_table_like_mut) {
            set_members(table, &known(SOPS), document.metadata.members());
        }
    }
    Ok(with_line_ends_of(text, file.to_string()))
}

/// Adds missing tables at the end. A comment at the end of the file stays before them.
fn add_tables(file: &mut DocumentMut) {
    for name in [SECRETS, SOPS] {
        if file.get(name).is_some_and(Item::is_table_like) {
            continue;
        }
        let mut table = Table::new();
        let trailing = file.trailing().as_str().unwrap_or_default().to_owned();
        let gap = if file.is_empty() && trailing.is_empty() { "" } else { "\n" };
        table.decor_mut().set_prefix(format!("{trailing}{gap}"));
        file.set_trailing("");
        file.insert(name, Item::Table(table));
    }
}

/// Updates a table to these members. Members that are already the same, according to `before`, are not touched.
fn set_members(table: &mut dyn TableLike, before: &Members, members: &[(String, Node)]) {
    let keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    for key in keys.iter().filter(|key| node::find(members, key).is_none_or(is_unwritable)) {
        table.remove(key);
    }
    for (key, node) in members.iter().filter(|(_, node)| !is_unwritable(node)) {
        let is_same = node::find(before, key) == Some(node)
            || node.as_text().is_some_and(|text| table.get(key).and_then(Item::as_str) == Some(text));
        if is_same {
            continue;
        }
        match table.get_mut(key) {
            Some(Item::ArrayOfTables(known)) => set_tables(known, node.items()),
            Some(item) => replace(item, node),
            None => drop(table.insert(key, item(node))),
        }
    }
}

/// Moves existing members into this order, because the MAC depends on it, together with their comments and layout.
fn put_in_order(table: &mut dyn TableLike, members: &[(String, Node)]) {
    let wanted = members.iter().filter(|(_, node)| !is_unwritable(node)).map(|(name, _)| name.as_str());
    if table.iter().map(|(name, _)| name).eq(wanted) {
        return;
    }
    for (name, _) in members {
        if let (Some(key), Some(item)) = (table.key(name).cloned(), table.remove(name)) {
            table.entry_format(&key).or_insert(item);
        }
    }
}

/// TOML can express neither null nor an empty list of tables.
fn is_unwritable(node: &Node) -> bool {
    matches!(node, Node::Null) || matches!(node, Node::List(items) if items.is_empty())
}

/// Updates an array to these tables. Unchanged tables stay as written.
fn set_tables(array: &mut ArrayOfTables, nodes: &[Node]) {
    let known: Vec<Table> = array.iter().cloned().collect();
    let tables = nodes.iter().map(|node| {
        let same = known.iter().find(|table| is_same(table, node));
        same.cloned().unwrap_or_else(|| new_table(node))
    });
    let tables: Vec<Table> = tables.collect();
    array.clear();
    for mut table in tables {
        // The tables follow each other in this order, wherever they were before.
        table.set_position(None);
        array.push(table);
    }
}

fn is_same(table: &Table, node: &Node) -> bool {
    let Node::Map(members) = node else { return false };
    let equal = |(key, node): &(String, Node)| {
        node.as_text().is_some() && table.get(key).and_then(Item::as_str) == node.as_text()
    };
    members.len() == table.len() && members.iter().all(equal)
}

fn new_table(node: &Node) -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    if let Node::Map(members) = node {
        set_members(&mut table, &Members::new(), members);
    }
    table
}

/// Replaces a value but keeps the comment after it.
fn replace(item: &mut Item, node: &Node) {
    let decor = item.as_value().map(|value| value.decor().clone());
    *item = self::item(node);
    if let (Some(decor), Some(value)) = (decor, item.as_value_mut()) {
        *value.decor_mut() = decor;
    }
}

fn item(node: &Node) -> Item {
    match node {
        Node::List(items) if items.iter().all(|item| matches!(item, Node::Map(_))) => {
            let mut array = ArrayOfTables::new();
            set_tables(&mut array, items);
            Item::ArrayOfTables(array)
        }
        Node::Map(_) => Item::Table(new_table(node)),
        Node::Null | Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Text(_) | Node::List(_) => {
            value(plain(node))
        }
    }
}

fn plain(node: &Node) -> Value {
    match node {
        Node::Null => Value::from(""),
        Node::Bool(flag) => Value::from(*flag),
        Node::Integer(number) => Value::from(*number),
        Node::Float(number) => Value::from(*number),
        Node::Text(text) => Value::from(text.as_str()),
        Node::List(items) => Value::Array(items.iter().map(plain).collect()),
        Node::Map(members) => {
            let members = members.iter().map(|(key, node)| (key.as_str(), plain(node)));
            Value::InlineTable(members.collect::<InlineTable>())
        }
    }
}

/// Keeps Windows line endings.
fn with_line_ends_of(before: &str, after: String) -> String {
    let (ends, all) = (before.matches("\r\n").count(), before.matches('\n').count());
    if ends > 0 && ends == all { after.replace("\r\n", "\n").replace('\n', "\r\n") } else { after }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::sops::{DataKey, Wrapped};

    const FILE: &str = "# The shop.\nid = 'x'   # stays\ntype = \"shop\"\n\n[config]\nport   = 1 # odd layout\n\
                        list = [ 1,\n  2 ]\n# the end\n";

    fn document(secrets: &[(&str, &str)], key: &DataKey) -> Document {
        let wrapped = Wrapped { recipient: "age1x".to_owned(), enc: "-----BEGIN\nx\n-----END\n".to_owned() };
        let mut document = Document::profile(&[wrapped]);
        for (name, value) in secrets {
            document.set(name, &Secret::new(*value), key);
        }
        document.seal(key, jiff::Timestamp::UNIX_EPOCH).unwrap();
        document
    }

    fn read(text: &str) -> Document {
        Document::from_members(node::from_toml(DeTable::parse(text).unwrap().get_ref())).unwrap()
    }

    fn changed_lines(before: &str, after: &str) -> usize {
        let diff = similar::TextDiff::from_lines(before, after);
        diff.iter_all_changes().filter(|change| change.tag() == similar::ChangeTag::Insert).count()
    }

    #[test]
    fn the_tables_are_added_at_the_end_and_the_rest_does_not_change() {
        let key = DataKey::generate();
        let document = document(&[("password", "hunter2"), ("ssh.key", "a\nb\n")], &key);
        let text = rewrite(FILE, &document).unwrap();
        assert!(text.starts_with(FILE), "{text}");
        let lines: Vec<_> = text[FILE.len()..].lines().map(|line| line.split(" = \"ENC").next().unwrap()).collect();
        assert_eq!(
            lines,
            [
                "",
                "[secrets]",
                "password",
                "\"ssh.key\"",
                "",
                "[sops]",
                "lastmodified = \"1970-01-01T00:00:00Z\"",
                "mac",
                "encrypted_regex = \"^secrets$\"",
                "mac_only_encrypted = true",
                "version = \"3.9.0\"",
                "",
                "[[sops.age]]",
                "recipient = \"age1x\"",
                "enc = \"\"\"",
                "-----BEGIN",
                "x",
                "-----END",
                "\"\"\"",
            ]
        );
        assert_eq!(read(&text).carrier(), document);
        read(&text).open(&key).unwrap();
    }

    #[test]
    fn changing_one_secret_changes_three_lines() {
        let key = DataKey::generate();
        let mut document = document(&[("password", "hunter2"), ("user", "bob")], &key);
        let before = rewrite(FILE, &document).unwrap().replace("user = ", "# who\nuser   = ");
        document.set("password", &Secret::new("hunter3"), &key);
        document.set("user", &Secret::new("bob"), &key);
        document.seal(&key, "2026-01-02T03:04:05.6Z".parse().unwrap()).unwrap();
        let after = rewrite(&before, &document).unwrap();
        assert_eq!(changed_lines(&before, &after), 3, "{after}");
        assert!(after.contains("# who\nuser   = "));
        assert_eq!(read(&after).open(&key).unwrap().iter().filter(|leaf| leaf.was_encrypted).count(), 2);
    }

    #[test]
    fn an_additional_recipient_adds_a_table_and_leaves_the_others_as_written() {
        let key = DataKey::generate();
        let mut document = document(&[("password", "hunter2")], &key);
        let before = rewrite(FILE, &document).unwrap().replace("recipient = ", "# Ann\nrecipient   = ");
        let mut age = document.metadata.age().unwrap();
        age.push(Wrapped { recipient: "age1y".to_owned(), enc: "-----BEGIN\ny\n-----END\n".to_owned() });
        document.metadata.set_age(&age);
        let after = rewrite(&before, &document).unwrap();
        assert!(after.starts_with(&before), "{after}");
        assert_eq!(read(&after).metadata.recipients(), ["age1x", "age1y"]);
    }

    #[test]
    fn without_secrets_both_tables_are_removed() {
        let key = DataKey::generate();
        let mut document = document(&[("password", "hunter2")], &key);
        let before = rewrite(FILE, &document).unwrap();
        document.remove("password");
        assert!(!rewrite(&before, &document).unwrap().contains("sops"));
    }

    #[test]
    fn unknown_metadata_is_kept() {
        let key = DataKey::generate();
        let mut document = document(&[("password", "hunter2")], &key);
        let foreign =
            "\n[[sops.kms]]\narn = \"arn:aws:kms:x\" # ours\ncreated_at = \"2026-01-01T00:00:00Z\"\nenc = \"AA==\"\n";
        let before = rewrite(FILE, &document).unwrap() + foreign;
        let mut read = read(&before);
        assert_eq!(read.metadata.recipients(), ["age1x", "AWS KMS arn:aws:kms:x"]);
        read.set("password", &Secret::new("hunter3"), &key);
        assert!(rewrite(&before, &read.carrier()).unwrap().ends_with(foreign));
        document.metadata = read.metadata;
    }

    #[test]
    fn secrets_are_in_the_order_of_the_document() {
        let key = DataKey::generate();
        let text = rewrite(FILE, &document(&[("a", "1"), ("b", "2"), ("c", "3")], &key)).unwrap();
        let text = rewrite(&text, &document(&[("c", "1"), ("a", "2"), ("b", "3")], &key)).unwrap();
        read(&text).open(&key).unwrap();
    }

    #[test]
    fn unchanged_members_are_not_touched() {
        let text = "[secrets]\na = { b = 0x10 }   # odd\nc = [ 1,\n 2 ]\nd = 2024-01-01\n[sops]\nmac=''\n";
        let document = read(text);
        assert_eq!(rewrite(text, &document).unwrap(), text);
    }

    #[test]
    fn windows_line_endings_are_kept() {
        let key = DataKey::generate();
        let text = rewrite(&FILE.replace('\n', "\r\n"), &document(&[("a", "b")], &key)).unwrap();
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        read(&text).open(&key).unwrap();
    }

    #[test]
    fn values_that_toml_cannot_express_are_omitted_and_lists_of_texts_are_arrays() {
        let key = DataKey::generate();
        let mut document = document(&[("password", "hunter2")], &key);
        let texts = ["a", "b"].map(|text| Node::Text(text.to_owned()));
        document.metadata.set("notes", Node::List(texts.into()));
        document.metadata.set("kms", Node::Null);
        document.metadata.set("pgp", Node::List(Vec::new()));
        if let Node::Map(secrets) = &mut document.tree[0].1 {
            secrets.insert(0, ("nothing".to_owned(), Node::Null));
        }
        let text = rewrite(FILE, &document).unwrap();
        let read = read(&text);
        assert_eq!(read.secrets().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["password"]);
        let keys: Vec<&str> = read.metadata.members().iter().map(|(key, _)| key.as_str()).collect();
        assert!(!keys.contains(&"kms") && !keys.contains(&"pgp"), "{keys:?}");
        assert!(text.contains("notes = [\"a\", \"b\"]\n"), "{text}");
    }
}

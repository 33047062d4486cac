//! The structure of a `meltano.yml`: what Meltano rejects is rejected here, with its position.

use super::ImportMistake;
use crate::yaml::{Content, Document, Node, ValueReader};

/// Checks the parts of a file that import uses: `plugins`, `environments`, `jobs`, `schedules`.
///
/// # Errors
/// With the first part whose structure Meltano does not accept.
pub fn check(document: &Document<'_>) -> Result<(), ImportMistake> {
    let form = YamlForm { document };
    form.table(&document.root, "the file")?;
    if let Some(plugins) = form.member(&document.root, "plugins", "`plugins`")? {
        for pair in plugins.pairs() {
            let list = pair.key.text().unwrap_or_default().to_owned();
            for name in form.named(&pair.value, &format!("`plugins.{list}`"))? {
                if name.text().is_some_and(|name| name.contains(':')) {
                    let text = name.text().unwrap_or_default().to_owned();
                    return Err(ImportMistake::Name { name: text, span: name.span.clone().into() });
                }
            }
        }
    }
    for key in ["environments", "jobs", "schedules"] {
        if let Some(list) = document.root.get(key) {
            form.named(list, &format!("`{key}`"))?;
        }
    }
    let Some(environments) = document.root.get("environments") else { return Ok(()) };
    for environment in document.resolve(environments).map(Node::items).unwrap_or_default() {
        let Some(config) = form.member(environment, "config", "`config` of an environment")? else { continue };
        let Some(plugins) = form.member(config, "plugins", "`plugins` of an environment")? else { continue };
        for pair in plugins.pairs() {
            form.named(&pair.value, &format!("`plugins.{}` of an environment", pair.key.text().unwrap_or_default()))?;
        }
    }
    Ok(())
}

struct YamlForm<'a> {
    document: &'a Document<'a>,
}

impl YamlForm<'_> {
    /// Returns the node, which must be a table.
    fn table<'b>(&'b self, node: &'b Node, what: &str) -> Result<&'b Node, ImportMistake> {
        match self.document.resolve(node) {
            Some(found) if matches!(found.content, Content::Mapping(..)) => Ok(found),
            _ => Err(wrong(node, what, "a table")),
        }
    }

    /// Returns a table in a table. A key without a value counts as missing.
    fn member<'b>(&'b self, node: &'b Node, key: &str, what: &str) -> Result<Option<&'b Node>, ImportMistake> {
        let found = self.document.resolve(node).and_then(|node| node.get(key)).filter(|value| value.text() != Some(""));
        found.map(|value| self.table(value, what)).transpose()
    }

    /// Tells whether a node is a text that is not empty.
    fn is_text(&self, node: &Node) -> bool {
        let value = ValueReader::of(self.document).value(node, &mut Vec::new());
        value.as_str().is_some_and(|text| !text.is_empty())
    }

    /// Returns the names in a list of tables. Each table must have one.
    fn named<'b>(&'b self, node: &'b Node, what: &str) -> Result<Vec<&'b Node>, ImportMistake> {
        let list = self.document.resolve(node).filter(|list| matches!(list.content, Content::Sequence(..)));
        let list = list.ok_or_else(|| wrong(node, what, "a list"))?;
        let mut names = Vec::new();
        for item in list.items() {
            let table = self.table(item, &format!("an item of {what}"))?;
            // A merge key may bring the name. It does not matter here what it is.
            let merges = table.pairs().iter().any(|pair| pair.key.text() == Some("<<"));
            match table.get("name").and_then(|name| self.document.resolve(name)) {
                Some(name) if self.is_text(name) => names.push(name),
                None if merges => {}
                found => {
                    let at = found.unwrap_or(item);
                    return Err(wrong(at, &format!("the `name` of an item of {what}"), "a string"));
                }
            }
        }
        Ok(names)
    }
}

fn wrong(node: &Node, what: &str, wanted: &'static str) -> ImportMistake {
    let found = match &node.content {
        Content::Sequence(..) => "a list",
        Content::Mapping(..) if wanted == "a string" => "missing",
        Content::Mapping(..) => "a table",
        Content::Scalar { text, .. } if text.is_empty() => "empty",
        Content::Scalar { .. } => "a string or a number",
        Content::Alias(_) => "an alias",
    };
    // Underlines only the start, not the whole list.
    let span = node.span.start..node.span.end.min(node.span.start + 1).max(node.span.start);
    ImportMistake::Form { what: what.to_owned(), found, wanted, span: span.into() }
}

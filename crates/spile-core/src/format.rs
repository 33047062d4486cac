//! Formats files: keys in the order of the documentation, one blank line between tables, comments kept with what they
//! are about. Values stay byte for byte as written. Encrypted tables are not changed at all, because their order is
//! part of their MAC.

mod section;

use toml_edit::TomlError;

use crate::connector::Connector;
use crate::integration::keys::{KEYS, TABLES};
use section::{Section, sections};

/// Returns an integration's file, formatted. Settings are in the connector's order if it is known.
///
/// # Errors
/// When the text is not valid TOML.
pub fn integration(text: &str, connector: Option<&Connector>) -> Result<String, TomlError> {
    let (head, mut sections) = sections(text)?;
    let keys = KEYS.map(|(key, _)| key);
    let settings: Vec<&str> = connector
        .map(|connector| connector.settings.iter().map(|setting| setting.name.as_str()).collect())
        .unwrap_or_default();
    for section in &mut sections {
        match section.name.as_str() {
            "" => section.sort(&keys),
            "config" => section.sort(&settings),
            _ => {}
        }
    }
    let place = |section: &Section| {
        let first = section.table();
        if first.is_empty() {
            0
        } else {
            TABLES.iter().position(|name| *name == first).map_or(TABLES.len(), |at| at + 1)
        }
    };
    sections.sort_by_key(place);
    Ok(joined(&head, &sections))
}

/// Returns another kind of file, formatted. Its keys and tables keep their order.
///
/// # Errors
/// When the text is not valid TOML.
pub fn other(text: &str) -> Result<String, TomlError> {
    let (head, sections) = sections(text)?;
    Ok(joined(&head, &sections))
}

fn joined(head: &[String], sections: &[Section]) -> String {
    let mut blocks: Vec<String> = Vec::new();
    for section in sections {
        let block = section.text();
        if !block.is_empty() {
            blocks.push(block);
        }
    }
    let mut text: String = head.iter().flat_map(|line| [line, "\n"]).collect();
    if blocks.is_empty() {
        // The blank line after the head separates it from what follows.
        text.truncate(text.trim_end().len());
        text.push_str(if text.is_empty() { "" } else { "\n" });
    }
    text + &blocks.join("\n")
}

#[cfg(test)]
mod tests;

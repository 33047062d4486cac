//! The form of files: keys in the order of the documentation, one blank line between tables, comments with what they are
//! about. Values stay as they are written, to the byte, and so does what is encrypted: its order is part of its MAC.

mod section;

use toml_edit::TomlError;

use crate::connector::Connector;
use crate::integration::keys::{KEYS, TABLES};
use section::{Section, sections};

/// Returns an integration's file in its form; its settings in the order of the connector, where that is known.
///
/// # Errors
/// When the text is not TOML.
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
        let first = section.name.split('.').next().unwrap_or_default();
        if first.is_empty() {
            0
        } else {
            TABLES.iter().position(|name| *name == first).map_or(TABLES.len(), |at| at + 1)
        }
    };
    sections.sort_by_key(place);
    Ok(joined(&head, &sections))
}

/// Returns a file of another kind in its form: its keys and tables stay in their order.
///
/// # Errors
/// When the text is not TOML.
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
        // The blank line behind the head parts it from what follows.
        text.truncate(text.trim_end().len());
        text.push_str(if text.is_empty() { "" } else { "\n" });
    }
    text + &blocks.join("\n")
}

#[cfg(test)]
mod tests;

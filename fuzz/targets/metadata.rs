//! The `sops` block in every format: whatever it contains, every question about it has an answer.
#![no_main]

use spile_core::sops::{Document, Metadata, node};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for metadata in [json(text), yaml(text), toml(text)].into_iter().flatten() {
        let _ = (metadata.mistakes(), metadata.last_modified(), metadata.mac(), metadata.scope().is_ok());
        let _ = (metadata.age(), metadata.recipients(), metadata.foreign_kinds(), metadata.needs_program());
        let _ = metadata.is_profile();
    }
});

fn json(text: &str) -> Option<Metadata> {
    Document::from_json(&format!("{{\"sops\":{text}}}")).ok().map(|document| document.metadata)
}

fn yaml(text: &str) -> Option<Metadata> {
    let block: String = text.lines().map(|line| format!("  {line}\n")).collect();
    Document::from_yaml(&format!("sops:\n{block}")).ok().map(|document| document.metadata)
}

fn toml(text: &str) -> Option<Metadata> {
    let text = format!("[sops]\n{text}");
    let table = toml::de::DeTable::parse(&text).ok()?;
    Document::from_members(node::from_toml(table.get_ref())).ok().map(|document| document.metadata)
}

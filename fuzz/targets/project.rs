//! A whole project of any files: checked, its problems reported, rendered; and formatted without a change in meaning.
#![no_main]

use std::path::Path;

use spile_core::format;
use spile_core::integration::FileName;
use spile_ops::Error;
use spile_ops::check::{ConnectorFiles, Files, checked};
use spile_core::problem::Problems;
use spile_core::source::Source;
use spile_view::report;
use spile_core::{render, settings};

/// The line before a file's text: `--- integrations/shop.toml`.
const HEAD: &str = "--- ";

libfuzzer_sys::fuzz_target!(|text: &str| {
    let sources = sources(text);
    for source in &sources {
        formatted(source);
    }
    match checked(files(sources), Problems::default()) {
        Ok(loaded) => {
            let _ = loaded.prove();
        }
        Err(error) => {
            assert!(!report::error(&error).is_empty());
            if let Error::Problems(found) = &error {
                assert!(!found.problems().is_empty(), "it is refused for a reason");
            }
        }
    }
});

fn sources(text: &str) -> Vec<Source> {
    let mut sources: Vec<(&str, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match (line.strip_prefix(HEAD), sources.last_mut()) {
            (Some(path), _) => sources.push((path.trim(), String::new())),
            (None, Some((_, text))) => text.push_str(line),
            (None, None) => sources.push(("spile.toml", line.to_owned())),
        }
    }
    sources.into_iter().map(|(path, text)| Source::new(path, text)).collect()
}

fn files(sources: Vec<Source>) -> Files {
    let mut files = Files::default();
    let (mut connectors, mut problems) = (Vec::new(), Problems::default());
    for source in sources {
        let path = source.path().to_owned();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        match path.parent().and_then(Path::to_str) {
            Some("connectors") => connectors.push(source),
            Some("templates") => files.template = Some(source),
            Some("integrations") => match (FileName::of_stem(stem), FileName::of_stem(stem.trim_end_matches(".secrets"))) {
                (Some(name), _) => files.integrations.declared.push((name, source)),
                (None, Some(name)) => files.integrations.sidecars.push((name, source)),
                (None, None) => {}
            },
            _ => files.settings = Some(source),
        }
    }
    let is_read = files.settings.as_ref().is_some_and(|source| settings::read(source, &mut problems).is_some());
    if !is_read {
        // Invalid settings would hide everything else.
        files.settings.get_or_insert_with(|| Source::new("spile.toml", "[project]\nname = \"x\"\n"));
    }
    files.template.get_or_insert_with(|| Source::new("templates/meltano.yml.j2", render::TEMPLATE));
    files.connectors = ConnectorFiles::Read(connectors);
    files
}

fn formatted(source: &Source) {
    if let Ok(once) = format::integration(source.text(), None) {
        let meaning = |text: &str| toml::from_str::<toml::Table>(text).ok();
        assert_eq!(meaning(&once), meaning(source.text()), "it means something else");
        assert_eq!(format::integration(&once, None).expect("what is in its form is TOML"), once);
    }
}

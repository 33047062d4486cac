//! What an import makes of the projects that the other tests hold against Meltano: as fast as it is pure, and to the byte.

use std::fmt::Write;
use std::path::Path;

use super::*;
use crate::problem::Problems;
use crate::secrecy::NOT_SHOWN;

/// Returns all that an import of a text writes and says; of secrets their names.
fn written(text: &str) -> String {
    let catalog = Catalog::new(&[], &mut Problems::default());
    let import = import(&prepared(text).unwrap(), (&catalog, &Locks::default()), &mut Left::new()).unwrap();
    let mut written = String::new();
    let default = import.default_environment.map(|name| name.to_string()).unwrap_or_default();
    let environments: Vec<&str> = import.environments.iter().map(EnvironmentName::as_str).collect();
    writeln!(written, "environments: {} ({default})", environments.join(", ")).unwrap();
    for one in &import.adopted {
        let loader = one.loader.as_ref().map(ToString::to_string).unwrap_or_default();
        let ancestors: Vec<String> = one.ancestors.iter().map(ToString::to_string).collect();
        let Adopted { key, slug, connector, .. } = one;
        writeln!(written, "{key} of {} is {slug}: {connector}, to {loader}", ancestors.join(", ")).unwrap();
    }
    for file in &import.files {
        let secrets: Vec<_> = file.secrets.iter().map(|(name, _)| name.as_str()).collect();
        writeln!(written, "\n== {}  secrets: {}\n{}", file.path.display(), secrets.join(", "), file.text).unwrap();
    }
    writeln!(written, "\n== template\n{}", import.template).unwrap();
    for note in &import.notes {
        writeln!(written, "{:?}: {} ({:?})", note.line, note.message, note.help).unwrap();
    }
    // What looks like a secret in the projects, and stays where it is.
    regex::Regex::new("canary[a-z-]*").unwrap().replace_all(&written, NOT_SHOWN).into_owned()
}

#[test]
fn what_an_import_writes_is_what_it_wrote_before() {
    for name in ["anchors", "brackets", "documented", "odd", "secrets"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import").join(name).join("meltano.yml");
        let text = std::fs::read_to_string(file).unwrap();
        insta::with_settings!({ snapshot_path => "../../snapshots/import", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, written(&text));
        });
    }
}

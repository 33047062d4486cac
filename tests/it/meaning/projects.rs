//! Handwritten projects: an import preserves their meaning.

use std::path::{Path, PathBuf};

use super::oracle::{Variables, ask, differences};
use crate::import::lay_from;
use crate::project::Project;

/// Imports a project, and returns the differences in meaning.
fn changed_by_an_import(project: &Project, variables: &Variables) -> Vec<String> {
    let before = ask(project.path(), variables).unwrap();
    project.spile(&["import", "--yes"]).succeeds();
    let after = ask(project.path(), variables).unwrap();
    differences(&before, &after)
}

/// Returns all folders below a folder of `tests/` that contain a `meltano.yml`.
fn projects(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = files.filter(|file| file.file_name() == "meltano.yml");
    let found: Vec<_> = files.map(|file| file.path().parent().unwrap().to_owned()).collect();
    assert!(!found.is_empty());
    found
}

#[test]
fn imported_projects_mean_the_same_to_meltano() {
    let variables = Variables::from(
        [("USD", "12"), ("TAP_X_AUTH_TOKEN", "from-outside")].map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let mut wrong = Vec::new();
    for folder in [projects("import"), projects("meaning")].concat() {
        // Encrypted settings become variables of a run, which `import::secrets` tests.
        if folder.ends_with("import/secrets") {
            continue;
        }
        let found = changed_by_an_import(&lay_from(&folder), &variables);
        wrong.extend(found.into_iter().map(|found| format!("{}: {found}", folder.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

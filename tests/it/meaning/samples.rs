//! Projects and definitions of others, which are kept beside the repository: each is imported, or refused for a reason
//! that Meltano's parser shares.

use std::path::{Path, PathBuf};

use spile_core::connector::Catalog;
use spile_core::definition::{self, DefinitionHints};
use spile_core::problem::Problems;
use spile_core::source::Source;
use walkdir::WalkDir;

use super::shapes::judged;
use crate::folder::Folder;
use crate::tools;

/// Returns the folder of samples, which is not a part of the repository. A public machine that runs CI lacks it, as others
/// do; where tools are required otherwise, the samples are too.
fn samples() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("shared/samples");
    if folder.is_dir() {
        return Some(folder);
    }
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let is_required = is_set("SPILE_REQUIRE_TOOLS") && !is_set("GITHUB_ACTIONS");
    assert!(!is_required, "the samples are required here, and there is no folder `../shared/samples`");
    tools::not_tested("the import of samples", "there is no folder `../shared/samples`");
    None
}

/// Returns the files below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let all = WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    all.filter(|file| file.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn every_sample_project_is_imported_or_refused_by_meltanos_parser_too() {
    let Some(samples) = samples() else { return };
    let projects: Vec<_> = files(&samples).into_iter().filter(|path| path.ends_with("meltano.yml")).collect();
    let mut wrong = Vec::new();
    for project in &projects {
        let folder = Folder::new();
        let from = project.parent().unwrap();
        for file in files(from) {
            let path = file.strip_prefix(from).unwrap().to_str().unwrap();
            folder.write(path, &std::fs::read_to_string(&file).unwrap());
        }
        wrong.extend(judged(&folder).err().map(|found| format!("{}: {found}", project.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(projects.len() >= 12, "{projects:?}");
}

#[test]
fn every_sample_definition_becomes_a_connector() {
    let Some(samples) = samples() else { return };
    let is_definition = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yml");
    let mut definitions: Vec<_> = files(&samples.join("hub")).into_iter().filter(is_definition).collect();
    definitions.push(samples.join("faults/import/ckey/tap-cred.yml"));
    for path in &definitions {
        let mut problems = Problems::default();
        let source = Source::new(path.file_name().unwrap(), std::fs::read_to_string(path).unwrap());
        let hints = DefinitionHints { role: Some(role(path)), ..DefinitionHints::default() };
        let read = definition::read(&source, &hints, &mut problems);
        let Some(read) = read.filter(|_| !problems.any_error()) else { panic!("{}: {problems:?}", path.display()) };
        let name = &read.connector.head.name;
        let file = Source::new(format!("connectors/{name}.toml"), definition::text(&read.connector, name));
        let catalog = Catalog::new(&[file], &mut problems);
        assert!(!problems.any_error(), "{}: {problems:?}", path.display());
        assert!(catalog.find(read.connector.head.role, name).is_some(), "{}", path.display());
    }
    assert!(definitions.len() >= 12, "{definitions:?}");
}

fn role(path: &Path) -> spile_core::connector::Role {
    let is_loader = path.file_name().unwrap().to_string_lossy().contains("target-");
    if is_loader { spile_core::connector::Role::Loader } else { spile_core::connector::Role::Extractor }
}

//! Errors of imports.

use std::path::PathBuf;

use miette::Diagnostic;

use spile_core::problem::listed;

/// Errors of imports.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// There is no `meltano.yml` to import.
    #[error("`{}` has no `meltano.yml`", folder.display())]
    #[diagnostic(
        code(spile::import::missing),
        help("go to the folder of a Meltano project, or use `-C DIR`; to create a new project, run `spile init`")
    )]
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// The file was rendered by spile.
    #[error("`meltano.yml` was rendered by spile, so there is nothing to import")]
    #[diagnostic(code(spile::import::rendered), help("edit the files in `integrations/` and run `spile plan`"))]
    Rendered,
    /// Files that the import would overwrite.
    #[error("{} and would be overwritten", are(files))]
    #[diagnostic(
        code(spile::import::in_the_way),
        help("move or rename what is in the way, then import again; nothing was written")
    )]
    InTheWay {
        /// The files.
        files: Vec<PathBuf>,
    },
    /// A pattern of `include_paths` that is invalid or leads out of the project.
    #[error("the pattern `{pattern}` in `include_paths` {reason}")]
    #[diagnostic(code(spile::import::include_path), help("fix the pattern; Meltano rejects it too"))]
    IncludePath {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file changed during the import.
    #[error("`meltano.yml` has changed since it was read")]
    #[diagnostic(code(spile::import::moved), help("run `spile import` again; nothing was written"))]
    Moved,
}

fn are(files: &[PathBuf]) -> String {
    let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    let verb = if files.len() == 1 { "already exists" } else { "already exist" };
    format!("{} {verb}", listed(names.iter().map(String::as_str)))
}

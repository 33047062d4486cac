//! The program's own source files, as text.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// A source file below `src/`.
pub struct SourceFile {
    /// Its path, relative to `src/`.
    pub path: PathBuf,
    /// Its text, without the unit tests at its end.
    pub code: String,
}

impl SourceFile {
    /// Returns the name of the module at the top of the house that the file belongs to.
    pub fn module(&self) -> String {
        let first = self.path.components().next().unwrap().as_os_str();
        Path::new(first).file_stem().unwrap().to_str().unwrap().to_owned()
    }

    /// Returns the lines of code with their numbers; comments and docs are left out.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.code.lines().enumerate().map(|(index, line)| (index + 1, line));
        numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// Reads every source file, sorted by path.
pub fn all() -> Vec<SourceFile> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = WalkDir::new(&top).sort_by_file_name().into_iter().map(Result::unwrap);
    let rust = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "rs"));
    let sources: Vec<_> = rust
        .map(|file| {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
            SourceFile { path: file.path().strip_prefix(&top).unwrap().to_owned(), code }
        })
        .collect();
    assert!(sources.len() > 40, "only {} source files were found", sources.len());
    sources
}

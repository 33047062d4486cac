//! The program's own source files, as text.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// A source file of the workspace.
pub struct SourceFile {
    /// Its path, relative to the repository.
    pub path: PathBuf,
    /// Its text, without the unit tests at its end.
    pub code: String,
}

impl SourceFile {
    /// Returns the module that the file belongs to: a module of the core or of the program, or a whole crate.
    pub fn room(&self) -> String {
        let parts: Vec<&str> = self.path.iter().map(|part| part.to_str().unwrap()).collect();
        let module = |file: &str| file.trim_end_matches(".rs").to_owned();
        match parts[..] {
            ["crates", "spile-core", "src", first, ..] | ["src", first, ..] => module(first),
            ["crates", name, ..] => name.trim_start_matches("spile-").to_owned(),
            _ => panic!("{} is no source file", self.path.display()),
        }
    }

    /// Returns the lines of code with their numbers, without comments and docs.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.code.lines().enumerate().map(|(index, line)| (index + 1, line));
        numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// Reads every source file, sorted by path.
pub fn all() -> Vec<SourceFile> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = std::fs::read_dir(top.join("crates")).unwrap().map(|entry| entry.unwrap().path().join("src"));
    let folders = crates.chain([top.join("src")]);
    let files = folders.flat_map(|folder| WalkDir::new(folder).into_iter().map(Result::unwrap));
    let rust = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "rs"));
    let mut sources: Vec<_> = rust
        .map(|file| {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
            SourceFile { path: file.path().strip_prefix(top).unwrap().to_owned(), code }
        })
        .collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() > 500, "only {} source files were found", sources.len());
    sources
}

//! `init`: makes a project that works at once, with an example that needs no account.

use std::path::Path;

use super::Error;
use crate::world::project::{SETTINGS, add_lines, replace};

/// What a new project consists of, by path; `{project}` stands for its name.
const FILES: [(&str, &str); 5] = [
    (SETTINGS, include_str!("init/spile.toml")),
    (super::schema::TAPLO, include_str!("init/taplo.toml")),
    ("integrations/example.toml", include_str!("init/example.toml")),
    ("integrations/files.toml", include_str!("init/files.toml")),
    ("data/fruit.singer.jsonl", include_str!("init/fruit.singer.jsonl")),
];

/// What git must not keep.
const IGNORED: [&str; 3] = ["/.spile/", "/.meltano/", "/output/"];

/// Makes a project and returns the paths of its files. What is there already stays as it is.
///
/// # Errors
/// When there is a project already, or the folder cannot be written to.
pub fn init(folder: &Path, name: Option<&str>) -> Result<Vec<String>, Error> {
    let written = |doing, path: &str| {
        let path = path.to_owned();
        move |source| Error::Io { doing, path, source }
    };
    if folder.join(SETTINGS).exists() {
        return Err(Error::Exists { file: SETTINGS.to_owned() });
    }
    let stem = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let stem = stem.file_name().map(|stem| stem.to_string_lossy().into_owned());
    let name = name.map(ToOwned::to_owned).or(stem).unwrap_or_else(|| "project".to_owned());
    let mut made = Vec::new();
    // `spile.toml` last: a folder is a project only when all of it is there.
    for (path, text) in FILES.iter().rev() {
        let target = folder.join(path);
        if target.exists() {
            continue;
        }
        let above = target.parent().unwrap_or(folder);
        std::fs::create_dir_all(above).map_err(written("make", path))?;
        let text = text.replace("{project}", &serde_json::json!(name).to_string());
        replace(&target, text.as_bytes()).map_err(written("write", path))?;
        made.push((*path).to_owned());
    }
    add_lines(&folder.join(".gitignore"), &IGNORED).map_err(written("write", ".gitignore"))?;
    made.push(".gitignore".to_owned());
    made.sort();
    Ok(made)
}

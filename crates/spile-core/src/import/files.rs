//! The integration files: the content of a plugin as TOML, with its comments.

use std::fmt::Write;
use std::path::PathBuf;

use super::adopted::Adopted;
use super::comment::placed;
use super::part::{CommentedValue, Part};
use crate::connector::Role;
use crate::integration::FileName;
use crate::secret::Secret;
use crate::toml_text::{is_long_table, key, string, table, value};
use crate::value::{expansion, periods};

/// A file that import creates.
#[derive(Debug)]
pub struct NewFile {
    /// Its path in the project.
    pub path: PathBuf,
    /// The integration, and the environment of an overlay; `None` for other files.
    pub name: Option<FileName>,
    /// Its text, without secrets.
    pub text: String,
    /// The secrets to encrypt into it.
    pub secrets: Vec<(String, Secret)>,
}

/// Returns the files of a plugin: its own, and one for each environment with differences.
#[must_use]
pub fn files(one: &Adopted) -> Vec<NewFile> {
    let file = |name: FileName, text: String, part: &Part| {
        let stem = match &name.environment {
            Some(environment) => format!("{}.{environment}", name.slug),
            None => name.slug.to_string(),
        };
        let secrets = part.secrets.iter().map(|(name, secret)| (name.clone(), secret.clone())).collect();
        NewFile { path: PathBuf::from(format!("integrations/{stem}.toml")), name: Some(name), text, secrets }
    };
    let base = FileName { slug: one.slug.clone(), environment: None };
    let mut files = vec![file(base, head(one) + &body(&one.base), &one.base)];
    for (environment, part) in one.overlays.iter().filter(|(_, part)| !part.is_empty()) {
        let name = FileName { slug: one.slug.clone(), environment: Some(environment.clone()) };
        let mut text = String::new();
        comments(&mut text, &part.head, "");
        text.push_str(&body(part));
        files.push(file(name, text.trim_start().to_owned(), part));
    }
    files
}

fn head(one: &Adopted) -> String {
    let mut head = String::new();
    let mut line = |name: &str, text: &str| {
        let _ = writeln!(head, "{name} = {}", string(text));
    };
    if let Some(id) = &one.id {
        line("id", &id.to_string());
    }
    line("type", &one.connector);
    line("plugin", &one.key.name);
    if one.key.role == Role::Loader {
        line("kind", "loader");
    }
    if let Some(loader) = &one.loader {
        line("loader", loader.as_str());
    }
    if !one.mappers.is_empty() {
        let _ = writeln!(head, "mappers = {}", value(&one.mappers.clone().into()));
    }
    head
}

fn body(part: &Part) -> String {
    let mut body = String::new();
    if let Some(select) = &part.select {
        body.push_str(&list(select));
    }
    if !part.config.is_empty() || !part.comments.is_empty() {
        let written: Vec<CommentedValue> = part.config.iter().map(setting).collect();
        let (long, short): (Vec<&CommentedValue>, Vec<&CommentedValue>) =
            written.iter().partition(|said| is_long_table(&said.value));
        if !short.is_empty() || !part.comments.is_empty() {
            body.push_str("\n[config]\n");
        }
        for said in short {
            comments(&mut body, &said.clone().into_comments(), "");
            let _ = writeln!(body, "{} = {}", key(&said.name), value(&said.value));
        }
        comments(&mut body, &part.comments, "");
        for said in long {
            headed(&mut body, "config", said);
        }
    }
    if let Some(said) = &part.load_schema {
        body.push_str("\n[load]\n");
        comments(&mut body, &said.comments, "");
        let _ = writeln!(body, "schema = {}", value(&said.value));
    }
    for said in &part.metadata {
        headed(&mut body, "metadata", &written(said));
    }
    if part.replaces && part.secrets.is_empty() {
        // An empty table overrides the base's.
        body.push_str("\n[secrets]\n");
    }
    body
}

/// Returns a value as written in a file, where strings are literal.
fn written(said: &CommentedValue) -> CommentedValue {
    CommentedValue { value: expansion::to_file(&said.value), ..said.clone() }
}

/// Returns a setting as written in a file, where a period in a key is an ordinary character. If the keys cannot form
/// one table, they stay as they are, and the proof finds out whether that makes a difference to Meltano.
fn setting(said: &CommentedValue) -> CommentedValue {
    match periods::nested(&said.value) {
        Some(value) => written(&CommentedValue { value, ..said.clone() }),
        None => written(said),
    }
}

/// Adds a table with its own header.
fn headed(body: &mut String, path: &str, said: &CommentedValue) {
    let Some(members) = said.value.as_object() else { return };
    body.push('\n');
    comments(body, &said.comments, "");
    let text = table(&format!("{path}.{}", key(&said.name)), members);
    body.push_str(&placed(text, &[path, &said.name], &said.within));
}

fn list(patterns: &[CommentedValue]) -> String {
    let texts: Vec<String> = patterns.iter().map(|said| value(&said.value)).collect();
    let line = format!("select = [{}]\n", texts.join(", "));
    if line.len() <= 100 && patterns.iter().all(|said| said.comments.is_empty()) {
        return line;
    }
    let mut list = String::from("select = [\n");
    for (said, text) in patterns.iter().zip(texts) {
        comments(&mut list, &said.comments, "  ");
        let _ = writeln!(list, "  {text},");
    }
    list + "]\n"
}

fn comments(text: &mut String, comments: &[String], indent: &str) {
    for comment in comments {
        let _ = writeln!(text, "{indent}{comment}");
    }
}

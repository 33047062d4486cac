//! Terminal controls, bidirectional text and runner commands in files, file names and plans, in every format.

use super::program::{Came, run};
use crate::folder::Folder;

/// One of each kind: an escape, a carriage return, a C1 control, and direction marks.
const STEERING: &str = "\u{1b}[2J\u{1b}]0;t\u{7}\u{1b}[8m\r\u{9b}1A\u{202e}\u{2066}\u{61c}\u{200f}\u{7f}";

fn is_steering(c: char) -> bool {
    spile_core::visible::is_steering(c)
}

/// Removes the colors that the program itself writes.
fn without_colors(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        let codes = &rest[start + 2..];
        let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(codes.len());
        let is_color = codes[end..].starts_with('m') && codes[..end] != *"8";
        plain.push_str(&rest[..start + if is_color { 0 } else { 2 }]);
        rest = if is_color { &codes[end + 1..] } else { codes };
    }
    plain + rest
}

fn assert_plain(came: &Came, what: &str) {
    for text in [&came.out, &came.notes] {
        let found: Vec<char> = without_colors(text).chars().filter(|c| is_steering(*c)).collect();
        assert!(found.is_empty(), "{what}: {found:?} in {text:?}");
    }
}

/// A project with such characters in a file's text and in its name; everything else is valid.
fn hostile() -> Folder {
    let folder = Folder::project();
    // In a comment, a string and a key: TOML allows direction marks, but no controls.
    folder.write("integrations/bad.toml", &format!("type = \"{STEERING}\" # שלום\n\"a{STEERING}b\" = 1\r\nc\r = 1\n"));
    folder.write("integrations/turned.toml", "typ\u{202e}e = \"x\" # \u{2066}\n");
    folder.write("integrations/a\u{1b}[2Jb\u{202e}.toml", "type = 1\n");
    folder
}

#[test]
fn problems_escape_control_characters() {
    let folder = hostile();
    for format in ["text", "json", "sarif", "junit", "github"] {
        for color in ["always", "never"] {
            let came = folder.spile(&format!("check --format {format} --color {color}")).exits(1);
            assert_plain(&came, format);
            if format == "text" {
                let said = without_colors(&came.notes);
                assert!(said.contains("\\u{1b}[2J") && said.contains("\\u{202e}") && said.contains("שלום"), "{said}");
            }
        }
    }
    let json = folder.spile("check --format json").json();
    assert!(json.to_string().contains('\u{202e}'), "for programs it is the same text: {json}");
    let github = folder.spile("check --format github").out;
    assert!(github.lines().all(|line| line.starts_with("::error file=")), "{github}");
}

#[test]
fn a_plan_escapes_control_characters_in_every_format() {
    let folder = Folder::project();
    // Characters that TOML can express with its own escapes.
    let escaped: Vec<String> = STEERING.chars().map(|c| format!("\\u{:04X}", u32::from(c))).collect();
    let escaped = escaped.concat();
    let text = format!(
        "type = \"singer-jsonl\"\nname = \"a{escaped}b\"\ndescription = \"{escaped}\"\nloader = \"lake\"\n\n\
         [config]\nlocal.folders = [\"x{escaped}y\", \"👩\u{200d}👧 שלום\"]\n"
    );
    folder.write("integrations/fruit.toml", &text);
    for words in ["plan", "plan --offline", "plan --format markdown", "plan --format json", "history", "status"] {
        let came = folder.spile(&format!("{words} --color always"));
        assert_plain(&came, words);
    }
    let shown = folder.spile("plan");
    assert!(shown.out.contains("👩\u{200d}👧 שלום") && shown.out.contains("\\u{202e}"), "{}", shown.out);
    folder.spile("plan --offline --out-markdown plan.md");
    let markdown = folder.read("plan.md");
    assert!(!markdown.contains(is_steering) && markdown.contains("\\u{202e}"), "{markdown}");
}

#[test]
fn no_text_of_a_file_is_a_runner_command() {
    let folder = Folder::project();
    let text =
        "type = \"singer-jsonl\"\nloader = \"lake\"\ntags = [\"##[group]x\"]\n\n[config]\nlocal.folders = [\"data\"]\n";
    folder.write("integrations/fruit.toml", text);
    folder.write(
        "templates/meltano.yml.j2",
        "{% import \"spile\" as spile %}{{ marker|safe }}\nversion: 1\n::error::from a template\n::add-mask::x\n##[group]y\n",
    );
    for words in ["check", "plan --offline", "plan --offline --format markdown", "check --format github"] {
        let mut command = folder.command(words);
        let came = run(command.env("GITHUB_ACTIONS", "true"));
        for line in came.out.lines().chain(came.notes.lines()) {
            let is_own = words.ends_with("github") && line.starts_with("::error file=");
            assert!(is_own || !line.trim_start().starts_with("::"), "{words}: {line}");
            assert!(is_own || !line.contains("##["), "{words}: {line}");
        }
    }
}

#[test]
fn no_format_of_a_report_contains_a_runner_command() {
    let value = "::error::a\\n::add-mask::b\\n ##[group]c";
    let folder = Folder::project();
    folder.write("integrations/bad.toml", &format!("type = \"{value}\"\n\"{value}\" = 1\n"));
    folder.write("integrations/##[error]x.toml", "type = 1\n");
    for form in ["text", "json", "sarif", "junit", "github"] {
        let mut command = folder.command(&format!("check --format {form}"));
        let came = run(command.env("GITHUB_ACTIONS", "true")).exits(1);
        let said = format!("{}{}", came.out, came.notes);
        assert!(said.contains("add-mask"), "{form}: {said}");
        for line in said.lines() {
            let is_own = form == "github" && line.starts_with("::error file=");
            assert!(is_own || !line.trim_start().starts_with("::"), "{form}: {line}");
            assert!(!line.contains("##["), "{form}: {line}");
        }
    }
    let junit = folder.spile("check --format junit").out;
    assert!(junit.contains("&#10;&#58;:add-mask::b&#10;") && junit.contains("\n&#58;:add-mask::b\n"), "{junit}");
}

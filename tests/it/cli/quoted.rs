//! Secrets in plain text, at places where a sentence quotes what it found.

use crate::folder::Folder;

const SECRET: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxAB";

#[test]
fn no_sentence_quotes_a_secret_that_excerpts_hide() {
    let fruit = "type = \"singer-jsonl\"\nname = \"Fruit\"\n";
    let texts = [
        format!("type = \"{SECRET}\"\n"),
        "type = \"postgres://u:Hunter2Leak@h/d\"\n".to_owned(),
        format!("{fruit}loader = \"{SECRET}\"\n"),
        format!("{fruit}schedule = \"{SECRET}\"\n"),
        format!("{fruit}schedule = \"@hourly\"\ntimezone = \"{SECRET}\"\n"),
        format!("id = \"{SECRET}\"\n{fruit}"),
        format!(
            "{fruit}schedule = \"-----BEGIN PRIVATE KEY-----\\nHunter2Leak/U46nD7dcHW1nOLgGKs0b\\n-----END PRIVATE KEY-----\"\n"
        ),
    ];
    for text in texts {
        for form in ["text", "json", "sarif", "github", "junit"] {
            let folder = Folder::project();
            folder.write("integrations/quoted.toml", &text);
            let came = folder.spile(&format!("check --format {form}"));
            let said = format!("{}{}", came.out, came.notes);
            assert!(said.contains("quoted.toml"), "{form}: {text}{said}");
            assert!(!said.contains(SECRET) && !said.contains("Hunter2Leak"), "{form}: {text}{said}");
        }
    }
}

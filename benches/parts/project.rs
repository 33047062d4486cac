//! A project of any size: databases that sync to one loader, each with a secret.

use std::path::Path;

use spile_core::secret::Secret;
use spile_core::sops::{DataKey, Document, Wrapped, rewrite};
use toml::de::DeTable;

use super::write;

/// A wrapped data key, as long as age makes them; no key decrypts it.
const WRAPPED: &str = concat!(
    "-----BEGIN AGE ENCRYPTED FILE-----\n",
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBxdUZ1ZUlqN2ZXbUZkSjRN\n",
    "V1hQb3pEa1NqR2pXZ1pKbGJrVmRyT2dYRWdnCk1nb2xkY2p3dGJqZ3VxSWxOWHhn\n",
    "bFB6Z2tzTmRkVzZtUHlPS2RWb2dyUW8KLS0tIHJ2dUVrVXhHVDhEcHBOVlZGNGxi\n",
    "K2xvZFZsd1p0R3lTTXhQbHVqbXdGMm8KqyGNJm7TkXwHvDqjyxGJpWbmTjdJFwHu\n",
    "-----END AGE ENCRYPTED FILE-----\n",
);

/// Writes a project with this many integrations, including the loader.
pub fn make(root: &Path, count: usize, settings: &str) {
    write(root, "spile.toml", settings);
    write(root, "integrations/files.toml", "type = \"jsonl\"\nkind = \"loader\"\n");
    for number in 1..count {
        let text = format!(
            "type = \"postgres\"\nname = \"Shop {number}\"\nloader = \"files\"\nschedule = \"@hourly\"\n\
             select = [\"public-orders.*\"]\n\n[load]\nshared_tables = true\n\n[config]\nhost = \"first.example.com\"\nuser = \"u{number}\"\n\
             database = \"shop\"\n\n"
        );
        let wrapped = Wrapped { recipient: "age1nobody".to_owned(), enc: WRAPPED.to_owned() };
        let (key, mut document) = (DataKey::generate(), Document::profile(&[wrapped]));
        document.set("password", &Secret::new(format!("the password of shop {number}")), &key);
        document.seal(&key, jiff::Timestamp::UNIX_EPOCH).expect("it is sealed");
        write(root, &path_of(number), &rewrite(&text, &document).expect("it is TOML"));
    }
}

fn path_of(number: usize) -> String {
    format!("integrations/shop-{number:05}.toml")
}

/// Changes the host in one file out of `every`; ciphertexts stay. Returns the number of changed files.
pub fn change(root: &Path, count: usize, every: usize, host: &str) -> usize {
    let changed = (1..count).step_by(every);
    for number in changed.clone() {
        let text = std::fs::read_to_string(root.join(path_of(number))).expect("a file is read");
        let lines = text.split_inclusive('\n');
        let other = format!("host = \"{host}.example.com\"\n");
        let text: String = lines.map(|line| if line.starts_with("host = ") { &other } else { line }).collect();
        write(root, &path_of(number), &text);
    }
    changed.count()
}

/// The floor: reads and parses the files of the project, and does nothing else.
pub fn read_and_parse(root: &Path) {
    for file in walkdir::WalkDir::new(root.join("integrations")).into_iter().flatten() {
        if file.file_type().is_file() {
            let text = std::fs::read_to_string(file.path()).expect("a file is read");
            DeTable::parse(&text).expect("a file is parsed");
        }
    }
}

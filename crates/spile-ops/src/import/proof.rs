//! The last check before writing: no encrypted secret is left in plain text in the files, in any encoding.

use crate::Error;
use spile_core::import::{ImportMistake, NewFile};
use spile_core::problem::Problems;
use spile_core::render::FILE_NAME;
use spile_core::secrecy::Copies;
use spile_core::source::Source;

/// Refuses files that contain a copy of a secret, and reports its place in the new file.
pub(super) fn no_secret_is_left(files: &[NewFile], rendered: &str, copies: &Copies) -> Result<(), Error> {
    let mut problems = Problems::default();
    let rendered = Source::new(FILE_NAME, rendered);
    for source in files.iter().map(|file| Source::new(&file.path, file.text.as_str())).chain([rendered]) {
        for span in copies.spans(source.text()) {
            problems.hide(&source.place(span.clone()));
            problems.push(&source, ImportMistake::SecretLeft { span: span.into() });
        }
    }
    if problems.any_error() { Err(Error::Problems(problems.into_report())) } else { Ok(()) }
}

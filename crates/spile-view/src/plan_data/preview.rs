//! The preview of a source that a plan changes: what was read and where it is, without a single value.
//!
//! A plan ends up in comments on pull requests and in files of CI, where many people read it. Records may be personal data,
//! so they stay in the file on the machine that made the plan.

use serde::{Deserialize, Serialize};

use spile_core::name::Slug;
use spile_core::phrase;
use spile_core::phrase::{Phrase, code, codes};
use spile_core::problem::counted;
use spile_core::run::preview::PreviewStream;
use spile_ops::preview::Previewed;

/// The preview of an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewData {
    /// The integration.
    pub slug: Slug,
    /// The DuckDB file with the records, relative to the project; null if there is none.
    pub file: Option<String>,
    /// Whether all selected streams were reached.
    pub complete: bool,
    /// The streams that were reached.
    pub streams: Vec<PreviewedStreamData>,
    /// What has changed in the source, and is left out because nobody has accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Why there is no preview; null if there is one.
    pub problem: Option<String>,
}

/// What was read of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewedStreamData {
    /// The stream.
    pub stream: String,
    /// How many records were read.
    pub records: usize,
    /// Its columns.
    pub columns: Vec<String>,
    /// Those of them in which values were masked.
    pub masked: Vec<String>,
}

impl From<&Previewed> for PreviewData {
    fn from(previewed: &Previewed) -> Self {
        Self {
            slug: previewed.integration.slug.clone(),
            file: previewed.file.as_ref().map(|file| file.display().to_string()),
            complete: !previewed.preview.is_cut,
            streams: previewed.preview.streams.iter().map(PreviewedStreamData::from).collect(),
            left_out: previewed.left_out.clone(),
            problem: None,
        }
    }
}

impl From<&PreviewStream> for PreviewedStreamData {
    fn from(stream: &PreviewStream) -> Self {
        let names = |is_meant: fn(bool) -> bool| {
            let columns = stream.columns.iter().filter(|column| is_meant(column.is_masked));
            columns.map(|column| column.name.clone()).collect()
        };
        Self {
            stream: stream.name.clone(),
            records: stream.records.len(),
            columns: names(|_| true),
            masked: names(|is_masked| is_masked),
        }
    }
}

impl PreviewData {
    /// Says that an integration has no preview, and why.
    #[must_use]
    pub fn missing(slug: Slug, why: String) -> Self {
        Self { slug, file: None, complete: false, streams: Vec::new(), left_out: None, problem: Some(why) }
    }

    /// Returns the preview as phrases: what was read of each stream, and where it is.
    #[must_use]
    pub fn phrases(&self) -> Vec<Phrase> {
        if let Some(why) = &self.problem {
            return vec![phrase!["no preview of ", code(self.slug.as_str()), ": ", why.as_str()]];
        }
        let mut phrases: Vec<Phrase> = self.streams.iter().map(PreviewedStreamData::phrase).collect();
        if !self.complete {
            phrases.push("later streams are missing: the tap cannot skip streams that have enough records".into());
        }
        phrases.extend(self.left_out.as_deref().map(Phrase::parse));
        match &self.file {
            Some(file) => {
                phrases.push(phrase!["the records are in ", code(file), " on the machine that made this plan"]);
            }
            None => phrases.push("no stream has columns, so there is no file".into()),
        }
        phrases
    }
}

impl PreviewedStreamData {
    fn phrase(&self) -> Phrase {
        let (records, columns) = (counted(self.records, "record"), counted(self.columns.len(), "column"));
        let head = phrase![code(&self.stream), ": ", records, ", ", columns];
        if self.masked.is_empty() {
            return head;
        }
        phrase![head, ", with masked values in ", codes(self.masked.iter().map(String::as_str))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use spile_core::run::preview::Preview;

    #[test]
    fn a_preview_in_a_plan_has_names_and_numbers_and_no_value() {
        let messages = [
            json!({ "type": "SCHEMA", "stream": "customers", "schema": { "properties": { "name": {}, "password": {} } } }),
            json!({ "type": "RECORD", "stream": "customers", "record": { "name": "Ada" } }),
        ];
        let preview = Preview::read(messages.map(|message| message.to_string()).join("\n").as_bytes());
        let stream = &preview.streams[0];
        let data = PreviewedStreamData::from(stream);
        assert_eq!(data.phrase().to_string(), "`customers`: 1 record, 2 columns, with masked values in `password`");
        assert!(!json!(data).to_string().contains("Ada"));
    }
}

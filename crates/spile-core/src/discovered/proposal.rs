//! Proposals: the best way to read a stream, based on what its source reports about it.

use serde::{Deserialize, Serialize};

use super::{Inclusion, Stream};

/// The best way to read a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The field that identifies new and changed records; `None` to read all records each time.
    pub replication_key: Option<String>,
    /// Whether it has to be configured, because the tap does not choose it by itself.
    pub has_to_be_said: bool,
    /// The reason, as a phrase.
    pub why: String,
}

/// Names of columns that change with their row, most reliable first, reduced to their letters.
const CHANGES: [&str; 17] = [
    "updatedat",
    "updatedon",
    "updated",
    "updatetime",
    "updatedate",
    "lastupdated",
    "lastupdatedat",
    "lastupdate",
    "dateupdated",
    "modifiedat",
    "modifiedon",
    "modified",
    "lastmodified",
    "lastmodifiedat",
    "lastmodifieddate",
    "datemodified",
    "writedate",
];

/// The type of a time in discoveries.
const TIME: &str = "string (date-time)";

impl Proposal {
    /// Determines the best way to read a stream.
    #[must_use]
    pub fn of(stream: &Stream) -> Self {
        let none = |why: &str| Self { replication_key: None, has_to_be_said: false, why: why.to_owned() };
        if let Some(key) = &stream.replication_key {
            let is_default = stream.replication_method.as_deref() != Some("FULL_TABLE");
            let why = "the source recommends it".to_owned();
            return Self { replication_key: Some(key.clone()), has_to_be_said: !is_default, why };
        }
        let Some(changed) = changed(stream) else { return none("no column shows when a row last changed") };
        if stream.primary_key.is_empty() {
            return none("it has no primary key: a row that is read again would be duplicated");
        }
        let why = format!("`{changed}` is a timestamp, and its name suggests that it changes with the row");
        Self { replication_key: Some(changed), has_to_be_said: true, why }
    }
}

/// Returns the column that changes with its row, judging by name and type.
fn changed(stream: &Stream) -> Option<String> {
    let times = stream.fields.iter().filter(|field| {
        let is_time = field.types.iter().any(|kind| kind == TIME);
        field.path.len() == 1 && is_time && field.inclusion != Inclusion::Unsupported
    });
    let rank = |name: &str| {
        let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        CHANGES.iter().position(|known| *known == letters.to_ascii_lowercase())
    };
    let ranked = times.filter_map(|field| Some((rank(&field.path[0])?, &field.path[0])));
    ranked.min().map(|(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovered::tests::stream;

    /// A stream with a key and these fields, which are times unless changed later.
    fn with(fields: &[&str]) -> Stream {
        let all: Vec<_> = fields.iter().map(|name| (*name, Inclusion::Available)).collect();
        let mut stream = Stream { primary_key: vec!["id".to_owned()], ..stream("orders", &all) };
        stream.fields.iter_mut().for_each(|field| field.types.push(TIME.to_owned()));
        stream
    }

    fn key(stream: &Stream) -> Option<String> {
        Proposal::of(stream).replication_key
    }

    #[test]
    fn a_column_that_changes_with_its_row_is_proposed_by_name_and_type() {
        for name in ["updated_at", "UpdatedAt", "last_modified", "write_date", "dateModified"] {
            assert_eq!(key(&with(&["id", name])).as_deref(), Some(name));
        }
        assert_eq!(key(&with(&["modified_at", "updated_at"])).as_deref(), Some("updated_at"), "the most reliable");
        assert_eq!(key(&with(&["created_at", "at"])), None, "those do not change");
        let mut text = with(&["updated_at"]);
        text.fields[0].types = vec!["string".to_owned()];
        assert_eq!(key(&text), None, "it has to be a time");
        let mut unreadable = with(&["updated_at"]);
        unreadable.fields[0].inclusion = Inclusion::Unsupported;
        assert_eq!(key(&unreadable), None);
    }

    #[test]
    fn without_a_key_everything_is_read_each_time_and_the_reason_is_given() {
        let keyless = Stream { primary_key: Vec::new(), ..with(&["updated_at"]) };
        let proposal = Proposal::of(&keyless);
        assert_eq!((proposal.replication_key, proposal.has_to_be_said), (None, false));
        assert!(proposal.why.contains("it has no primary key"), "{}", proposal.why);
    }

    #[test]
    fn what_the_source_says_comes_first() {
        let said = Stream { replication_key: Some("seq".to_owned()), ..with(&["updated_at"]) };
        let proposal = Proposal::of(&said);
        assert_eq!((proposal.replication_key.as_deref(), proposal.has_to_be_said), (Some("seq"), false));
        let full = Stream { replication_method: Some("FULL_TABLE".to_owned()), ..said };
        assert!(Proposal::of(&full).has_to_be_said);
    }
}

//! What can be wrong with what an integration selects, once its source is known.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with what an integration selects, once its source is known.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SelectionMistake {
    /// A pattern that is about no stream.
    #[error("no stream of the source{within} matches `{pattern}`")]
    #[diagnostic(code(spile::select::no_stream))]
    NoStream {
        /// The pattern.
        pattern: String,
        /// The environment, in words, where it is not the default one.
        within: String,
        /// Where it stands.
        #[label("matches nothing")]
        span: SourceSpan,
        /// The nearest stream, or all.
        #[help]
        help: String,
    },
    /// A pattern that is about no field of its streams.
    #[error("no field of {streams}{within} matches `{pattern}`")]
    #[diagnostic(code(spile::select::no_field))]
    NoField {
        /// The pattern.
        pattern: String,
        /// Its streams, in words.
        streams: String,
        /// The environment, in words, where it is not the default one.
        within: String,
        /// Where it stands.
        #[label("matches nothing")]
        span: SourceSpan,
        /// The nearest field, or some.
        #[help]
        help: String,
    },
    /// Metadata of no stream.
    #[error("no stream of the source{within} matches `{pattern}`, so these metadata have no effect")]
    #[diagnostic(code(spile::select::no_metadata_stream))]
    NoMetadataStream {
        /// The key.
        pattern: String,
        /// The environment, in words, where it is not the default one.
        within: String,
        /// Where it stands.
        #[label("matches nothing")]
        span: SourceSpan,
        /// The nearest stream, or all.
        #[help]
        help: String,
    },
    /// Metadata that name no field.
    #[error("`{stream}`{within} has no field `{key}` to be its replication key")]
    #[diagnostic(code(spile::select::no_replication_key))]
    NoReplicationKey {
        /// The stream.
        stream: String,
        /// The field that is named.
        key: String,
        /// The environment, in words, where it is not the default one.
        within: String,
        /// Where the metadata stand.
        #[label("names `{key}`")]
        span: SourceSpan,
        /// The nearest field, or some.
        #[help]
        help: String,
    },
    /// Metadata that name a field which is not read; taps fail of it.
    #[error("`{key}`, the replication key of `{stream}`{within}, is not selected")]
    #[diagnostic(
        code(spile::select::replication_key_left_out),
        severity(Warning),
        help("add `{pattern}` to `select`: a tap that does not read its replication key may fail, or read everything")
    )]
    ReplicationKeyLeftOut {
        /// The stream.
        stream: String,
        /// The field.
        key: String,
        /// The pattern that selects it.
        pattern: String,
        /// The environment, in words, where it is not the default one.
        within: String,
        /// Where the metadata stand.
        #[label("names `{key}`")]
        span: SourceSpan,
    },
    /// The tap heeds no selection.
    #[error("`{key}` has no effect: Meltano cannot tell the tap of `{connector}` what to read")]
    #[diagnostic(
        code(spile::select::no_effect),
        severity(Warning),
        help("remove it; if the tap takes a catalog, add `catalog` to the capabilities of the connector")
    )]
    NoEffect {
        /// `select` or `metadata`.
        key: &'static str,
        /// The connector.
        connector: String,
        /// Where it stands.
        #[label("the tap reads what it will")]
        span: SourceSpan,
    },
    /// A field that is left out and read all the same.
    #[error("`{pattern}` changes nothing: {fields} always read with the stream")]
    #[diagnostic(
        code(spile::select::always_read),
        severity(Warning),
        help("remove the pattern, or leave out the stream as a whole: the tap needs the field")
    )]
    AlwaysRead {
        /// The pattern.
        pattern: String,
        /// Its fields, in words, with `is` or `are`.
        fields: String,
        /// Where it stands.
        #[label("is read all the same")]
        span: SourceSpan,
    },
    /// Fields that a connector does not keep as they are.
    #[error("`{connector}` {what}: {fields}{within}")]
    #[diagnostic(
        code(spile::select::not_kept),
        severity(Warning),
        help(
            "leave them out of `select`, or choose another loader; `spile connectors show {connector}` shows what each does not keep"
        )
    )]
    NotKept {
        /// The connector.
        connector: String,
        /// What becomes of them.
        what: String,
        /// Some of the fields, with their streams, in words.
        fields: String,
        /// The environment, in words, where it is not the default one.
        within: String,
        /// Where the connector is named.
        #[label("chosen here")]
        span: SourceSpan,
    },
    /// A field that is selected and never read.
    #[error("`{pattern}` changes nothing: the tap cannot read {fields}")]
    #[diagnostic(
        code(spile::select::never_read),
        severity(Warning),
        help("remove the pattern: the tap says that it does not support the field")
    )]
    NeverRead {
        /// The pattern.
        pattern: String,
        /// Its fields, in words.
        fields: String,
        /// Where it stands.
        #[label("is never read")]
        span: SourceSpan,
    },
}

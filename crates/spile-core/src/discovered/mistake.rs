//! Mistakes in what an integration selects, found once its source is known.

use miette::{Diagnostic, SourceSpan};

/// Mistakes in what an integration selects, found once its source is known.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SelectionMistake {
    /// A pattern that matches no stream.
    #[error("no stream of the source{within} matches `{pattern}`")]
    #[diagnostic(code(spile::select::no_stream))]
    NoStream {
        /// The pattern.
        pattern: String,
        /// The environment, in words, if it is not the default one.
        within: String,
        /// Where it is.
        #[label("matches nothing")]
        span: SourceSpan,
        /// The nearest stream, or some.
        #[help]
        help: String,
    },
    /// A pattern that matches no field of its streams.
    #[error("no field of {streams}{within} matches `{pattern}`")]
    #[diagnostic(code(spile::select::no_field))]
    NoField {
        /// The pattern.
        pattern: String,
        /// Its streams, in words.
        streams: String,
        /// The environment, in words, if it is not the default one.
        within: String,
        /// Where it is.
        #[label("matches nothing")]
        span: SourceSpan,
        /// The nearest field, or some.
        #[help]
        help: String,
    },
    /// Metadata that matches no stream.
    #[error("no stream of the source{within} matches `{pattern}`, so this metadata has no effect")]
    #[diagnostic(code(spile::select::no_metadata_stream))]
    NoMetadataStream {
        /// The key.
        pattern: String,
        /// The environment, in words, if it is not the default one.
        within: String,
        /// Where it is.
        #[label("matches nothing")]
        span: SourceSpan,
        /// The nearest key, or some.
        #[help]
        help: String,
    },
    /// Metadata with a replication key that is not a field.
    #[error("`{stream}`{within} has no field `{key}` to use as its replication key")]
    #[diagnostic(code(spile::select::no_replication_key))]
    NoReplicationKey {
        /// The stream.
        stream: String,
        /// The replication key.
        key: String,
        /// The environment, in words, if it is not the default one.
        within: String,
        /// Where the metadata is.
        #[label("names `{key}`")]
        span: SourceSpan,
        /// The nearest field, or some.
        #[help]
        help: String,
    },
    /// A replication key that is not selected, which makes taps fail.
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
        /// The pattern that would select it.
        pattern: String,
        /// The environment, in words, if it is not the default one.
        within: String,
        /// Where the metadata is.
        #[label("names `{key}`")]
        span: SourceSpan,
    },
    /// A selection that the tap ignores.
    #[error("`{key}` has no effect: Meltano cannot tell the tap of `{connector}` what to read")]
    #[diagnostic(
        code(spile::select::no_effect),
        severity(Warning),
        help("remove it; if the tap accepts a catalog, add `catalog` to the connector's capabilities")
    )]
    NoEffect {
        /// `select` or `metadata`.
        key: &'static str,
        /// The connector.
        connector: String,
        /// Where it is.
        #[label("the tap ignores this")]
        span: SourceSpan,
    },
    /// A field that is excluded but read anyway.
    #[error("`{pattern}` has no effect: {fields} always read with the stream")]
    #[diagnostic(
        code(spile::select::always_read),
        severity(Warning),
        help("remove the pattern, or exclude the whole stream: the tap needs the field")
    )]
    AlwaysRead {
        /// The pattern.
        pattern: String,
        /// Its fields, in words, with `is` or `are`.
        fields: String,
        /// Where it is.
        #[label("read anyway")]
        span: SourceSpan,
    },
    /// Fields that a connector does not preserve.
    #[error("`{connector}` {what}: {fields}{within}")]
    #[diagnostic(
        code(spile::select::not_kept),
        severity(Warning),
        help(
            "exclude them with `select`, or choose another loader; `spile connectors show {connector}` shows what it does not keep"
        )
    )]
    NotKept {
        /// The connector.
        connector: String,
        /// What happens to them, in words.
        what: String,
        /// Some of the fields, with their streams, in words.
        fields: String,
        /// The environment, in words, if it is not the default one.
        within: String,
        /// Where the connector is named.
        #[label("chosen here")]
        span: SourceSpan,
    },
    /// A field that is selected but never read.
    #[error("`{pattern}` has no effect: the tap cannot read {fields}")]
    #[diagnostic(
        code(spile::select::never_read),
        severity(Warning),
        help("remove the pattern: the tap does not support the field")
    )]
    NeverRead {
        /// The pattern.
        pattern: String,
        /// Its fields, in words.
        fields: String,
        /// Where it is.
        #[label("never read")]
        span: SourceSpan,
    },
}

//! Tokens: what the scanner makes of a text, before it is known how they belong together.

use super::Style;
use super::cursor::TextPosition;

/// A token with its position.
#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub kind: TokenKind<'a>,
    pub start: TextPosition,
    pub end: TextPosition,
}

/// The kind of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind<'a> {
    StreamEnd,
    Version { major: u32, minor: u32 },
    TagDirective { handle: &'a str, prefix: &'a str },
    OtherDirective,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowStart(Bracket),
    FlowEnd(Bracket),
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'a str),
    Anchor(&'a str),
    Tag { handle: Option<&'a str>, suffix: &'a str },
    Scalar { text: String, style: ScalarStyle },
}

/// The kind of bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bracket {
    Square,
    Curly,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScalarStyle {
    Plain,
    Quoted,
    Block,
}

/// What the parser returns, in text order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event<'a> {
    DocumentStart,
    DocumentEnd,
    Alias(&'a str),
    Scalar { properties: Properties<'a>, text: String, style: ScalarStyle },
    SequenceStart(Properties<'a>, Style),
    SequenceEnd,
    MappingStart(Properties<'a>, Style),
    MappingEnd,
}

/// The properties before a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Properties<'a> {
    pub anchor: Option<&'a str>,
    /// The whole tag, with its handle expanded.
    pub tag: Option<String>,
}

/// A text that is not valid YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub message: String,
    pub at: usize,
}

impl Unreadable {
    pub fn new(message: impl Into<String>, mark: TextPosition) -> Self {
        Self { message: message.into(), at: mark.byte }
    }
}

impl TokenKind<'_> {
    /// Returns the token's name for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StreamEnd => "the end of the file",
            Self::Version { .. } | Self::TagDirective { .. } | Self::OtherDirective => "a directive",
            Self::DocumentStart => "`---`",
            Self::DocumentEnd => "`...`",
            Self::BlockSequenceStart => "a list",
            Self::BlockMappingStart => "a table",
            Self::BlockEnd => "a line further left",
            Self::FlowStart(Bracket::Square) => "`[`",
            Self::FlowStart(Bracket::Curly) => "`{`",
            Self::FlowEnd(Bracket::Square) => "`]`",
            Self::FlowEnd(Bracket::Curly) => "`}`",
            Self::BlockEntry => "`-`",
            Self::FlowEntry => "`,`",
            Self::Key => "a key",
            Self::Value => "`:`",
            Self::Alias(_) => "an alias",
            Self::Anchor(_) => "an anchor",
            Self::Tag { .. } => "a tag",
            Self::Scalar { .. } => "a string",
        }
    }
}

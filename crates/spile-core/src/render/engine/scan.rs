//! Limits on a template's text. The engine's parser, its code generator and the destructor of its syntax tree recurse
//! once for each operator of an expression and each `elif`. Without limits, a template of a megabyte overflows any
//! stack.
//!
//! The tokens come from the engine, so that this module sees what the parser will see.

use std::ops::Range;

use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::Failure;

/// The most bytes in a template.
const TEXT: usize = 1 << 20;

/// The most tokens in a template.
const TOKENS: usize = 100_000;

/// The most operators, brackets and the like in one tag. Each may nest its expression one level deeper.
pub(super) const LINKS: usize = 1_000;

/// The most `elif` in a template. Each is nested in the one before.
pub(super) const ELIFS: usize = 1_000;

/// Rejects a text that could overflow the stack or take long to compile.
pub(super) fn check(text: &str, syntax: &SyntaxConfig) -> Result<(), Failure> {
    let refuse = |message: String, span| Err(Failure { message, span });
    if text.len() > TEXT {
        return refuse(format!("it is longer than {TEXT} bytes"), 0..0);
    }
    let (mut tag, mut tokens, mut elifs) = (Tag::default(), 0, 0);
    // The parser reports invalid tokens.
    for (token, span) in tokenize(text, false, syntax.clone()).map_while(Result::ok) {
        tokens += 1;
        let place = range(span);
        match token {
            Token::VariableStart | Token::BlockStart => tag = Tag { start: place.start, ..Tag::default() },
            Token::Ident("elif") if tag.previous == Previous::Start => elifs += 1,
            _ => {}
        }
        tag.take(&token);
        if tokens > TOKENS {
            return refuse(format!("it has more than {TOKENS} names, operators and tags"), place);
        }
        if elifs > ELIFS {
            return refuse(format!("it has more than {ELIFS} `elif`"), place);
        }
        if tag.links > LINKS {
            return refuse(format!("one tag has more than {LINKS} operators and brackets"), tag.start..place.end);
        }
        if tag.repeats && tag.constant {
            let message = "one tag has a list of constants and a `*`, which the engine would expand without a limit";
            return refuse(message.to_owned(), tag.start..place.end);
        }
    }
    Ok(())
}

fn range(span: Span) -> Range<usize> {
    let at = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
    at(span.start_offset)..at(span.end_offset)
}

/// The token before a token. It distinguishes a list from a subscript, and a tuple from a call.
#[derive(Debug, Default, PartialEq, Eq)]
enum Previous {
    /// The start of the tag.
    #[default]
    Start,
    /// The end of an operand: a bracket after it belongs to it.
    Operand,
    /// Anything else: what follows is a new operand.
    Operator,
}

/// An open bracket.
#[derive(Debug)]
struct Bracket {
    /// Whether it begins a list or a possible tuple.
    is_literal: bool,
    /// Whether it is a list, or turned out to be a tuple.
    is_sequence: bool,
    /// Whether it contains a name.
    is_variable: bool,
}

/// The part of a tag that was read so far.
#[derive(Debug, Default)]
struct Tag {
    start: usize,
    links: usize,
    previous: Previous,
    brackets: Vec<Bracket>,
    /// Whether it contains a list or tuple of constants. The engine evaluates constants when it compiles, without fuel.
    constant: bool,
    /// Whether it contains a `*`.
    repeats: bool,
}

impl Tag {
    fn take(&mut self, token: &Token<'_>) {
        self.links += usize::from(is_link(token));
        self.repeats |= matches!(token, Token::Mul);
        match token {
            Token::BracketOpen => self.open(true),
            Token::ParenOpen | Token::BraceOpen => self.open(false),
            Token::BracketClose | Token::ParenClose | Token::BraceClose => self.close(),
            Token::Comma => self.brackets.last_mut().into_iter().for_each(|open| open.is_sequence = true),
            Token::Ident(name) if !WORDS.contains(name) => {
                self.brackets.last_mut().into_iter().for_each(|open| open.is_variable = true);
            }
            _ => {}
        }
        self.previous = match token {
            Token::VariableStart | Token::BlockStart => Previous::Start,
            Token::Ident(name) if OPERATORS.contains(name) => Previous::Operator,
            Token::Ident(_) | Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_) => {
                Previous::Operand
            }
            Token::BracketClose | Token::ParenClose | Token::BraceClose => Previous::Operand,
            _ => Previous::Operator,
        };
    }

    fn open(&mut self, is_sequence: bool) {
        let is_literal = self.previous != Previous::Operand;
        self.brackets.push(Bracket { is_literal, is_sequence, is_variable: false });
    }

    fn close(&mut self) {
        let Some(closed) = self.brackets.pop() else { return };
        self.constant |= closed.is_literal && closed.is_sequence && !closed.is_variable;
        if let Some(outer) = self.brackets.last_mut() {
            outer.is_variable |= closed.is_variable;
        }
    }
}

/// Words that an operand follows.
const OPERATORS: [&str; 7] = ["not", "and", "or", "if", "else", "is", "in"];

/// Words that are not names.
const WORDS: [&str; 13] =
    ["not", "and", "or", "if", "else", "is", "in", "true", "True", "false", "False", "none", "None"];

/// Tells whether a token may nest an expression one level deeper.
fn is_link(token: &Token<'_>) -> bool {
    match token {
        Token::Ident(name) => OPERATORS.contains(name),
        Token::TemplateData(_)
        | Token::VariableStart
        | Token::VariableEnd
        | Token::BlockStart
        | Token::BlockEnd
        | Token::Str(_)
        | Token::String(_)
        | Token::Int(_)
        | Token::Int128(_)
        | Token::Float(_)
        | Token::Comma
        | Token::Colon
        | Token::Assign
        | Token::BracketClose
        | Token::ParenClose
        | Token::BraceClose => false,
        _ => true,
    }
}

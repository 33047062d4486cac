//! The one place that renders a project's templates: text, nesting, work and memory are bounded before and while they run.
//!
//! The engine has fuel for its instructions and for the size of what they return. It does not bound how deep its parser
//! recurses, nor what a value weighs that holds another one many times. `scan` bounds the first, `watch` and `weight`
//! the second.

mod scan;
mod watch;
mod weight;

use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;

use minijinja::machinery::{CodeGenerator, eval, make_string_output, parse};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value};

use weight::Limits;

/// The stack of the thread that renders a project's template. Within the limits of `scan` and of the engine's own
/// recursion no template needs more than a tenth of it (`the_deepest_templates_take_a_part_of_their_stack`).
const STACK: usize = 32 << 20;

/// Writes a value into a template's text.
pub(crate) type Formatter = fn(&mut Output<'_>, &mut State<'_, '_>, &Value) -> Result<(), Error>;

/// Who wrote a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    /// It is part of the program, and runs unwatched.
    Program,
    /// It is the project's own.
    Project,
}

/// A template and how its values are written.
#[derive(Debug, Clone)]
pub(crate) struct Template<'a> {
    /// Its name, which chooses how values are escaped.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Who wrote it.
    pub author: Author,
    /// Its tags and what becomes of the space around them.
    pub syntax: SyntaxConfig,
    /// How values are escaped, by the template's name.
    pub escape: fn(&str) -> AutoEscape,
    /// How values are written.
    pub formatter: Formatter,
    /// What it can import: a name and a text that are part of the program.
    pub import: Option<(&'static str, &'static str)>,
    /// The most instructions it may take.
    pub fuel: u64,
}

/// Why a template was not rendered.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One sentence.
    pub message: String,
    /// The place in the template.
    pub span: Range<usize>,
}

impl Failure {
    /// Words what the engine says of a template of this text. Some of its errors know no more than their line.
    pub(crate) fn of(error: &Error, text: &str) -> Self {
        let message =
            error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
        let span = error.range().or_else(|| line(text, error.line()?)).unwrap_or(0..0);
        Self { message, span }
    }
}

/// Returns where a line is; the first is 1.
fn line(text: &str, number: usize) -> Option<Range<usize>> {
    let mut start = 0;
    for line in text.split_inclusive('\n').take(number.checked_sub(1)?) {
        start += line.len();
    }
    let length = text.get(start..)?.lines().next()?.len();
    Some(start..start + length)
}

impl Template<'_> {
    /// Renders the template with these values.
    ///
    /// # Errors
    /// When it does not parse, fails, or asks for more than a template may have.
    pub(crate) fn render(&self, values: Value) -> Result<String, Failure> {
        let failure = |error: Error| Failure::of(&error, self.text);
        match self.author {
            Author::Program => self.unwatched(values).map_err(failure),
            Author::Project => {
                scan::check(self.text, &self.syntax)?;
                on_a_stack_of(STACK, || self.watched(values).map_err(failure))
            }
        }
    }

    fn engine(&self) -> Result<Environment<'_>, Error> {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_auto_escape_callback(self.escape);
        engine.set_formatter(self.formatter);
        engine.set_syntax(self.syntax.clone());
        engine.set_fuel(Some(self.fuel));
        if let Some((name, text)) = self.import {
            engine.add_template(name, text)?;
        }
        Ok(engine)
    }

    fn unwatched(&self, values: Value) -> Result<String, Error> {
        let mut engine = self.engine()?;
        engine.add_template(self.name, self.text)?;
        engine.get_template(self.name)?.render(values)
    }

    fn watched(&self, values: Value) -> Result<String, Error> {
        let mut engine = self.engine()?;
        Limits::of(&values).install(&mut engine, self.formatter);
        let mut code = CodeGenerator::new(self.name, self.text);
        code.compile_stmt(&parse(self.text, self.name, self.syntax.clone())?);
        let (code, blocks) = code.finish();
        let (code, blocks) =
            (watch::watched(&code), blocks.iter().map(|(name, block)| (*name, watch::watched(block))).collect());
        let mut text = String::new();
        let escape = (self.escape)(self.name);
        eval(&engine, &code, values, &blocks, &mut make_string_output(&mut text), escape)?;
        Ok(text)
    }
}

/// Runs on a thread whose stack is known: how much of the caller's is left is not.
fn on_a_stack_of<T: Send>(size: usize, work: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    thread::scope(|scope| {
        let started = thread::Builder::new().stack_size(size).spawn_scoped(scope, work);
        let no_thread = |error: std::io::Error| Failure {
            message: format!("cannot start a thread to render it: {error}"),
            span: 0..0,
        };
        started.map_err(no_thread)?.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests;

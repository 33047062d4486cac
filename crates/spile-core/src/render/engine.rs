//! The only place that renders a project's templates, with limits on text, nesting, work and memory before and while
//! they run.
//!
//! The engine's fuel limits its instructions and the size of their results. It limits neither how deep its parser
//! recurses nor the weight of a value that contains another one many times. `scan` limits the former, `watch` and
//! `weight` the latter.

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
/// recursion, no template needs more than a tenth of it (`the_deepest_templates_take_a_part_of_their_stack`).
const STACK: usize = 32 << 20;

/// A function that writes a value into a template's output.
pub(crate) type Formatter = fn(&mut Output<'_>, &mut State<'_, '_>, &Value) -> Result<(), Error>;

/// Who wrote a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    /// spile itself: the template is built in, and runs unwatched.
    Program,
    /// The project: the template is watched.
    Project,
}

/// A template, and how its values are written.
#[derive(Debug, Clone)]
pub(crate) struct Template<'a> {
    /// Its name, which determines how values are escaped.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Who wrote it.
    pub author: Author,
    /// Its tags, and how the space around them is treated.
    pub syntax: SyntaxConfig,
    /// Returns how values are escaped, given the template's name.
    pub escape: fn(&str) -> AutoEscape,
    /// Writes values.
    pub formatter: Formatter,
    /// The name and text of a built-in template that it can import.
    pub import: Option<(&'static str, &'static str)>,
    /// The most instructions that it may take.
    pub fuel: u64,
}

/// Why a template was not rendered.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The reason, in one sentence.
    pub message: String,
    /// The place in the template.
    pub span: Range<usize>,
}

impl Failure {
    /// Describes an error of the engine in a template with this text. Some errors know only their line.
    pub(crate) fn of(error: &Error, text: &str) -> Self {
        let message =
            error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
        let span = error.range().or_else(|| line(text, error.line()?)).unwrap_or(0..0);
        Self { message, span }
    }
}

/// Returns the range of a line, counted from 1.
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
    /// When it does not parse, fails, or exceeds a limit.
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

/// Runs on a new thread with a stack of known size, because the rest of the caller's stack is unknown.
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

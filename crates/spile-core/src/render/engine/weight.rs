//! The weight of values as they are written out: a list that contains another one twice counts it twice, because it is
//! written and compared twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use minijinja::value::{DynObject, Kwargs, ObjectRepr};
use minijinja::{Environment, Error, ErrorKind, Output, State, Value};

use super::Formatter;

/// The filter that every new value passes.
pub(super) const MADE: &str = "(made)";

/// The filter that every value passes before a comparison.
pub(super) const COMPARED: &str = "(compared)";

/// The bytes that one value counts in addition to its text.
const VALUE: u64 = 32;

/// How deeply values may be nested.
const DEPTH: usize = 100;

/// The most that a value may weigh, in addition to the template's inputs.
const WEIGHT: u64 = 4 << 20;

/// The most text that a template may write, and (`TEXTS`) create on the way, in addition to its inputs.
const WRITTEN: u64 = 2 << 20;
const TEXTS: u64 = 32 << 20;

/// The most spaces of JSON indentation per level.
const INDENT: usize = 8;

/// How many times its inputs a template may use.
const TIMES: u64 = 8;

/// The limits of a template, and how much of them it has used.
#[derive(Debug)]
pub(super) struct Limits {
    /// The weight of the template's inputs.
    given: u64,
    /// The addresses of the lists and maps in its inputs, which contain nothing twice.
    known: BTreeSet<usize>,
    written: AtomicU64,
    texts: AtomicU64,
}

impl Limits {
    /// Returns the limits of a template with these inputs.
    pub(super) fn of(values: &Value) -> Self {
        let mut known = BTreeSet::new();
        collect(values, &mut known, DEPTH);
        let given = weight(values, u64::MAX).unwrap_or(u64::MAX);
        Self { given, known, written: AtomicU64::new(0), texts: AtomicU64::new(0) }
    }

    /// Adds the filters that watched instructions call, and counts what the formatter writes.
    pub(super) fn install(self, engine: &mut Environment<'_>, formatter: Formatter) {
        let limits = Arc::new(self);
        let of = Arc::clone(&limits);
        engine.add_filter(MADE, move |state: &State<'_, '_>, value: Value| of.made(state, value));
        let of = Arc::clone(&limits);
        engine.add_filter(COMPARED, move |state: &State<'_, '_>, value: Value| of.compared(state, value));
        engine.add_filter("tojson", tojson);
        engine.set_formatter(move |out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value| {
            limits.count(&limits.written, WRITTEN, limits.weighed(value)?)?;
            formatter(out, state, value)
        });
    }

    fn made(&self, state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
        if let Some(text) = value.as_str() {
            self.count(&self.texts, TEXTS, text.len() as u64)?;
        }
        if value.as_object().is_none() || place(&value).is_some_and(|place| self.known.contains(&place)) {
            return Ok(value);
        }
        let value = settled(&value, self.limit(WEIGHT), DEPTH)?.unwrap_or(value);
        state.consume_fuel(self.weighed(&value)? / (2 * VALUE))?;
        Ok(value)
    }

    fn compared(&self, state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
        if value.as_object().is_some() {
            state.consume_fuel(self.weighed(&value)? / VALUE)?;
        }
        Ok(value)
    }

    fn weighed(&self, value: &Value) -> Result<u64, Error> {
        weight(value, self.limit(WEIGHT))
    }

    fn count(&self, count: &AtomicU64, limit: u64, more: u64) -> Result<(), Error> {
        let before = count.fetch_add(more, Ordering::Relaxed);
        if before.saturating_add(more) > self.limit(limit) { Err(too_much()) } else { Ok(()) }
    }

    fn limit(&self, beside: u64) -> u64 {
        self.given.saturating_mul(TIMES).saturating_add(beside)
    }
}

/// Limits the engine's own filter, which would write any number of spaces per line.
fn tojson(value: &Value, indent: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let given = indent.clone().or(named.get("indent")?);
    if given.and_then(|indent| indent.as_usize()).is_some_and(|indent| indent > INDENT) {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("`indent` is more than {INDENT}")));
    }
    minijinja::filters::tojson(value, indent, named)
}

fn too_much() -> Error {
    Error::new(ErrorKind::OutOfFuel, "it produces too much text, or a value that is too large")
}

/// Finds all lists and maps in a template's inputs.
fn collect(value: &Value, known: &mut BTreeSet<usize>, depth: usize) {
    let Some(object) = value.as_object().filter(|_| depth > 0) else { return };
    if place(value).is_some_and(|place| !known.insert(place)) {
        return;
    }
    for item in items(object) {
        collect(&item, known, depth - 1);
    }
}

/// Returns the address of a list or map.
fn place(value: &Value) -> Option<usize> {
    let list = value.downcast_object_ref::<Vec<Value>>().map(|list| std::ptr::from_ref(list).addr());
    list.or_else(|| value.downcast_object_ref::<BTreeMap<Value, Value>>().map(|map| std::ptr::from_ref(map).addr()))
}

/// Iterates over keys and values.
fn items(object: &DynObject) -> Box<dyn Iterator<Item = Value>> {
    match object.repr() {
        ObjectRepr::Map => {
            Box::new(object.try_iter_pairs().into_iter().flatten().flat_map(|(key, value)| [key, value]))
        }
        ObjectRepr::Seq | ObjectRepr::Iterable => Box::new(object.try_iter().into_iter().flatten()),
        _ => Box::new(std::iter::empty()),
    }
}

/// Returns the weight of a value as it is written out.
fn weight(value: &Value, limit: u64) -> Result<u64, Error> {
    let mut sum = 0;
    add(value, &mut sum, limit, DEPTH)?;
    Ok(sum)
}

fn add(value: &Value, sum: &mut u64, limit: u64, depth: usize) -> Result<(), Error> {
    let text = value.as_bytes().map_or(0, <[u8]>::len);
    *sum = sum.saturating_add(VALUE).saturating_add(text as u64);
    if *sum > limit || depth == 0 {
        return Err(too_much());
    }
    value.as_object().map_or(Ok(()), |object| items(object).try_for_each(|item| add(&item, sum, limit, depth - 1)))
}

/// Returns a value without lists that are computed again each time they are read: such lists are views of other lists,
/// possibly in endless chains. Returns `None` if the value has none.
fn settled(value: &Value, limit: u64, depth: usize) -> Result<Option<Value>, Error> {
    let Some(object) = value.as_object() else { return Ok(None) };
    if depth == 0 {
        return Err(too_much());
    }
    let is_view = object.repr() == ObjectRepr::Iterable;
    if !is_view && (object.repr() != ObjectRepr::Seq || value.is_tuple()) {
        return Ok(None);
    }
    let (mut list, mut changed) = (Vec::new(), is_view);
    for item in items(object) {
        let new = settled(&item, limit, depth - 1)?;
        changed |= new.is_some();
        list.push(new.unwrap_or(item));
        if list.len() as u64 * VALUE > limit {
            return Err(too_much());
        }
    }
    Ok(changed.then(|| Value::from(list)))
}

//! Watched instructions of a project's template: new values are weighed, comparisons cost fuel, and all text goes
//! through the formatter, which counts it.

use minijinja::Value;
use minijinja::machinery::{Instruction, Instructions};

use super::weight::{COMPARED, MADE};

/// Filters that compare their inputs.
const COMPARING: [&str; 12] = [
    "sort",
    "unique",
    "min",
    "max",
    "groupby",
    "dictsort",
    "sum",
    "select",
    "selectattr",
    "reject",
    "rejectattr",
    "items",
];

/// A filter that does not use the engine's filter cache.
const UNREMEMBERED: u8 = u8::MAX;

/// Returns the same instructions, but watched.
pub(super) fn watched<'a>(code: &Instructions<'a>) -> Instructions<'a> {
    let mut steps = Vec::new();
    let mut starts = Vec::new();
    let mut at = 0;
    let mut passes_names = false;
    while let Some(instruction) = code.get(at) {
        starts.push(u32::try_from(steps.len()).unwrap_or(u32::MAX));
        let made = if is_led_on(code, at) { vec![instruction.clone()] } else { step(instruction, passes_names) };
        steps.extend(made.into_iter().map(|one| (at, one)));
        passes_names = matches!(instruction, Instruction::BuildKwargs(_) | Instruction::MergeKwargs(_));
        at += 1;
    }
    starts.push(u32::try_from(steps.len()).unwrap_or(u32::MAX));
    let mut watched = Instructions::new(code.name(), code.source());
    for (at, mut instruction) in steps {
        if let Some(target) = target(&mut instruction) {
            *target = starts.get(*target as usize).copied().unwrap_or(u32::MAX);
        }
        match code.get_span(at) {
            Some(span) => watched.add_with_span(instruction, span),
            None => watched
                .add_with_line(instruction, code.get_line(at).and_then(|line| u16::try_from(line).ok()).unwrap_or(0)),
        };
    }
    watched
}

/// Tells whether only an attribute of a value is used. If so, the attribute is weighed instead. If it does not exist,
/// the engine derives its path from the preceding instructions, so nothing may come between them.
fn is_led_on(code: &Instructions<'_>, at: u32) -> bool {
    let is_way = |at| matches!(code.get(at), Some(Instruction::Lookup(_) | Instruction::GetAttr(_)));
    let is_named = matches!(code.get(at + 1), Some(Instruction::GetAttr(_)));
    let is_item = matches!(code.get(at + 1), Some(Instruction::LoadConst(_)))
        && matches!(code.get(at + 2), Some(Instruction::GetItem));
    is_way(at) && (is_named || is_item)
}

/// Returns the instructions that replace an instruction.
fn step<'a>(instruction: &Instruction<'a>, passes_names: bool) -> Vec<Instruction<'a>> {
    let made = || Instruction::ApplyFilter(MADE, Some(1), UNREMEMBERED);
    let compared = || Instruction::ApplyFilter(COMPARED, Some(1), UNREMEMBERED);
    let own = || instruction.clone();
    match instruction {
        Instruction::EmitRaw(text) => {
            vec![Instruction::LoadConst(Value::from_safe_string((*text).to_owned())), Instruction::Emit]
        }
        Instruction::ApplyFilter(name, Some(1), _) if COMPARING.contains(name) => vec![compared(), own(), made()],
        Instruction::ApplyFilter(name, Some(2), _) if COMPARING.contains(name) => {
            vec![Instruction::Swap, compared(), Instruction::Swap, own(), made()]
        }
        Instruction::Lookup(_)
        | Instruction::GetAttr(_)
        | Instruction::GetItem
        | Instruction::Slice
        | Instruction::BuildMap(_)
        | Instruction::BuildList(_)
        | Instruction::BuildTuple(_)
        | Instruction::Add
        | Instruction::Mul
        | Instruction::StringConcat
        | Instruction::EndCapture
        | Instruction::ApplyFilter(..)
        | Instruction::CallFunction(..)
        | Instruction::CallMethod(..)
        | Instruction::CallObject(_) => vec![own(), made()],
        Instruction::Eq
        | Instruction::Ne
        | Instruction::Gt
        | Instruction::Gte
        | Instruction::Lt
        | Instruction::Lte
        | Instruction::In
        | Instruction::CompareAndPreserve(_) => vec![compared(), own()],
        Instruction::PerformTest(..) if !passes_names => vec![compared(), own()],
        _ => vec![own()],
    }
}

/// Returns the jump target of an instruction.
fn target<'t>(instruction: &'t mut Instruction<'_>) -> Option<&'t mut u32> {
    match instruction {
        Instruction::Iterate(target)
        | Instruction::Jump(target)
        | Instruction::JumpIfFalse(target)
        | Instruction::JumpIfFalseOrPop(target)
        | Instruction::JumpIfTrueOrPop(target)
        | Instruction::BuildMacro(_, target, _) => Some(target),
        _ => None,
    }
}

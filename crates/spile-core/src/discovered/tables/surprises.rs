//! Unexpected tables: names that differ from the stream's, and schemas that nobody configured.

use super::{LISTED, TableMistake, TargetTable, Within, Writer};
use crate::connector::naming::SchemaChoice;
use crate::problem::{Problems, first_of};

/// Reports unexpected table names of one integration.
pub(super) fn check(writer: &Writer<'_>, tables: &[TargetTable<'_>], within: &Within<'_>, problems: &mut Problems) {
    let Some(naming) = writer.naming().filter(|naming| naming.file.is_none() && writer.is_other) else { return };
    let folded = |name: &str| naming.letters.folded(name);
    let is_renamed = |written: &&TargetTable<'_>| folded(written.stream.table()) != folded(&written.placement.table);
    let own = writer.schema();
    let is_odd = |written: &&TargetTable<'_>| match written.placement.chosen_by {
        SchemaChoice::Stream => written.placement.schema != written.stream.schema,
        SchemaChoice::Mapping => own.is_some() && own != written.placement.schema,
        SchemaChoice::Setting => writer.declaration().load.schema.is_some() && own.is_none(),
        SchemaChoice::Connection => false,
    };
    let long: Vec<&TargetTable<'_>> = tables.iter().filter(|written| naming.is_too_long(&written.placement)).collect();
    let renamed: Vec<&TargetTable<'_>> = tables.iter().filter(is_renamed).collect();
    let odd: Vec<&TargetTable<'_>> = tables.iter().filter(is_odd).collect();
    let Some(place) =
        (within.place)(writer.integration).filter(|_| !(renamed.is_empty() && odd.is_empty() && long.is_empty()))
    else {
        return;
    };
    let words = |tables: &[&TargetTable<'_>]| {
        let each = tables.iter().map(|one| format!("`{}` to `{}`", one.stream.name, one.placement.name()));
        first_of(&each.collect::<Vec<_>>(), LISTED)
    };
    let (slug, loader) = (writer.integration.slug.to_string(), writer.loader.slug.to_string());
    let span = place.span.clone().into();
    if let Some(longest) = naming.longest.filter(|_| !long.is_empty()) {
        let long: Vec<String> = long.iter().map(|one| format!("`{}`", one.stream.name)).collect();
        let what = first_of(&long, LISTED);
        let (slug, loader, within) = (slug.clone(), loader.clone(), within.words.to_owned());
        problems.push(&place.source, TableMistake::TooLong { slug, loader, longest, what, within, span });
    }
    if !renamed.is_empty() {
        let (what, within) = (words(&renamed), within.words.to_owned());
        let mistake = TableMistake::Renamed { slug: slug.clone(), loader: loader.clone(), what, within, span };
        problems.push(&place.source, mistake);
    }
    if !odd.is_empty() {
        let (what, within) = (words(&odd), within.words.to_owned());
        problems.push(&place.source, TableMistake::OtherSchema { slug, loader, what, within, span });
    }
}

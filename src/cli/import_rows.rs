//! `spile import --registry`

use serde_json::json;

use super::{Global, Output, program};
use spile_core::name::Slug;
use spile_ops::import_rows::{TakenOver, take_over, write};
use spile_ops::secrets::Access;
use spile_ops::{self as ops, Error};
use spile_view::{GOOD, QUIET, STRONG, styled};

/// Writes files for unmanaged rows, after showing them and asking.
pub(super) async fn exec(names: &[Slug], yes: bool, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, _) = global.open(output)?;
    let program = program();
    let access = Access { project: &world.project, keys: &world.keys, program: &program, now: (world.clock)() };
    let made = take_over(&world, &loaded, access, names).await?;
    let files =
        made.files.iter().map(|file| json!({"path": file.path, "slug": file.slug, "encrypted": file.encrypted}));
    let left = made.left.iter().map(|(name, why)| json!({"name": name, "why": why}));
    let data = json!({ "files": files.collect::<Vec<_>>(), "left": left.collect::<Vec<_>>() });
    output.result(|| text(&made), &data);
    if made.files.is_empty() {
        return Ok(0);
    }
    if !yes && !output.confirm("Write these files?") {
        return Err(Error::Declined);
    }
    write(&world, &made)?;
    let slugs: Vec<&str> = made.files.iter().map(|file| file.slug.as_str()).collect();
    output.note(&format!("{} spile plan --adopt {}\n", styled(STRONG, "Next:"), slugs.join(" ")));
    Ok(0)
}

fn text(made: &TakenOver) -> String {
    let file = |file: &ops::import_rows::NewFile| {
        let secrets = match file.encrypted.as_slice() {
            [] => String::new(),
            names => format!(", with {} encrypted", spile_core::problem::listed(names.iter().map(String::as_str))),
        };
        format!("  {} {}{secrets}\n", styled(GOOD, "+"), file.path.display())
    };
    let left = |(name, why): &(String, String)| styled(QUIET, &format!("  `{name}` stays unmanaged: {why}")) + "\n";
    let lines: String = made.files.iter().map(file).chain(made.left.iter().map(left)).collect();
    if lines.is_empty() { "there are no unmanaged rows\n".to_owned() } else { lines }
}

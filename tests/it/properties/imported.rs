//! A file that spile rendered can be imported: it renders the same file again, with other marks.

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use spile_ops::import::{Options, carry_out, prepare};
use spile_ops::secrets::Access;
use spile_world::keys::Places;
use spile_world::{Keys, Program, Project};

use super::declared::{files, shown};
use super::values::tries;
use crate::folder::{Folder, Opened};

/// The recipient of the secrets that a generated project seems to have.
const READER: &str = "age14ahrky60k25p7dn7uy8k923f7z90ljnqwau0ywhqugh2a45f55zqkjx38d";

fn import(folder: &Folder) -> Result<usize, TestCaseError> {
    let failed = |error| TestCaseError::fail(shown(&error));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (project, keys) = (Project::at(folder.path()), Keys::new(Places::default()));
    let options = Options { name: None, recipients: vec![READER.to_owned()] };
    let prepared = prepare(folder.path(), &keys, &options).map_err(failed)?;
    let program = Program::new("".into());
    let access = Access { project: &project, keys: &keys, program: &program, now: Timestamp::UNIX_EPOCH };
    runtime.block_on(carry_out(&prepared, access)).map_err(failed)?;
    Ok(prepared.adopted.len())
}

fn comes_back(files: &[(String, String)]) -> Result<(), TestCaseError> {
    let (made, imported) = (Folder::new(), Folder::new());
    made.write("spile.toml", "[project]\nname = \"acme\"\n[environments.dev]\n[environments.prod]\n");
    for (path, text) in files {
        made.write(path, text);
    }
    made.write("integrations/extractor-mysql.prod.toml", "[config]\nhost = \"prod\"\n");
    let rendered = Opened::at(&made, None).map_err(|error| TestCaseError::fail(shown(&error)))?.loaded.rendered;
    let (_, text) = rendered.split_once('\n').unwrap();
    imported.write("meltano.yml", text);
    let adopted = import(&imported)?;
    // A file with a null in a list, or a key that no setting can have, stays in the template; loaders and other files
    // do not.
    prop_assert!(adopted * 2 > files.len(), "only {} of {}", adopted, files.len());
    let opened = Opened::at(&imported, None).map_err(|error| TestCaseError::fail(shown(&error)))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let plan = runtime.block_on(opened.plan()).unwrap();
    prop_assert!(plan.meltano.is_empty(), "{:#?}", plan.meltano);
    runtime.block_on(opened.apply(&plan)).map_err(|error| TestCaseError::fail(shown(&error)))?;
    let left = runtime.block_on(opened.plan()).unwrap();
    prop_assert!(left.is_empty(), "{:#?}", left);
    Ok(())
}

#[test]
fn after_an_import_of_a_rendered_file_the_plan_is_empty() {
    // Each case is a project imported, checked, compared, planned and applied, so there are few, and different ones
    // each time.
    let mut runner = TestRunner::new(ProptestConfig { cases: 12, ..tries() });
    runner.run(&files(), |files| comes_back(&files)).unwrap();
}

//! What the tests install, installed: run alone first, so that no test is timed beside a compiler.

use crate::supabase::{parts, postgres};
use crate::{outputs, project, tools};

#[test]
fn everything_that_tests_install_is_there() {
    // Where a tool cannot be had, it says so itself, and fails where tools are required.
    project::seed();
    tools::sops();
    tools::sops_age();
    tools::supabase();
    outputs::airflow::python();
    outputs::kubernetes::python();
    postgres::pgserver();
    postgres::debian();
    parts::postrust();
}

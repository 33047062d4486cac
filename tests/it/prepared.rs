//! Installs everything that the tests need: run it alone first, so that no test is timed while a compiler runs.

use crate::supabase::{parts, postgres};
use crate::{outputs, project, tools};

#[test]
fn everything_that_tests_need_is_installed() {
    // A missing tool reports itself, and fails where tools are required.
    project::seed();
    tools::sops();
    tools::sops_age();
    tools::actionlint();
    tools::supabase();
    tools::packers();
    tools::oauth_provider();
    outputs::airflow::python();
    outputs::dagster::python();
    outputs::dbt::python();
    outputs::kubernetes::python();
    postgres::pgserver();
    postgres::debian();
    parts::postrust();
}

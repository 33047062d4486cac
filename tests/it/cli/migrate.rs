//! `spile migrate` without a database.

use crate::folder::Folder;

#[test]
fn the_migration_is_printed_even_without_a_project() {
    let came = Folder::new().spile("migrate").exits(0);
    assert!(came.out.contains("create or replace function public.spile_apply("), "{}", came.out);
}

#[test]
fn the_supabase_cli_gets_a_migration_once() {
    let folder = Folder::new();
    for _ in 0..2 {
        folder.spile("migrate --supabase-dir supabase").exits(0);
    }
    let files: Vec<_> = std::fs::read_dir(folder.join("supabase/migrations")).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let name = files[0].as_ref().unwrap().file_name().into_string().unwrap();
    assert!(name.ends_with("_spile_v6.sql") && name[..14].chars().all(|c| c.is_ascii_digit()), "{name}");
}

#[test]
fn a_local_registry_needs_no_migration_and_says_so() {
    let came = Folder::project().spile("migrate --check").exits(1);
    assert!(came.notes.contains("kind = \"supabase\""), "{}", came.notes);
}

#[test]
fn a_registry_with_unset_variables_stops_a_plan_but_not_a_check() {
    let folder = Folder::project();
    let text = folder.read("spile.toml")
        + "\n[registry]\nkind = \"supabase\"\nurl = \"http://127.0.0.1:9\"\nkey = \"${SPILE_TEST_NO_KEY}\"\n";
    folder.write("spile.toml", &text);
    folder.spile("check").exits(0);
    let came = folder.spile("plan").exits(1);
    assert!(came.notes.contains("`SPILE_TEST_NO_KEY` is not set"), "{}", came.notes);
}

#[test]
fn a_registry_may_have_a_different_table_name_in_each_environment() {
    let folder = Folder::project();
    let text = folder.read("spile.toml")
        + "\n[registry]\nkind = \"supabase\"\nurl = \"http://127.0.0.1:9\"\nkey = \"${SUPABASE_KEY}\"\n\
           [environments.prod.registry]\ntable = \"spile_integrations\"\n";
    folder.write("spile.toml", &text);
    let made =
        |line: &str| folder.spile(line).exits(0).out.contains("create table if not exists public.spile_integrations (");
    assert!(made("migrate --env prod") && !made("migrate --env dev"));
    assert!(
        folder
            .spile("migrate --check-table --env prod")
            .exits(0)
            .out
            .contains("to_regclass('public.spile_integrations')")
    );
    folder.write("answer.json", "{\"version\": 6, \"table\": \"public.integrations\", \"findings\": []}");
    folder.spile("migrate --check-table answer.json").exits(0);
    let refused = folder.spile("migrate --check-table answer.json --env prod").exits(1).notes;
    assert!(refused.contains("the registry's table is `public.spile_integrations`"), "{refused}");
    folder.write("answer.json", "");
    let refused = folder.spile("migrate --check-table answer.json").exits(1).notes;
    assert!(refused.contains("spile::registry::table_check") && refused.contains("| psql"), "{refused}");
    folder.spile("migrate --check-table none.json").exits(1);
    folder.spile("migrate --check-table --check").exits(64);
}

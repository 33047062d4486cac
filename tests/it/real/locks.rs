//! Plugins that are installed from lock files, by the real uv and Meltano.

use std::collections::BTreeMap;

use crate::project::{LOADER, Project, Ran};

/// The loader of the tests, from a package that needs others. `more` is added to what it installs.
fn connector(more: &str) -> String {
    format!(
        "kind = 'loader'\n[plugin]\nname = 'target-jsonl'\nvariant = 'andyh1203'\nnamespace = 'target_jsonl'\n\
         pip_url = 'target-jsonl==0.1.4{more}'\nexecutable = 'target-jsonl'\ncapabilities = []\n\
         [[settings]]\nname = 'destination_path'\nkind = 'string'\n\
         [[settings]]\nname = 'do_timestamp_file'\nkind = 'boolean'\n"
    )
}

/// A project whose plugins of these kinds have environments of their own, because other tests share theirs.
fn project(own: &[&str]) -> Project {
    let project = Project::new();
    for kind in own {
        let shared = project.path().join(".meltano").join(kind);
        std::fs::remove_file(&shared).unwrap();
        spile_world::files::door::make_private(&shared).unwrap();
    }
    project.add_fault("well");
    project.write("connectors/jsonl.toml", &connector(""));
    project.write("integrations/files.toml", LOADER);
    project.spile(&["apply", "--yes"]).succeeds();
    project
}

/// Returns the packages of the loader's environment, with their versions.
fn installed(project: &Project) -> BTreeMap<String, String> {
    packages(project, ".meltano/loaders/target-jsonl/venv/lib")
}

/// Returns the packages in an environment's `lib`, with their versions.
fn packages(project: &Project, lib: &str) -> BTreeMap<String, String> {
    let lib = project.path().join(lib);
    let Some(python) = std::fs::read_dir(lib).ok().and_then(|mut found| found.next()) else { return BTreeMap::new() };
    let packages = std::fs::read_dir(python.unwrap().path().join("site-packages")).unwrap();
    let names = packages.filter_map(|item| item.unwrap().file_name().into_string().ok());
    let info = names.filter_map(|name| name.strip_suffix(".dist-info").map(str::to_owned));
    let split = |name: String| name.split_once('-').map(|(name, version)| (plain(name), version.to_owned()));
    info.filter_map(split).collect()
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

/// Returns the packages of a lock file, with their versions.
fn locked(project: &Project, name: &str) -> BTreeMap<String, String> {
    let text = project.read(&format!("locks/{name}.txt"));
    let exact = text.lines().filter(|line| !line.starts_with([' ', '#'])).filter_map(|line| line.split_once("=="));
    exact.map(|(name, rest)| (plain(name), rest.split([' ', ';']).next().unwrap().to_owned())).collect()
}

fn told(ran: &Ran) -> String {
    let text = format!("{}\n{}", ran.stdout(), ran.stderr());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_installation_has_exactly_the_locked_versions_and_the_plan_stays_empty() {
    let project = project(&["extractors", "loaders"]);
    // An older version, which a later lock without the pin keeps.
    project.write("connectors/jsonl.toml", &connector(" python-dateutil==2.8.0"));
    project.spile(&["lock", "target-jsonl"]).succeeds();
    project.write("connectors/jsonl.toml", &connector(""));
    let check = project.spile(&["lock", "--check", "target-jsonl"]);
    crate::cli::schemas::holds("lock", &project.json(&["lock", "--check"]));
    assert_eq!(check.0.status.code(), Some(2), "{}", told(&check));
    assert!(told(&check).contains("but `pip_url` is now `target-jsonl==0.1.4`"), "{}", told(&check));
    project.spile(&["lock", "target-jsonl", "tap-fault"]).succeeds();
    assert_eq!(locked(&project, "target-jsonl")["python-dateutil"], "2.8.0");
    project.spile(&["lock", "--check", "target-jsonl", "tap-fault"]).succeeds();
    project.spile(&["plan", "--exit-code"]).succeeds();

    project.spile(&["sync"]).succeeds();
    assert_eq!(installed(&project), locked(&project, "target-jsonl"));
    assert_eq!(project.read("output/things.jsonl").lines().count(), 3);
    project.spile(&["plan", "--exit-code"]).succeeds();
    // Meltano itself takes the installation for the right one.
    Ran(project.meltano(&["install", "target-jsonl"])).succeeds();
    assert_eq!(installed(&project), locked(&project, "target-jsonl"));

    let locks = project.json(&["lock", "--upgrade", "target-jsonl"]);
    crate::cli::schemas::holds("lock", &locks);
    let changes = locks["locks"][0]["changes"].as_array().unwrap();
    assert!(
        changes.iter().any(|change| change["package"] == "python-dateutil" && change["before"][0] == "2.8.0"),
        "{locks:#}"
    );
    assert_eq!(project.json(&["lock", "target-jsonl"])["locks"][0]["state"], "unchanged");
    let plan = project.spile(&["plan", "--exit-code"]).succeeds();
    assert!(
        told(&plan).contains("the next run reinstalls target-jsonl from its new lock: ~ python-dateutil 2.8.0 ->"),
        "{}",
        told(&plan)
    );
    project.spile(&["sync"]).succeeds();
    assert_ne!(installed(&project)["python-dateutil"], "2.8.0", "a new lock is installed");
    assert_eq!(installed(&project), locked(&project, "target-jsonl"));
}

#[test]
fn withdrawn_versions_and_old_locks_are_reported() {
    let project = project(&["loaders"]);
    project.write("connectors/jsonl.toml", &connector(" attrs==21.1.0"));
    let created = project.spile(&["lock", "target-jsonl"]).succeeds();
    let withdrawn = "+ attrs 21.1.0 (withdrawn by its authors: Installable but not importable on Python 3.4.)";
    assert!(told(&created).contains(withdrawn), "{}", told(&created));
    let lock = project.read("locks/target-jsonl.txt");
    let resolved = lock.lines().find(|line| line.starts_with("# resolved: ")).unwrap();
    let lints = |project: &Project| told(&project.spile(&["check", "--lint"]));
    let found = lints(&project);
    assert!(found.contains("spile::lint::yanked_package") && !found.contains("spile::lint::old_lock"), "{found}");

    // Locking again keeps the day, because it keeps the versions.
    let old = lock.replace(resolved, "# resolved: 2025-06-01");
    project.write("locks/target-jsonl.txt", &old);
    assert!(lints(&project).contains("the versions in the lock of `target-jsonl` were chosen"), "{}", lints(&project));
    assert_eq!(project.json(&["lock", "target-jsonl"])["locks"][0]["state"], "unchanged");
    assert_eq!(project.read("locks/target-jsonl.txt"), old);
    let settings = project.read("spile.toml");
    project.write("spile.toml", &format!("{settings}\n[lint]\nlock_days = 60000\nallow = ['yanked_package']\n"));
    let found = lints(&project);
    assert!(!found.contains("yanked_package") && !found.contains("old_lock"), "{found}");

    let locks = project.json(&["lock", "--upgrade", "target-jsonl"]);
    crate::cli::schemas::holds("lock", &locks);
    assert_eq!(locks["locks"][0]["state"], "confirmed", "{locks:#}");
    assert_eq!(project.read("locks/target-jsonl.txt"), lock);
}

#[test]
fn a_wrong_hash_is_refused_and_nothing_is_installed() {
    let project = project(&["loaders"]);
    project.spile(&["lock", "target-jsonl"]).succeeds();
    let lock = project.read("locks/target-jsonl.txt");
    let tampered: String = lock
        .split_inclusive('\n')
        .map(|line| match line.split_once("--hash=sha256:") {
            Some((before, hash)) => format!("{before}--hash=sha256:{}{}", "0".repeat(64), &hash[64..]),
            None => line.to_owned(),
        })
        .collect();
    project.write("locks/target-jsonl.txt", &tampered);
    let ran = project.spile(&["sync"]).fails();
    assert!(
        told(&ran).contains("was not installed, because a file does not have the hash in its lock"),
        "{}",
        told(&ran)
    );
    assert_eq!(installed(&project), BTreeMap::new());
    assert!(!project.path().join("output").exists());

    project.write("locks/target-jsonl.txt", &lock);
    project.spile(&["sync"]).succeeds();
    assert_eq!(installed(&project), locked(&project, "target-jsonl"));
}

#[test]
fn a_lock_edited_by_hand_is_refused_at_its_line() {
    let project = project(&["loaders"]);
    project.spile(&["lock", "target-jsonl"]).succeeds();
    let lock = project.read("locks/target-jsonl.txt");
    project.write("locks/target-jsonl.txt", &format!("{lock}--index-url http://evil.example/simple\n"));
    let last = lock.lines().count() + 1;
    let ran = project.spile(&["check"]).fails();
    assert!(told(&ran).contains(&format!("locks/target-jsonl.txt:{last}")), "{}", told(&ran));
    assert!(told(&ran).contains("spile::locks::line"), "{}", told(&ran));
    let ran = project.spile(&["sync"]).fails();
    assert!(told(&ran).contains("`locks/target-jsonl.txt` cannot be used"), "{}", told(&ran));

    // A version that the index does not have, or no longer.
    let pytz = lock.lines().find(|line| line.starts_with("pytz==")).unwrap();
    project.write("locks/target-jsonl.txt", &lock.replace(pytz, "pytz==1.0 \\"));
    let ran = project.spile(&["sync"]).fails();
    assert!(told(&ran).contains("there is no version of pytz==1.0"), "{}", told(&ran));
    assert!(told(&ran).contains("check the connector's `pip_url` or its lock"), "{}", told(&ran));

    // A package is missing that others need.
    let without: Vec<&str> = lock.split("\nsimplejson==").collect();
    let rest = without[1].split_once("\nsinger").map_or("", |(_, rest)| rest);
    project.write("locks/target-jsonl.txt", &format!("{}\nsinger{rest}", without[0]));
    let ran = project.spile(&["sync"]).fails();
    assert!(told(&ran).contains("its lock is incomplete"), "{}", told(&ran));
    assert_eq!(installed(&project), BTreeMap::new());

    project.write("locks/target-jsonl.txt", &lock.replace("# pip_url: target-jsonl==0.1.4", "# pip_url: other==1"));
    let ran = project.spile(&["check", "--lint"]).succeeds();
    assert!(
        told(&ran).contains("spile::lint::stale_lock") && told(&ran).contains("spile::lint::unlocked"),
        "{}",
        told(&ran)
    );
    let ran = project.spile(&["sync"]).fails();
    assert!(told(&ran).contains("`locks/target-jsonl.txt` is out of date"), "{}", told(&ran));
    assert_eq!(installed(&project), BTreeMap::new());
}

#[test]
fn versions_that_exclude_each_other_are_reported_with_the_resolvers_reason() {
    let project = project(&["loaders"]);
    project.write("connectors/jsonl.toml", &connector(" jsonschema==4.0.0"));
    let ran = project.spile(&["lock", "target-jsonl"]).fails();
    let told = told(&ran);
    assert!(told.contains("spile::meltano::conflict") && told.contains("depends on jsonschema"), "{told}");
    assert!(!project.path().join("locks").exists(), "nothing is written");
    let ran = project.spile(&["lock", "target-jsonl--files"]).fails();
    assert!(self::told(&ran).contains("does not install `target-jsonl--files`"), "{}", self::told(&ran));
    project.write("connectors/jsonl.toml", &connector(" -c pins.txt"));
    let ran = project.spile(&["lock", "target-jsonl"]).fails();
    assert!(self::told(&ran).contains("its `pip_url` contains the option `-c`"), "{}", self::told(&ran));
}

#[test]
fn meltano_itself_is_installed_from_its_lock() {
    let project = project(&["loaders"]);
    project.spile(&["lock", "meltano"]).succeeds();
    // The shared Meltano was installed without a lock. With its uv, the new one takes seconds.
    let programs = tempfile::tempdir().unwrap();
    let uv = std::fs::canonicalize(project.path().join(".spile/meltano/bin/uv")).unwrap();
    std::os::unix::fs::symlink(uv, programs.path().join("uv")).unwrap();
    std::fs::remove_file(project.path().join(".spile/meltano")).unwrap();
    let path = format!("{}:{}", programs.path().display(), std::env::var("PATH").unwrap());
    Ran(project.command(&["test", "things"]).env("PATH", path).output().unwrap()).succeeds();

    let (installed, locked) = (packages(&project, ".spile/meltano/lib"), locked(&project, "meltano"));
    assert!(installed.contains_key("meltano"));
    for (name, version) in &installed {
        assert_eq!(locked.get(name), Some(version), "{name}");
    }
    let lock = project.read("locks/meltano.txt");
    let click = lock.lines().find(|line| line.starts_with("click==")).unwrap();
    project.write("locks/meltano.txt", &lock.replace(click, "click==1.0 \\"));
    let plan = project.spile(&["plan", "--exit-code"]).succeeds();
    assert!(told(&plan).contains("the next run reinstalls meltano from its new lock: ~ click"), "{}", told(&plan));
}

#[test]
fn a_machine_without_an_index_installs_from_a_folder_that_was_filled_before_and_refuses_a_changed_file() {
    let project = project(&["loaders"]);
    project.spile(&["lock", "target-jsonl"]).succeeds();
    project.spile(&["lock", "target-jsonl", "--download", "wheels"]).succeeds();
    let wheels = project.path().join("wheels");
    let sync = || {
        let mut command = project.command(&["sync"]);
        command.env("UV_OFFLINE", "1").env("UV_FIND_LINKS", &wheels).env("UV_CACHE_DIR", project.path().join("cache"));
        Ran(command.output().unwrap())
    };
    let files = std::fs::read_dir(&wheels).unwrap().map(|item| item.unwrap().path());
    let wheel = files.into_iter().find(|path| path.to_string_lossy().contains("/pytz-")).unwrap();
    let good = std::fs::read(&wheel).unwrap();
    // Still a good archive: one with a comment, whose length is in its last two bytes.
    let (rest, length) = good.split_at(good.len() - 2);
    assert_eq!(length, [0, 0]);
    std::fs::write(&wheel, [rest, &[8, 0], b"tampered"].concat()).unwrap();
    let ran = sync().fails();
    assert!(told(&ran).contains("does not have the hash in its lock"), "{}", told(&ran));
    assert_eq!(installed(&project), BTreeMap::new());

    std::fs::write(&wheel, good).unwrap();
    sync().succeeds();
    assert_eq!(installed(&project), locked(&project, "target-jsonl"));
    assert_eq!(project.read("output/things.jsonl").lines().count(), 3);
    std::fs::remove_dir_all(project.path().join("cache")).unwrap();
}

//! Lock files of plugins: `locks/<plugin>.txt` names every package that an installation consists of, with its version and
//! its hashes.
//!
//! pip and uv read the file as it is. spile reads it first and accepts nothing but packages with a version and hashes,
//! because everything else that such a file can contain (an index, a path, another file) would change what is installed.

mod difference;
mod mistake;
mod request;
mod yanked;

use std::fmt::{Display, Write as _};
use std::ops::Range;

use jiff::civil::Date;

use crate::connector::pip::{normalized, package_name, version};
use crate::problem::Problems;
use crate::source::Source;

pub use difference::{Difference, PackageChange};
pub use mistake::LockMistake;
pub use request::{PipRequest, Unlockable};
pub use yanked::YankedPackage;

/// The folder of lock files, relative to the project.
pub const FOLDER: &str = "locks";

/// The name under which Meltano itself is locked.
pub const MELTANO: &str = "meltano";

/// The keys of the header, in order.
const KEYS: [&str; 5] = ["pip_url", "python", "platform", "resolved", "spile"];

/// The key of a comment that names a withdrawn version.
const YANKED: &str = "yanked";

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The requirements that it was resolved from.
    pub pip_url: String,
    /// The oldest Python version that it is for, for example `3.11`.
    pub python: String,
    /// The day on which its versions were chosen; `None` if the file does not say.
    pub resolved: Option<Date>,
    /// The version of spile that wrote it.
    pub spile: String,
    /// The packages that their authors had withdrawn by then.
    pub yanked: Vec<YankedPackage>,
    /// The packages, in the order of the file. A package is listed twice if platforms need different versions.
    pub packages: Vec<LockedPackage>,
}

/// A package of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedPackage {
    /// Its name, as the file spells it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The environment marker that it is limited to.
    pub marker: Option<String>,
    /// The hashes of its files, for example `sha256:…`.
    pub hashes: Vec<String>,
}

impl Lock {
    /// Reads a lock file. Returns `None` if there are problems.
    pub fn read(source: &Source, problems: &mut Problems) -> Option<Self> {
        let mut is_good = true;
        let mut refuse = |mistake: LockMistake| {
            is_good = false;
            problems.push(source, mistake);
        };
        let mut header = [const { None }; KEYS.len()];
        let (mut packages, mut yanked) = (Vec::new(), Vec::new());
        for statement in statements(source.text()) {
            // Some readers end a line at such a character.
            if statement.text.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
                refuse(LockMistake::Line { span: statement.span.into() });
            } else if let Some(comment) = statement.text.strip_prefix('#') {
                let Some((key, value)) = comment.split_once(':') else { continue };
                let (key, value) = (key.trim(), value.trim());
                if let Some(at) = KEYS.iter().position(|known| *known == key) {
                    header[at].get_or_insert_with(|| value.to_owned());
                } else if key == YANKED {
                    yanked.extend(YankedPackage::read(value));
                }
            } else if !statement.text.is_empty() {
                match LockedPackage::read(&statement.text) {
                    Some(package) => packages.push(package),
                    None => refuse(LockMistake::Line { span: statement.span.into() }),
                }
            }
        }
        let [pip_url, python, _, resolved, spile] = header;
        let (Some(pip_url), Some(python), Some(spile)) = (pip_url, python.filter(|text| minor(text).is_some()), spile)
        else {
            refuse(LockMistake::Header { span: (0..0).into() });
            return None;
        };
        let resolved = resolved.and_then(|text| text.parse().ok());
        is_good.then_some(Self { pip_url, python, resolved, spile, yanked, packages })
    }

    /// Returns the packages in what a resolver printed. Packages without a version, which `pip_url` names by an address or
    /// a path, are left out.
    ///
    /// # Errors
    /// With the first line that is not a package.
    pub fn resolved(output: &str) -> Result<Vec<LockedPackage>, String> {
        let is_package =
            |text: &str| !text.is_empty() && !text.starts_with(['#', '-', '.', '/']) && !text.contains(" @ ");
        let packages = statements(output).into_iter().filter(|statement| is_package(&statement.text));
        packages.map(|statement| LockedPackage::read(&statement.text).ok_or(statement.text)).collect()
    }

    /// Returns the text of the file.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        let Self { pip_url, python, resolved, spile, yanked, .. } = self;
        let line = |key: &str, value: &dyn Display| format!("# {key}: {value}\n");
        let resolved = resolved.map(|day| line("resolved", &day)).unwrap_or_default();
        let yanked: String = yanked.iter().map(|one| line(YANKED, one)).collect();
        format!(
            "# All packages of `{name}`, with hashes. `spile lock` writes this file; do not edit it.\n\
             # pip_url: {pip_url}\n# python: {python}\n# platform: any\n{resolved}# spile: {spile}\n{yanked}{}",
            self.requirements()
        )
    }

    /// Returns the packages as a requirements file, which is what installers get.
    #[must_use]
    pub fn requirements(&self) -> String {
        let mut text = String::new();
        for LockedPackage { name, version, marker, hashes } in &self.packages {
            // Writing to a string does not fail.
            let _ = write!(text, "{name}=={version}");
            if let Some(marker) = marker {
                let _ = write!(text, " ; {marker}");
            }
            for hash in hashes {
                let _ = write!(text, " \\\n    --hash={hash}");
            }
            text.push('\n');
        }
        text
    }

    /// Returns why the lock does not fit a `pip_url`; `None` if it fits.
    #[must_use]
    pub fn misfit(&self, pip_url: &str) -> Option<String> {
        let wanted = one_line(pip_url);
        if self.pip_url != wanted {
            return Some(format!("it was made from `{}`, but `pip_url` is now `{wanted}`", self.pip_url));
        }
        match PipRequest::read(pip_url) {
            Ok(request) => request.requirements.iter().find_map(|requirement| self.lacks(requirement)),
            Err(why) => Some(format!("the plugin cannot be locked: {why}")),
        }
    }

    /// Returns why the lock does not contain what a requirement asks for.
    fn lacks(&self, requirement: &str) -> Option<String> {
        let name = normalized(package_name(requirement));
        let locked: Vec<_> = self.packages.iter().filter(|package| normalized(&package.name) == name).collect();
        if locked.is_empty() && !requirement.contains(';') {
            return Some(format!("it does not contain `{name}`"));
        }
        let version = version(requirement)?;
        let other = locked.iter().find(|package| package.version != version)?;
        Some(format!("it has {name} {}, but `pip_url` asks for {version}", other.version))
    }

    /// Tells whether another lock names the same packages for the same `pip_url` and Python.
    #[must_use]
    pub fn has_the_same_choices(&self, other: &Self) -> bool {
        (&self.pip_url, &self.python, &self.packages) == (&other.pip_url, &other.python, &other.packages)
    }

    /// Returns how many days ago its versions were chosen; `None` if the file does not say.
    #[must_use]
    pub fn days_old(&self, today: Date) -> Option<i32> {
        let since = self.resolved?.until(today).ok()?;
        Some(since.get_days())
    }

    /// Tells whether a Python version is too old for the lock. Both are like `3.11`.
    #[must_use]
    pub fn needs_newer_than(&self, python: &str) -> bool {
        minor(python).zip(minor(&self.python)).is_some_and(|(has, needs)| has < needs)
    }
}

impl LockedPackage {
    /// Reads `name==version [; marker] --hash=…`; `None` if the text is anything else.
    fn read(text: &str) -> Option<Self> {
        let (requirement, hashes) = text.split_once(" --hash=")?;
        let hashes: Option<Vec<String>> = hashes.split(" --hash=").map(|hash| checked_hash(hash.trim())).collect();
        let (exact, marker) = match requirement.split_once(';') {
            Some((exact, marker)) => (exact, Some(marker.trim())),
            None => (requirement, None),
        };
        let (name, version) = exact.trim().split_once("==")?;
        // uv names the extras of a package that was asked for with extras.
        let (plain, extras) = name.split_once('[').map_or((name, None), |(plain, rest)| (plain, Some(rest)));
        let is_word =
            |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let are_extras =
            extras.is_none_or(|rest| rest.strip_suffix(']').is_some_and(|all| all.split(',').all(is_word)));
        let starts_well = plain.starts_with(|c: char| c.is_ascii_alphanumeric());
        let is_version =
            !version.is_empty() && version.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+!".contains(c));
        if !(is_word(plain) && starts_well && are_extras && is_version && marker.is_none_or(is_marker)) {
            return None;
        }
        let marker = marker.map(str::to_owned);
        Some(Self { name: name.to_owned(), version: version.to_owned(), marker, hashes: hashes? })
    }
}

/// Tells whether a text can be an environment marker. An option would begin with ` -`.
fn is_marker(text: &str) -> bool {
    let may_contain = |c: char| c.is_ascii_alphanumeric() || " _.'\"<>=!~()+*,-".contains(c);
    !text.is_empty() && text.chars().all(may_contain) && !text.contains(" -") && !text.starts_with('-')
}

fn checked_hash(hash: &str) -> Option<String> {
    let digits = hash.strip_prefix("sha256:")?;
    (digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| hash.to_owned())
}

/// Returns the parts of a Python version like `3.11` or `3.11.7` that decide what fits.
fn minor(python: &str) -> Option<(u32, u32)> {
    let mut numbers = python.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Returns a `pip_url` on one line, with single spaces.
#[must_use]
pub fn one_line(pip_url: &str) -> String {
    pip_url.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line of a file, joined with those that continue it.
struct Statement {
    text: String,
    span: Range<usize>,
}

/// Splits a requirements file as pip does. A comment is never continued here, so that it cannot hide a line.
fn statements(text: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let (mut joined, mut start, mut at) = (String::new(), None, 0);
    for line in text.split_inclusive('\n') {
        let begins = *start.get_or_insert(at);
        at += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        let continued = line.strip_suffix('\\').filter(|_| !(joined.is_empty() && line.trim_start().starts_with('#')));
        joined.push_str(continued.unwrap_or(line).trim());
        if continued.is_some() {
            joined.push(' ');
        } else {
            let text = std::mem::take(&mut joined).trim().to_owned();
            found.push(Statement { text, span: begins..at });
            start = None;
        }
    }
    // A continuation at the end of the file.
    let rest = joined.trim();
    if !rest.is_empty() {
        found.push(Statement { text: rest.to_owned(), span: start.unwrap_or(at)..at });
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn read(text: &str) -> (Option<Lock>, Vec<String>) {
        let mut problems = Problems::default();
        let lock = Lock::read(&Source::new("locks/tap-x.txt", text), &mut problems);
        let report = problems.into_report();
        let told = |problem: &crate::problem::Problem| format!("{} [{}]", problem.to_reference(), problem.code());
        (lock, report.problems().iter().map(told).collect())
    }

    fn hash(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    fn lock() -> Lock {
        let package = |name: &str, version: &str, marker: Option<&str>| LockedPackage {
            name: name.to_owned(),
            version: version.to_owned(),
            marker: marker.map(str::to_owned),
            hashes: vec![hash('a'), hash('b')],
        };
        let marker =
            "python_full_version < '3.12' and (sys_platform == 'win32' or platform_python_implementation != \"PyPy\")";
        Lock {
            pip_url: "tap-x==1.0 idna<4".to_owned(),
            python: "3.11".to_owned(),
            resolved: Some(date(2026, 11, 30)),
            spile: "1.2.3".to_owned(),
            yanked: vec![YankedPackage::read("idna==3.7 breaks on: Python 3").unwrap()],
            packages: vec![
                package("tap-x", "1.0", None),
                package("idna", "3.7", None),
                package("a[b,c]", "1!2.0+l", Some(marker)),
            ],
        }
    }

    #[test]
    fn a_lock_that_was_written_is_read_back_unchanged() {
        assert_eq!(read(&lock().text("tap-x")), (Some(lock()), vec![]));
    }

    #[test]
    fn everything_but_packages_with_versions_and_hashes_is_refused_at_its_line() {
        let good = hash('a');
        for bad in [
            "--index-url http://evil.example/simple".to_owned(),
            "--extra-index-url=http://evil.example/simple".to_owned(),
            "-e .".to_owned(),
            "-r other.txt".to_owned(),
            "./evil".to_owned(),
            "evil @ http://evil.example/x.whl --hash=sha256:00".to_owned(),
            format!("evil @ http://evil.example/x.whl --hash={good}"),
            "idna==3.7".to_owned(),
            format!("idna>=3.7 --hash={good}"),
            format!("idna==3.* --hash={good}"),
            format!("idna==3.7,<4 --hash={good}"),
            "idna==3.7 --hash=md5:d41d8cd98f00b204e9800998ecf8427e".to_owned(),
            "idna==3.7 --hash=sha256:abc".to_owned(),
            format!("idna==3.7 --hash={good} --index-url http://evil.example"),
            format!("idna==3.7 --index-url http://evil.example --hash={good}"),
            format!("idna==3.7 ; python_version > '3' --index-url=http://evil.example --hash={good}"),
            format!("idna==3.7 ; python_version > '3' # x --hash={good}"),
            format!("idna==3.7 \\\n    -i http://evil.example --hash={good}"),
            format!("# a comment \\\n--index-url http://evil.example\nidna==3.7 --hash={good}"),
            format!("idna==${{VERSION}} --hash={good}"),
            "# a comment\u{c}--index-url http://evil.example".to_owned(),
        ] {
            let (lock, problems) = read(&format!("{}{bad}\n", lock().text("tap-x")));
            assert_eq!(lock, None, "{bad}");
            assert!(problems.len() == 1 && problems[0].ends_with("[spile::locks::line]"), "{bad}: {problems:?}");
        }
        let (_, problems) = read(&lock().text("tap-x").replace("idna==", "-e idna=="));
        assert_eq!(problems, ["locks/tap-x.txt:11 [spile::locks::line]"]);
    }

    #[test]
    fn a_lock_has_an_age_if_it_says_when_it_was_resolved() {
        let mut lock = lock();
        assert_eq!(lock.days_old(date(2027, 1, 30)), Some(61));
        lock.resolved = None;
        assert_eq!((lock.days_old(date(2027, 1, 30)), read(&lock.text("tap-x")).0), (None, Some(lock)));
    }

    #[test]
    fn a_file_without_a_header_is_refused() {
        let text = lock().text("tap-x");
        for gone in ["# pip_url: ", "# python: 3.11", "# spile: "] {
            let (lock, problems) = read(&text.replace(gone, "# "));
            assert_eq!((lock, problems), (None, vec!["locks/tap-x.txt:1 [spile::locks::header]".to_owned()]), "{gone}");
        }
    }

    #[test]
    fn a_lock_fits_only_the_pip_url_that_it_was_made_from() {
        let lock = lock();
        assert_eq!(lock.misfit(" tap-x==1.0\n idna<4 "), None);
        let moved = lock.misfit("tap-x==1.1 idna<4").unwrap();
        assert_eq!(moved, "it was made from `tap-x==1.0 idna<4`, but `pip_url` is now `tap-x==1.1 idna<4`");
        let mut without = lock.clone();
        without.packages.remove(0);
        assert_eq!(without.misfit("tap-x==1.0 idna<4").unwrap(), "it does not contain `tap-x`");
        let mut other = lock;
        other.packages[0].version = "0.9".to_owned();
        assert_eq!(other.misfit("tap-x==1.0 idna<4").unwrap(), "it has tap-x 0.9, but `pip_url` asks for 1.0");
        other.pip_url = "-r all.txt".to_owned();
        let never = "the plugin cannot be locked: its `pip_url` contains the option `-r`";
        assert_eq!(other.misfit("-r all.txt").unwrap(), never);
    }

    #[test]
    fn a_lock_is_for_its_python_and_newer_ones() {
        let lock = lock();
        assert!(lock.needs_newer_than("3.9") && lock.needs_newer_than("3.10.4"));
        assert!(!lock.needs_newer_than("3.11") && !lock.needs_newer_than("3.14.0"));
    }

    #[test]
    fn what_a_resolver_prints_is_taken_without_addresses() {
        let output = format!(
            "# comment\n-e ./own\nspile-target @ file:///x.whl\nidna==3.7 \\\n    --hash={}\ncolor==1 ; sys_platform == 'win32' --hash={}\n",
            hash('a'),
            hash('b')
        );
        let found = Lock::resolved(&output).unwrap();
        let names: Vec<_> = found.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["idna", "color"]);
        assert_eq!(Lock::resolved("idna==3.7"), Err("idna==3.7".to_owned()));
    }
}

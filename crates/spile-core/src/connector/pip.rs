//! The package that a `pip_url` installs, read as pip reads its command line, and whether the version is fixed.

/// Options of `pip install` that take the next word as their value (pip 25's `pip install --help`). Requirements files
/// are not read.
const WITH_A_VALUE: [&str; 39] = [
    "-r",
    "--requirement",
    "-c",
    "--constraint",
    "--build-constraint",
    "-f",
    "--find-links",
    "-i",
    "--index-url",
    "--pypi-url",
    "--extra-index-url",
    "-t",
    "--target",
    "--platform",
    "--python-version",
    "--implementation",
    "--abi",
    "--root",
    "--prefix",
    "--src",
    "--upgrade-strategy",
    "-C",
    "--config-settings",
    "--global-option",
    "--progress-bar",
    "--root-user-action",
    "--report",
    "--group",
    "--no-binary",
    "--only-binary",
    "--python",
    "--log",
    "--keyring-provider",
    "--proxy",
    "--retries",
    "--timeout",
    "--exists-action",
    "--trusted-host",
    "--cert",
];

/// Options of `pip install` whose value is the package to install.
const INSTALLING: [&str; 2] = ["-e", "--editable"];

/// Returns the first package that a `pip_url` names; `None` if it names none, for example if it consists of options.
///
/// `name @ url` and `name ; marker` may be several words: Meltano splits them like a shell, and people write both.
#[must_use]
pub fn first_requirement(pip_url: &str) -> Option<String> {
    let words = shlex::split(pip_url).unwrap_or_else(|| pip_url.split_whitespace().map(str::to_owned).collect());
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            let is_address = words.peek().is_some_and(|next| next == "@");
            let address = if is_address { words.nth(1) } else { None };
            return Some(address.map_or(word.clone(), |address| format!("{word} @ {address}")));
        }
        if INSTALLING.contains(&word.as_str()) {
            return words.next();
        }
        if let Some((_, value)) = word.split_once('=').filter(|(option, _)| INSTALLING.contains(option)) {
            return Some(value.to_owned());
        }
        if WITH_A_VALUE.contains(&word.as_str()) {
            words.next();
        }
    }
    None
}

/// Returns the package name of a requirement, without extras, version, address and marker.
#[must_use]
pub fn package_name(requirement: &str) -> &str {
    let end = requirement.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
    &requirement[..end.unwrap_or(requirement.len())]
}

/// Returns a package name in its normalized spelling (PEP 503), without extras.
#[must_use]
pub fn normalized(name: &str) -> String {
    let name = name.split('[').next().unwrap_or_default().to_lowercase();
    name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// Tells whether a `pip_url` fixes the version of its first package: `x==1.2`, a commit or tag of a repository, an
/// archive, or a path in the project.
#[must_use]
pub fn is_pinned(pip_url: &str) -> bool {
    first_requirement(pip_url).is_none_or(|requirement| is_one_version(&requirement))
}

fn is_one_version(requirement: &str) -> bool {
    // An address may contain a `;`, so a marker after an address needs a space before it (PEP 508).
    let requirement = requirement.split_once(" ;").map_or(requirement, |(before, _)| before).trim();
    let address = requirement
        .split_once('@')
        .filter(|(name, rest)| !name.contains(':') && rest.contains(':'))
        .map_or(requirement, |(_, rest)| rest.trim());
    let path = address.split(['#', '?']).next().unwrap_or_default();
    if ["git+", "hg+", "svn+", "bzr+"].iter().any(|kind| address.starts_with(kind)) {
        return path.rsplit('/').next().unwrap_or_default().contains('@');
    }
    if path.starts_with(['.', '/']) || path.starts_with("file:") {
        return true;
    }
    if [".whl", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip"].iter().any(|end| path.ends_with(end)) {
        return true;
    }
    !address.contains("://") && version(requirement).is_some()
}

/// Returns the only version that a requirement allows; `None` if it allows several, or is an address.
#[must_use]
pub fn version(requirement: &str) -> Option<&str> {
    let clauses = requirement.split(';').next().unwrap_or_default();
    let exact = clauses.split(',').filter_map(|clause| clause.split_once("=="));
    exact.map(|(_, version)| version.trim_start_matches('=').trim()).find(|version| !version.contains('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_packages_are_distinguished_from_open_ones() {
        for pinned in [
            "tap-x==1.2.0",
            "tap-x[s3]==1.2.0 setuptools<81",
            "git+https://github.com/a/tap-x.git@v1.9.0",
            "git+ssh://git@github.com/a/tap-x@abc#subdirectory=b",
            "-e ./tap-x",
            "--editable=./tap-x",
            "-r requirements/tap-x.txt",
            "./tap-x",
            "https://example.com/tap_x-1.0-py3-none-any.whl",
            "https://example.com/tap_x-1.0.tar.gz?token=a#sha256=b",
            "tap-x @ git+https://github.com/a/b.git@main",
            "tap-x@git+https://github.com/a/b.git@main",
            "'tap-x[s3] @ git+https://github.com/a/b.git@abc ; python_version < \"3.13\"'",
            "tap-x @ file:///srv/tap-x",
            "./vendor/tap-x@2",
            "--index-url https://pypi.example/simple tap-x==1.0",
            "-i https://pypi.example/simple --no-deps tap-x==1.0",
            "--index-url=https://pypi.example/simple tap-x==1.0",
            "--extra-index-url https://a/simple --trusted-host a tap-x==1.0 idna",
            "tap-x==1.0;python_version<'3.13'",
            "'tap-x == 1.0 ; python_version < \"3.13\"'",
            "tap-x===1.0",
            "tap-x>=1,==1.0",
            "--no-deps",
            "",
        ] {
            assert!(is_pinned(pinned), "{pinned}");
        }
        for open in [
            "tap-x",
            "tap-x>=1",
            "tap-x==1.*",
            "git+https://github.com/a/tap-x.git",
            "git+ssh://git@github.com/a/tap-x.git",
            "tap-x~=1.2 ${MELTANO__PYTHON_VERSION}",
            "tap-x setuptools==80",
            "tap-x@git+https://github.com/a/b.git",
            "git+https://git@github.com/a/b.git#egg=tap-x==1",
            "--index-url https://pypi.example/simple==1 tap-x",
            "--constraint pins==1.txt tap-x",
            "-i https://pypi.example/a.whl tap-x>=1",
            "\"tap-x>=1 ; python_version == '3.12'\"",
            "tap-x;python_version=='3.12'",
            "'tap-x @ git+https://github.com/a/b.git'",
        ] {
            assert!(!is_pinned(open), "{open}");
        }
    }

    #[test]
    fn the_first_package_is_found_after_the_options_of_pip() {
        for (pip_url, name) in [
            ("tap-x==1", "tap-x"),
            ("--index-url https://a/simple tap-x[s3]>=1", "tap-x"),
            ("--no-deps 'tap-x ; python_version < \"3\"'", "tap-x"),
            ("tap-x@git+https://a/b.git", "tap-x"),
        ] {
            assert_eq!(package_name(&first_requirement(pip_url).unwrap()), name, "{pip_url}");
        }
        assert_eq!(first_requirement("--no-deps"), None);
    }
}

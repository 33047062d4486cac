//! Whether what pip installs is always the same.

/// Tells whether a `pip_url` names one version of its first package: `x==1.2`, a commit or tag of a repository, an
/// archive, or a path of the project's own.
#[must_use]
pub fn is_pinned(pip_url: &str) -> bool {
    let mut words = pip_url.split_whitespace().filter(|word| !word.starts_with('-'));
    let Some(first) = words.next() else { return true };
    // `name @ url` is three words.
    let rest: Vec<&str> = words.collect();
    let url = match rest.as_slice() {
        ["@", url, ..] => url,
        _ => first,
    };
    let url = url
        .split_once('@')
        .filter(|(name, rest)| !name.contains(':') && rest.contains("://"))
        .map_or(url, |(_, rest)| rest);
    if let Some(repository) = url.strip_prefix("git+") {
        let path = repository.split('#').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        return path.contains('@');
    }
    let is_archive =
        [".whl", ".tar.gz", ".zip"].iter().any(|end| url.split('#').next().unwrap_or_default().ends_with(end));
    is_archive || url.starts_with(['.', '/']) || url.starts_with("file:") || (url.contains("==") && !url.contains('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_always_the_same_is_told_from_what_is_not() {
        for pinned in [
            "tap-x==1.2.0",
            "tap-x[s3]==1.2.0 setuptools<81",
            "git+https://github.com/a/tap-x.git@v1.9.0",
            "git+ssh://git@github.com/a/tap-x@abc#subdirectory=b",
            "-e ./tap-x",
            "./tap-x",
            "https://example.com/tap_x-1.0-py3-none-any.whl",
            "tap-x @ git+https://github.com/a/b.git@main",
            "tap-x@git+https://github.com/a/b.git@main",
            "./vendor/tap-x@2",
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
        ] {
            assert!(!is_pinned(open), "{open}");
        }
    }
}

//! The documentation as a whole: its links lead somewhere, and no page is missing from the lists of pages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

/// Returns the pages, relative to the repository, with their texts.
fn pages() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tops = [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "llms.txt",
        "docs",
        "examples",
        "action",
        "editors",
    ];
    let files = tops.into_iter().flat_map(|top| WalkDir::new(root.join(top)).into_iter().map(Result::unwrap));
    let is_page = |path: &Path| path.extension().is_some_and(|ending| ending == "md" || ending == "txt");
    let is_ours = |path: &Path| !path.components().any(|part| part.as_os_str() == "node_modules");
    files
        .map(|file| file.path().strip_prefix(root).unwrap().to_owned())
        .filter(|path| is_page(path) && is_ours(path))
        .map(|path| (path.clone(), std::fs::read_to_string(root.join(&path)).unwrap()))
        .collect()
}

/// Returns a page without its examples of code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let kept = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        is_code ^= fence;
        !is_code && !fence
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// Returns the targets of links within the repository.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .filter(|to| !to.contains("://") && !to.starts_with("mailto:") && !to.contains(' '))
        .map(str::to_owned)
        .collect()
}

/// Returns the anchors of the headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let kept = heading.to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// Returns a path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
        plain
    })
}

#[test]
fn every_link_of_the_documentation_leads_to_a_file_and_a_heading() {
    let (root, pages) = (Path::new(env!("CARGO_MANIFEST_DIR")), pages());
    let mut broken = Vec::new();
    for (page, text) in &pages {
        for link in links(&prose(text)) {
            let (path, anchor) = link.split_once('#').map_or((link.as_str(), None), |(path, at)| (path, Some(at)));
            let path = if path.is_empty() { page.clone() } else { plain(&page.parent().unwrap().join(path)) };
            let there = root.join(&path).exists();
            let is_heading = |at: &str| pages.get(&path).is_none_or(|text| anchors(&prose(text)).contains(at));
            if !there || !anchor.is_none_or(is_heading) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_page_of_the_documentation_is_in_the_lists_of_pages() {
    let pages = pages();
    let of = |list: &str| links(&pages[Path::new(list)]).into_iter().collect::<BTreeSet<_>>();
    let (readme, llms) = (of("README.md"), of("llms.txt"));
    for page in pages.keys().filter(|page| page.parent() == Some(Path::new("docs"))) {
        let name = page.display().to_string();
        assert!(readme.contains(&name), "README.md does not list {name}");
        assert!(llms.contains(&name), "llms.txt does not list {name}");
    }
}

//! What `meltano.yml` guarantees beyond the contract.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use spile_core::render::MARKER;
use spile_world::TargetError;

use super::harness::{File, Subject};
use crate::folder::{Folder, origin};

fn file(text: &str) -> File {
    let folder = Folder::new();
    folder.write("meltano.yml", text);
    File(folder)
}

async fn rendered() -> File {
    let file = File(Folder::new());
    let step = file.step(&file.target().read().await.unwrap(), &[10]);
    file.target().write(&step, &origin("p")).await.unwrap();
    file
}

#[tokio::test]
async fn someone_elses_file_is_refused_and_stays() {
    for text in ["version: 1\n", "# ours\n", " ", "\u{feff}# x\n", &format!("# ours\n{MARKER}\n")] {
        let file = file(text);
        let step = File(Folder::new()).step(&File(Folder::new()).target().read().await.unwrap(), &[10]);
        let error = file.target().read().await.unwrap_err();
        assert!(matches!(error, TargetError::Foreign { .. }), "{text:?}: {error:?}");
        assert!(file.target().write(&step, &origin("p")).await.is_err(), "{text:?}");
        assert_eq!(file.0.read("meltano.yml"), text);
    }
}

#[tokio::test]
async fn bytes_that_are_not_text_are_refused_and_stay() {
    let folder = Folder::new();
    fs::write(folder.join("meltano.yml"), b"# \xff\n").unwrap();
    let error = File(folder).target().read().await.unwrap_err();
    assert!(matches!(error, TargetError::Foreign { .. }), "{error:?}");
}

#[tokio::test]
async fn a_rendered_file_edited_to_nonsense_is_unreadable() {
    let orphan = "plugins:\n  extractors:\n  - {name: x, inherit_from: y, annotations: {spile: {id: \
                  00000000-0000-0000-0000-000000000001, slug: x}}}\n";
    for text in ["plugins: [\n", "plugins: 1\n", "jobs: {a: b}\n", "environments:\n- dev\n", orphan] {
        let file = file(&format!("{MARKER}\n{text}"));
        let error = file.target().read().await.unwrap_err();
        assert!(matches!(error, TargetError::Unreadable { .. }), "{text:?}: {error:?}");
    }
}

#[tokio::test]
async fn the_mode_of_the_file_stays() {
    let file = rendered().await;
    for mode in [0o600, 0o664] {
        fs::set_permissions(file.0.join("meltano.yml"), PermissionsExt::from_mode(mode)).unwrap();
        let numbers: &[u8] = if mode == 0o600 { &[11] } else { &[12] };
        file.target().write(&file.step(&file.target().read().await.unwrap(), numbers), &origin("p")).await.unwrap();
        assert_eq!(fs::metadata(file.0.join("meltano.yml")).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[tokio::test]
async fn a_link_stays_a_link() {
    let folder = Folder::new();
    fs::create_dir(folder.join("elsewhere")).unwrap();
    folder.write("elsewhere/real.yml", "");
    std::os::unix::fs::symlink("elsewhere/real.yml", folder.join("meltano.yml")).unwrap();
    let file = File(folder);
    file.target().write(&file.step(&file.target().read().await.unwrap(), &[10]), &origin("p")).await.unwrap();
    assert!(fs::symlink_metadata(file.0.join("meltano.yml")).unwrap().is_symlink());
    assert!(file.0.read("elsewhere/real.yml").starts_with(MARKER));
}

#[tokio::test]
async fn nothing_but_the_file_is_left_in_the_folder() {
    let file = rendered().await;
    // The lock file stays, so that nobody locks a file that someone else has deleted.
    let left = [".spile/.gitignore", ".spile/applied/meltano.yml", ".spile/locks/project.lock", "meltano.yml"];
    assert_eq!(file.files(), left.map(std::path::PathBuf::from));
}

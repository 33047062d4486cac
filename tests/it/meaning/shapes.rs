//! Shapes of YAML, in whole projects: an import preserves what they mean, and refuses what Meltano's parser refuses.

use serde_json::{Map, Value};

use super::generated::import;
use super::oracle::{Variables, ask, differences, parse};
use crate::folder::Folder;

/// The shapes by what they show: of the settings of a plugin, of a file, and of a file and the one that it includes.
const SHAPES: &str = include_str!("../../meaning/shapes.json");

/// The file around the settings.
const FRAME: &str =
    "plugins:\n  extractors:\n  - name: tap-x\n    namespace: tap_x\n    executable: tap-x\n    config:\n";

/// The names of the files of a project.
const FILES: [&str; 2] = ["meltano.yml", "more.yml"];

fn shapes() -> Vec<(String, Folder)> {
    let shapes: Map<String, Value> = serde_json::from_str(SHAPES).unwrap();
    let text = |shape: &Value| shape.as_str().unwrap().to_owned();
    let files = |group: &str, shape: &Value| match group {
        "settings" => vec![format!("{FRAME}{}", text(shape))],
        "files" => vec![text(shape)],
        _ => shape.as_array().unwrap().iter().map(text).collect(),
    };
    let all = shapes.iter().flat_map(|(group, shapes)| shapes.as_object().unwrap().iter().map(move |one| (group, one)));
    let lay = |(group, (name, shape)): (&String, (&String, &Value))| {
        let folder = Folder::new();
        FILES.iter().zip(files(group, shape)).for_each(|(path, text)| folder.write(path, &text));
        (format!("{group}: {name}"), folder)
    };
    all.map(lay).collect()
}

/// Returns what is wrong with the import of a project, if anything; `Ok` tells whether Meltano's parser accepts it.
pub fn judged(folder: &Folder) -> Result<bool, String> {
    let variables = Variables::new();
    let read = FILES.iter().filter(|path| folder.join(path).exists()).try_for_each(|path| parse(&folder.join(path)));
    let before = ask(folder.path(), &variables);
    match (read, before, import(folder)) {
        (Err(_), _, Err(_)) => Ok(false),
        (Err(refused), _, Ok(_)) => Err(format!("Meltano's parser refuses it: {refused}")),
        (Ok(()), _, Err(refused)) => Err(format!("only spile refuses it: {refused}")),
        // Meltano can read it, and refuses it for another reason, or asks the hub for a definition.
        (Ok(()), Err(_), Ok(_)) => Ok(true),
        (Ok(()), Ok(before), Ok(_)) => {
            let after = ask(folder.path(), &variables).map_err(|refused| format!("refused afterwards: {refused}"))?;
            let found = differences(&before, &after);
            if found.is_empty() { Ok(true) } else { Err(found.join("\n")) }
        }
    }
}

#[test]
fn every_shape_is_imported_with_its_meaning_or_refused_by_meltanos_parser_too() {
    let shapes = shapes();
    let (mut wrong, mut accepted) = (Vec::new(), 0);
    for (name, folder) in &shapes {
        match judged(folder) {
            Ok(is_accepted) => accepted += usize::from(is_accepted),
            Err(found) => wrong.push(format!("{name}: {found}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(accepted >= 57 && shapes.len() - accepted >= 20, "{accepted} of {}", shapes.len());
}

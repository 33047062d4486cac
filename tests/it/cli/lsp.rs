//! The language server, driven by a client over standard input and output.

use std::io::{BufReader, BufWriter};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use lsp_server::{Message, Notification, Request, RequestId};
use serde_json::{Value, json};

use super::program::run;
use crate::folder::Folder;
use crate::{outputs, tools};

struct Client {
    child: Child,
    to: BufWriter<ChildStdin>,
    from: BufReader<ChildStdout>,
    next: i32,
    /// The requests and notifications from the server.
    heard: Vec<Message>,
}

impl Client {
    fn start(folder: &Folder) -> Self {
        let mut command = folder.command("lsp --stdio");
        command.env("XDG_CONFIG_HOME", folder.join("config"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut client = Self { child, to: BufWriter::new(to), from: BufReader::new(from), next: 0, heard: Vec::new() };
        let options = json!({ "runs": true });
        let asked = json!({ "processId": null, "rootUri": null, "capabilities": {}, "initializationOptions": options });
        let made = client.asks("initialize", asked);
        assert_eq!(made["capabilities"]["codeLensProvider"], json!({}), "{made}");
        assert_eq!(made["capabilities"]["hoverProvider"], true, "{made}");
        client.tells("initialized", json!({}));
        client
    }

    fn send(&mut self, message: &Message) {
        message.write(&mut self.to).unwrap();
    }

    fn tells(&mut self, method: &str, params: Value) {
        self.send(&Message::Notification(Notification::new(method.to_owned(), params)));
    }

    /// Sends a request and returns the response; an error is a response too.
    fn asks(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = RequestId::from(self.next);
        self.send(&Message::Request(Request::new(id.clone(), method.to_owned(), params)));
        loop {
            match Message::read(&mut self.from).unwrap().expect("the server has ended") {
                Message::Response(answer) if answer.id == id => {
                    return match answer.response_result {
                        Err(error) => json!({ "error": error.message }),
                        Ok(result) => result,
                    };
                }
                other => self.heard.push(other),
            }
        }
    }

    fn opens(&mut self, path: &Path, text: &str) {
        let document = json!({ "uri": uri(path), "languageId": "toml", "version": 1, "text": text });
        self.tells("textDocument/didOpen", json!({ "textDocument": document }));
    }

    fn changes(&mut self, path: &Path, text: &str) {
        let document = json!({ "uri": uri(path), "version": 2 });
        self.tells("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [{ "text": text }] }));
    }

    /// Returns the last published diagnostics of a file. Sends a request first, because responses arrive in order.
    fn diagnostics(&mut self, path: &Path) -> Vec<Value> {
        self.asks("textDocument/hover", at(path, 0, 0));
        let published = self.heard.iter().rev().find_map(|message| match message {
            Message::Notification(said) if said.params["uri"] == uri(path).as_str() => Some(said.params.clone()),
            _ => None,
        });
        published.map(|said| said["diagnostics"].as_array().unwrap().clone()).unwrap_or_default()
    }

    fn ends(mut self) {
        assert_eq!(self.asks("shutdown", Value::Null), Value::Null);
        self.tells("exit", Value::Null);
        assert!(self.child.wait().unwrap().success());
    }
}

fn uri(path: &Path) -> String {
    url::Url::from_file_path(path.canonicalize().unwrap_or_else(|_| path.to_owned())).unwrap().to_string()
}

fn at(path: &Path, line: u32, character: u32) -> Value {
    json!({ "textDocument": { "uri": uri(path) }, "position": { "line": line, "character": character } })
}

fn labels(items: &Value) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap()).collect()
}

#[test]
fn problems_appear_while_typing_and_disappear_when_fixed() {
    let folder = Folder::project();
    let path = folder.join("integrations/fruit.toml");
    let good = folder.read("integrations/fruit.toml");
    let mut client = Client::start(&folder);
    client.opens(&path, &good);
    assert_eq!(client.diagnostics(&path), [] as [Value; 0]);
    let bad = good.replace("type = \"singer-jsonl\"", "type = \"singer-jsnol\"");
    assert_ne!(good, bad);
    client.changes(&path, &bad);
    let [found] = &client.diagnostics(&path)[..] else { panic!("one") };
    assert_eq!((&found["code"], &found["source"]), (&json!("spile::integration::unknown_type"), &json!("spile")));
    assert!(found["message"].as_str().unwrap().contains("did you mean `singer-jsonl`?"), "{found}");
    let actions = client.asks(
        "textDocument/codeAction",
        json!({ "textDocument": { "uri": uri(&path) }, "range": found["range"], "context": { "diagnostics": [] } }),
    );
    let edit = &actions[0]["edit"]["changes"][uri(&path)][0];
    assert_eq!((&edit["range"], &edit["newText"]), (&found["range"], &json!("\"singer-jsonl\"")), "{actions}");
    client.changes(&path, &good);
    assert_eq!(client.diagnostics(&path), [] as [Value; 0]);
    assert_eq!(folder.read("integrations/fruit.toml"), good, "nothing is written");
    client.ends();
}

#[test]
fn completions_and_hovers_fit_the_cursor() {
    let folder = Folder::project();
    let path = folder.join("integrations/shop.toml");
    let mut client = Client::start(&folder);
    client.opens(&path, "type = \"\"\nloader = \"\"\n[config]\n\n");
    assert!(labels(&client.asks("textDocument/completion", at(&path, 0, 8))).contains(&"postgres"));
    assert_eq!(labels(&client.asks("textDocument/completion", at(&path, 1, 10))), ["lake"]);
    client.changes(&path, "type = \"postgres\"\nloader = \"lake\"\n[config]\nho\n");
    let settings = client.asks("textDocument/completion", at(&path, 3, 2));
    let host = settings.as_array().unwrap().iter().find(|item| item["label"] == "host").unwrap();
    assert_eq!(
        host["textEdit"]["range"],
        json!({ "start": { "line": 3, "character": 0 }, "end": { "line": 3, "character": 2 } })
    );
    assert!(!labels(&settings).contains(&"password"), "secrets are not typed into files");
    client.changes(&path, "type = \"postgres\"\nloader = \"lake\"\n[config]\nhost = \"h\"\n");
    let hover = client.asks("textDocument/hover", at(&path, 3, 1));
    assert!(hover["contents"]["value"].as_str().unwrap().starts_with("**Host** (string"), "{hover}");
    client.ends();
}

#[test]
fn a_secret_in_plain_text_is_encrypted_by_a_quick_fix() {
    let folder = Folder::project();
    run(folder.command("secrets init").env("XDG_CONFIG_HOME", folder.join("config"))).exits(0);
    let path = folder.join("integrations/shop.toml");
    let text =
        "type = 'postgres'\nloader = 'lake'\n[config]\nhost = 'h'\nuser = 'u'\ndatabase = 'd'\npassword = 'hunter2'\n";
    let mut client = Client::start(&folder);
    client.opens(&path, text);
    let found = client.diagnostics(&path);
    let plain =
        found.iter().find(|one| one["code"] == "spile::secrets::plaintext").unwrap_or_else(|| panic!("{found:?}"));
    let asked =
        json!({ "textDocument": { "uri": uri(&path) }, "range": plain["range"], "context": { "diagnostics": [] } });
    let actions = client.asks("textDocument/codeAction", asked);
    let command = &actions[0]["command"];
    let done = client
        .asks("workspace/executeCommand", json!({ "command": command["command"], "arguments": command["arguments"] }));
    assert_eq!(done, Value::Null);
    let applied = client.heard.iter().rev().find_map(|message| match message {
        Message::Request(asked) if asked.method == "workspace/applyEdit" => Some(asked.params.clone()),
        _ => None,
    });
    let new = applied.unwrap()["edit"]["changes"][uri(&path)][0]["newText"].as_str().unwrap().to_owned();
    assert!(new.contains("password = \"ENC[") && !new.contains("hunter2"), "{new}");
    client.changes(&path, &new);
    assert_eq!(client.diagnostics(&path), [] as [Value; 0]);
    client.ends();
}

#[test]
fn a_rename_moves_the_file_keeps_the_id_and_updates_references() {
    let folder = Folder::project();
    let mut client = Client::start(&folder);
    let path = folder.join("integrations/fruit.toml");
    client.opens(&path, &folder.read("integrations/fruit.toml"));
    let line = folder.read("integrations/fruit.toml").lines().position(|line| line.starts_with("loader")).unwrap();
    let mut asked = at(&path, u32::try_from(line).unwrap(), 11);
    asked["newName"] = json!("pond");
    let changes = client.asks("textDocument/rename", asked.clone());
    let changes = changes["documentChanges"].as_array().unwrap();
    let moved = changes.iter().find(|change| change["kind"] == "rename").unwrap();
    assert!(moved["newUri"].as_str().unwrap().ends_with("integrations/pond.toml"), "{moved}");
    let edited: Vec<&Value> = changes.iter().filter(|change| change.get("edits").is_some()).collect();
    assert!(edited.iter().any(|edit| edit["edits"][0]["newText"] == "pond"), "{edited:?}");
    assert!(
        edited.iter().any(|edit| edit["edits"][0]["newText"].as_str().unwrap().starts_with("id = \"")),
        "{edited:?}"
    );
    asked["newName"] = json!("Pond");
    assert!(
        client.asks("textDocument/rename", asked.clone())["error"].as_str().unwrap().contains("is not a valid name")
    );
    asked["newName"] = json!("fruit");
    assert!(client.asks("textDocument/rename", asked)["error"].as_str().unwrap().contains("already"));
    client.ends();
}

/// Shows a place as its file and line.
fn place(location: &Value) -> String {
    let path = location["uri"].as_str().unwrap().rsplit('/').next().unwrap();
    format!("{path}:{}", location["range"]["start"]["line"])
}

/// A project in which each kind of name is declared in one file and used in others.
fn with_names() -> Folder {
    let folder = Folder::project();
    folder.write(
        "spile.toml",
        &(folder.read("spile.toml")
            + "[[outputs]]\ntemplate = \"airflow\"\npath = \"dags/a.py\"\nenvironment = \"prod\"\n"),
    );
    folder.write("integrations/fruit.prod.toml", "schedule = \"@daily\"\ntimezone = \"Europe/Berlin\"\n");
    let connector = "kind = \"extractor\"\nlabel = \"Own\"\ndescription = \"Our own.\"\n\n[plugin]\nname = \"tap-own\"\nnamespace = \"tap_own\"\nexecutable = \"tap-own\"\n";
    folder.write("connectors/own.toml", connector);
    folder.write("integrations/own.toml", "type = \"own\"\nloader = \"lake\"\n");
    folder.spile("check").exits(0);
    folder
}

#[test]
fn names_lead_to_their_declarations_and_uses() {
    let folder = with_names();
    let path = folder.join("integrations/own.toml");
    let mut client = Client::start(&folder);
    client.opens(&path, &folder.read("integrations/own.toml"));
    let connector = client.asks("textDocument/definition", at(&path, 0, 9));
    assert_eq!(place(&connector), "own.toml:0", "{connector}");
    assert!(connector["uri"].as_str().unwrap().ends_with("connectors/own.toml"));
    assert_eq!(place(&client.asks("textDocument/definition", at(&path, 1, 11))), "lake.toml:1");
    assert_eq!(client.asks("textDocument/definition", at(&path, 0, 1)), Value::Null, "a key");
    let uses = |client: &mut Client, path: &Path, line, character, declaration: bool| {
        let mut asked = at(path, line, character);
        asked["context"] = json!({ "includeDeclaration": declaration });
        let found = client.asks("textDocument/references", asked);
        found.as_array().unwrap().iter().map(place).collect::<Vec<_>>()
    };
    let lake = folder.join("integrations/lake.toml");
    assert_eq!(uses(&mut client, &lake, 1, 9, false), ["fruit.toml:1", "own.toml:1"]);
    assert_eq!(uses(&mut client, &path, 1, 11, true), ["fruit.toml:1", "lake.toml:1", "own.toml:1"]);
    let prod = 4;
    let settings = folder.join("spile.toml");
    assert_eq!(uses(&mut client, &settings, prod, 15, false), ["spile.toml:8", "fruit.prod.toml:0"]);
    assert_eq!(place(&client.asks("textDocument/definition", at(&settings, 8, 16))), "spile.toml:4");
    client.ends();
}

#[test]
fn secrets_lead_from_an_overlay_to_the_base_file() {
    let folder = Folder::project();
    folder.lay(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/postgres-to-postgres"));
    let (base, overlay) = (folder.join("integrations/shop.toml"), folder.join("integrations/shop.prod.toml"));
    let line = |text: &str| u32::try_from(text.lines().position(|line| line.starts_with("password")).unwrap()).unwrap();
    let mut client = Client::start(&folder);
    let asked = at(&overlay, line(&folder.read("integrations/shop.prod.toml")), 3);
    let found = client.asks("textDocument/definition", asked);
    let expected = line(&folder.read("integrations/shop.toml"));
    assert_eq!((found["uri"].as_str().unwrap(), &found["range"]["start"]["line"]), (&uri(&base)[..], &json!(expected)));
    let folds = client.asks("textDocument/foldingRange", json!({ "textDocument": { "uri": uri(&base) } }));
    let regions = folds.as_array().unwrap().iter().filter(|fold| fold["kind"] == "region").count();
    assert_eq!((folds.as_array().unwrap().len(), regions), (5, 3), "{folds}");
    client.ends();
}

#[test]
fn links_lenses_and_hints_are_beside_the_text() {
    let folder = with_names();
    let (fruit, prod) = (folder.join("integrations/fruit.toml"), folder.join("integrations/fruit.prod.toml"));
    let mut client = Client::start(&folder);
    let of = |path: &Path| json!({ "textDocument": { "uri": uri(path) } });
    let links = client.asks("textDocument/documentLink", of(&fruit));
    let targets: Vec<&str> = links.as_array().unwrap().iter().map(|link| link["target"].as_str().unwrap()).collect();
    assert!(targets[0].starts_with("https://") && targets[1].ends_with("integrations/lake.toml"), "{targets:?}");
    let commands = |lenses: &Value| -> Vec<String> {
        lenses.as_array().unwrap().iter().map(|lens| lens["command"].to_string()).collect()
    };
    let lenses = commands(&client.asks("textDocument/codeLens", of(&prod)));
    let sync = json!({ "title": "Sync", "command": "spile.sync", "arguments": ["fruit", "prod"] });
    assert_eq!((lenses.len(), &lenses[1]), (2, &sync.to_string()));
    let lake = client.asks("textDocument/codeLens", of(&folder.join("integrations/lake.toml")));
    assert_eq!(commands(&lake).len(), 1, "a loader has nothing to sync: {lake}");
    let mut asked = of(&prod);
    asked["range"] = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 9, "character": 0 } });
    let hints = client.asks("textDocument/inlayHint", asked);
    let label = hints[0]["label"].as_str().unwrap();
    assert!(label.starts_with("next run: ") && label.contains(" 00:00 CE"), "{hints}");
    assert_eq!(hints[0]["position"], json!({ "line": 0, "character": 19 }));
    client.ends();
}

/// An independent implementation of the protocol; its types refuse anything outside the protocol.
const PYGLS: &str = "2.1.1";

fn install_pygls(folder: &Path) {
    outputs::install_python(folder, &[&format!("pygls=={PYGLS}")]);
}

#[test]
fn an_independent_client_understands_every_message() {
    let folder = Folder::project();
    let Some(venv) = tools::installed(&format!("pygls-{PYGLS}"), "python3", install_pygls) else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lsp/client.py");
    let mut client = Command::new(venv.join("bin/python"));
    let said = tools::said(client.arg(script).arg(env!("CARGO_BIN_EXE_spile")).arg(folder.path()), "");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&said["code"], &said["fix"]), (&json!("spile::integration::unknown_type"), &json!("\"singer-jsonl\"")));
    assert!(said["offered"].as_array().unwrap().contains(&json!("postgres")), "{said}");
    assert!(said["renames"].as_array().unwrap().contains(&json!("RenameFile")), "{said}");
    assert_eq!(said["exit"], 0, "{said}");
}

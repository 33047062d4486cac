// Runs the extension against a stub of the API of VS Code: `node test.js`. It needs no VS Code and no packages.
"use strict";

const assert = require("node:assert/strict");
const Module = require("node:module");
const test = require("node:test");

const seen = { commands: {}, started: [], stopped: 0, tasks: [], errors: [], provider: undefined };
let opened;
let startError;

class Task {
  constructor(definition, scope, name, source, execution, matchers) {
    Object.assign(this, { definition, scope, name, source, execution, matchers });
  }
}

const folders = [{ uri: { fsPath: "/project" }, name: "project" }];
const vscode = {
  commands: { registerCommand: (name, run) => (seen.commands[name] = run) },
  tasks: {
    registerTaskProvider: (_, provider) => (seen.provider = provider),
    executeTask: (task) => seen.tasks.push(task),
  },
  window: {
    get activeTextEditor() {
      return opened && { document: { uri: { scheme: "file", fsPath: opened } } };
    },
    showErrorMessage: (sentence) => seen.errors.push(sentence),
  },
  workspace: { workspaceFolders: folders, getConfiguration: () => ({ get: () => "/bin/spile" }) },
  TaskScope: { Workspace: 2 },
  Task,
  ProcessExecution: class {
    constructor(program, args, options) {
      Object.assign(this, { program, args, options });
    }
  },
};
class LanguageClient {
  constructor(id, name, server, options) {
    Object.assign(this, { server, options });
  }
  async start() {
    if (startError) throw startError;
    seen.started.push(this);
  }
  async stop() {
    seen.stopped += 1;
  }
}

const stubs = { vscode, "vscode-languageclient/node": { LanguageClient, TransportKind: { stdio: 0 } } };
const load = Module._load;
Module._load = (name, ...rest) => stubs[name] ?? load(name, ...rest);
const extension = require("./extension.js");
const manifest = require("./package.json");
const newest = () => seen.tasks.at(-1).execution;

test("it starts the language server and registers every command of its manifest", async () => {
  await extension.activate({ subscriptions: [] });
  const [client] = seen.started;
  assert.deepEqual([client.server.command, client.server.args], ["/bin/spile", ["lsp"]]);
  assert.deepEqual(client.options.initializationOptions, { runs: true });
  const named = manifest.contributes.commands.map((one) => one.command).sort();
  assert.deepEqual(Object.keys(seen.commands).sort(), named);
});

test("a code lens runs its integration in its environment", () => {
  seen.commands["spile.sync"]("shop", "prod");
  assert.deepEqual([newest().program, newest().args], ["/bin/spile", ["sync", "shop", "--env", "prod"]]);
});

test("the palette runs the open integration", () => {
  opened = "/project/integrations/crm/shop.prod.toml";
  seen.commands["spile.test"]();
  assert.deepEqual(newest().args, ["test", "shop", "--env", "prod"]);
  assert.equal(newest().options.cwd, "/project/integrations/crm");
  opened = "/project/integrations/shop.toml";
  seen.commands["spile.test"]();
  assert.deepEqual(newest().args, ["test", "shop"]);
  seen.commands["spile.plan"]();
  assert.deepEqual(newest().args, ["plan"]);
});

test("other files and names that are options are refused", () => {
  const before = seen.tasks.length;
  opened = "/project/README.md";
  seen.commands["spile.sync"]();
  opened = "/project/integrations/--all.toml";
  seen.commands["spile.sync"]();
  assert.equal(seen.tasks.length, before);
  assert.equal(seen.errors.length, 2);
});

test("the problem matcher reads what `spile check --format github` writes", () => {
  const [check] = seen.provider.provideTasks();
  assert.deepEqual([check.execution.args, check.matchers], [["check", "--format", "github"], ["$spile"]]);
  const { pattern } = manifest.contributes.problemMatchers[0];
  const line = process.env.SPILE_LINE ?? "::error file=a/b.toml,line=3,endLine=3,col=8,endColumn=17,title=a%3A%3Ab::no `x`";
  const found = new RegExp(pattern.regexp).exec(line);
  assert.equal(found[pattern.severity], "error");
  assert.match(found[pattern.file], /\.toml$/);
  assert.equal(found[pattern.line], "3");
  assert.equal(found[pattern.column], "8");
  assert.match(found[pattern.message], /^no `x`|^there is no extractor/);
});

test("a missing program is explained, and a restart stops the old server", async () => {
  startError = new Error("ENOENT");
  await seen.commands["spile.restart"]();
  assert.equal(seen.stopped, 1);
  assert.match(seen.errors.at(-1), /uv tool install spile/);
});

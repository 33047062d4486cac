// The extension: starts `spile lsp`, and runs plans, tests and syncs in a terminal.
"use strict";

const path = require("node:path");
const vscode = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

const SLUG = /^[a-z0-9][a-z0-9-]*$/;
let client;

async function activate(context) {
  const register = (name, run) => context.subscriptions.push(vscode.commands.registerCommand(name, run));
  register("spile.plan", () => inTerminal(folder(), ["plan"]));
  register("spile.schemas", () => inTerminal(folder(), ["schema", "--write"]));
  register("spile.test", (slug, environment) => onIntegration("test", slug, environment));
  register("spile.sync", (slug, environment) => onIntegration("sync", slug, environment));
  register("spile.restart", restart);
  context.subscriptions.push(vscode.tasks.registerTaskProvider("spile", { provideTasks: tasks, resolveTask }));
  await start();
}

async function deactivate() {
  await client?.stop();
}

function program() {
  return vscode.workspace.getConfiguration("spile").get("path", "spile");
}

async function start() {
  const options = { cwd: folder() };
  const server = { command: program(), args: ["lsp"], transport: TransportKind.stdio, options };
  client = new LanguageClient("spile", "spile", server, {
    documentSelector: [
      { scheme: "file", pattern: "**/integrations/**/*.toml" },
      { scheme: "file", pattern: "**/connectors/**/*.toml" },
      { scheme: "file", pattern: "**/spile.toml" },
    ],
    initializationOptions: { runs: true },
  });
  try {
    await client.start();
  } catch (error) {
    vscode.window.showErrorMessage(
      `spile could not be started (${error.message}): install it with \`uv tool install spile\`, or set \`spile.path\``,
    );
  }
}

async function restart() {
  await deactivate();
  await start();
}

// The folder of the open file, from which spile finds its project, or of the first workspace folder.
function folder() {
  const file = vscode.window.activeTextEditor?.document.uri;
  if (file?.scheme === "file") return path.dirname(file.fsPath);
  return vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
}

// A code lens passes the integration; from the command palette it is the open file.
function onIntegration(command, slug, environment) {
  const file = vscode.window.activeTextEditor?.document.uri.fsPath ?? "";
  const [stem, overlay] = path.basename(file, ".toml").split(".");
  const isIntegration = file.endsWith(".toml") && file.split(path.sep).includes("integrations");
  const chosen = { slug: slug ?? stem, environment: environment ?? overlay };
  if (slug === undefined && !isIntegration) {
    vscode.window.showErrorMessage("open a file in integrations/ first");
    return;
  }
  // A name that begins with a dash would be an option.
  if (!SLUG.test(chosen.slug) || (chosen.environment && !SLUG.test(chosen.environment))) {
    vscode.window.showErrorMessage("the name of this file is not a valid name: lowercase letters, digits and dashes");
    return;
  }
  inTerminal(folder(), [command, chosen.slug, ...(chosen.environment ? ["--env", chosen.environment] : [])]);
}

// The terminal runs the program itself, without a shell, and stays open to show the result.
function inTerminal(cwd, args) {
  const execution = new vscode.ProcessExecution(program(), args, { cwd });
  const scope = vscode.workspace.workspaceFolders?.[0] ?? vscode.TaskScope.Workspace;
  const task = new vscode.Task({ type: "spile", command: args.join(" ") }, scope, args.join(" "), "spile", execution, []);
  return vscode.tasks.executeTask(task);
}

function tasks() {
  const scope = vscode.workspace.workspaceFolders?.[0] ?? vscode.TaskScope.Workspace;
  return [checked({ type: "spile", command: "check" }, scope)];
}

// Fills in a task of a `tasks.json`; other commands than `check` report no problems in this form.
function resolveTask(task) {
  return task.definition.command === "check" ? checked(task.definition, task.scope) : undefined;
}

function checked(definition, scope) {
  const execution = new vscode.ProcessExecution(program(), ["check", "--format", "github"]);
  return new vscode.Task(definition, scope, "check", "spile", execution, ["$spile"]);
}

module.exports = { activate, deactivate };

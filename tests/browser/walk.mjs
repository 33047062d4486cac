// A user who is not an engineer connects Salesforce, syncs, and fixes a failure, by keyboard alone.

import { strict as assert } from "node:assert";
import { existsSync, readFileSync } from "node:fs";
import { run } from "./house.mjs";

const { PROJECT, CODE } = process.env;
const file = (path) => readFileSync(`${PROJECT}/${path}`, "utf8");

async function signIn(house) {
  const { page } = house;
  await page.goto("/login");
  await house.look("sign in");
  await house.type("Code", "AAAA-AAAA");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  await house.type("Code", CODE);
  await house.press("button", "Sign in");
  await page.waitForURL("**/overview");
  await house.look("overview", "overview");
  await house.follow("link", "Integrations");
  await house.look("integrations", "integrations");
  // The list follows what is typed, and the address says so.
  await house.type("Search", "thi");
  await page.getByRole("link", { name: "fruit" }).waitFor({ state: "detached" });
  await page.getByRole("link", { name: "things" }).waitFor();
  await page.waitForURL((url) => url.searchParams.get("q") === "thi");
}

async function addSalesforce(house) {
  const { page } = house;
  await house.follow("link", "Catalog");
  await house.type("Search connectors", "salesfroce");
  await page.getByRole("button", { name: "Add Salesforce as a source" }).waitFor();
  await page.getByRole("button", { name: "Add JSON Lines as a destination" }).waitFor({ state: "detached" });
  await house.look("marketplace");
  await house.follow("button", "Add Salesforce as a source");
  await house.type("Name (required)", "My CRM");
  await house.type("Consumer key (required)", "key-of-the-app");
  await house.type("Consumer secret (required)", "canary-app");
  await house.type("Refresh token (required)", "canary-token");
  await house.type("Start date (required)", "yesterday");
  // The problem appears when the field loses focus, before anything is sent.
  await page.keyboard.press("Tab");
  const fault = page.locator("[id='config.start_date-fault']");
  await fault.filter({ hasText: "2024-01-01" }).waitFor();
  await house.look("wizard: settings", "wizard");
  await house.tabTo(page.getByLabel("API (required)"));
  await page.keyboard.press("ArrowDown");
  await sendBack(house, "Next");
  const date = page.getByLabel("Start date (required)");
  assert.ok(await date.evaluate((element) => element === document.activeElement), "the wrong field is where one begins");
  assert.equal(await date.inputValue(), "yesterday");
  assert.equal(await page.getByLabel("Consumer secret (required)").inputValue(), "");
  await house.look("wizard: sent back");
  await house.type("Start date (required)", "2024-01-01");
  await house.follow("button", "Next");
  await page.getByText("spile reads one record from Salesforce").waitFor();
  await house.look("wizard: test");
  await house.follow("button", "Skip the test");
  await house.look("wizard: streams");
  await house.follow("button", "Next");
  await house.tabTo(page.getByLabel("Destination"));
  await page.keyboard.press("ArrowDown");
  await house.type("Schedule", "every day");
  await sendBack(house, "Next");
  await page.locator("#schedule-fault").filter({ hasText: /./ }).waitFor();
  await house.type("Schedule", "@daily");
  await house.look("wizard: schedule");
  await house.follow("button", "Next");
  const dialog = page.locator("dialog[data-open]");
  assert.match(await dialog.innerText(), /It writes to files\.[\s\S]*`?@daily`?[\s\S]*secrets are encrypted/);
  await house.tabTo(dialog.locator("summary").first());
  await page.keyboard.press("Enter");
  assert.match(await dialog.innerText(), /client_secret = \(encrypted\)/);
  await house.look("wizard: review");
  assert.ok(!existsSync(`${PROJECT}/integrations/my-crm.toml`), "nothing is written before it is saved");
  await house.follow("button", "Save");
  const text = file("integrations/my-crm.toml");
  assert.match(text, /refresh_token = "ENC\[AES256_GCM/);
  assert.ok(!text.includes("canary"), text);
  await house.look("integration that is new");
}

// Sends a form that is shown again.
async function sendBack(house, button) {
  const { page } = house;
  await Promise.all([page.waitForResponse((one) => one.request().method() === "POST" && one.status() === 422), house.press("button", button)]);
  await page.getByRole("alert").waitFor();
}

async function leaveWizard(house) {
  const { page } = house;
  await house.follow("link", "Catalog");
  await house.follow("button", "Add PostgreSQL as a source");
  // Nothing was typed, so nothing is kept.
  await page.keyboard.press("Escape");
  await page.waitForURL("**/marketplace");
  await house.follow("button", "Add PostgreSQL as a source");
  await house.type("Name (required)", "Later");
  await page.keyboard.press("Escape");
  const ask = page.getByRole("dialog", { name: "Keep what you entered?" });
  await ask.waitFor();
  await house.look("wizard: keep or discard");
  // Esc, and a button, lead back to what was typed.
  await page.keyboard.press("Escape");
  await ask.waitFor({ state: "hidden" });
  assert.equal(await page.getByLabel("Name (required)").inputValue(), "Later");
  await page.keyboard.press("Escape");
  await house.press("button", "Keep the draft");
  await page.waitForURL("**/marketplace?did=draft");
  await house.look("a draft that was left");
  await house.follow("link", "Continue with Later");
  assert.equal(await page.getByLabel("Name (required)").inputValue(), "Later");
  await page.keyboard.press("Escape");
  await page.waitForURL("**/marketplace?did=draft");
  await house.follow("button", "Discard");
  await page.waitForURL("**/marketplace?did=discarded");
  assert.equal(await page.getByRole("link", { name: "Continue with Later" }).count(), 0);
}

async function sync(house, slug) {
  const { page } = house;
  await page.goto(`/integrations/${slug}`);
  await house.follow("button", "Sync now");
  await page.waitForURL("**/runs/*");
}

async function ended(house, word) {
  await house.page.locator("dd .badge", { hasText: word }).waitFor({ timeout: 180_000 });
}

async function watchASync(house) {
  const { page } = house;
  await sync(house, "fruit");
  // The page follows the run without a reload.
  await page.locator("dd .badge", { hasText: "running" }).waitFor();
  await page.evaluate(() => { globalThis.isSame = true; });
  await ended(house, "ok");
  assert.ok(await page.evaluate(() => globalThis.isSame), "the page was loaded again");
  await page.getByRole("log").filter({ hasText: /Run completed|completed successfully/i }).waitFor();
  await page.getByRole("row", { name: /^fruit/ }).filter({ hasText: /[1-9]/ }).waitFor();
  await house.look("a run that went well");
}

async function mendAFailure(house) {
  const { page } = house;
  await sync(house, "things");
  await ended(house, "failed");
  assert.match(await page.getByRole("alert").innerText(), /access token has expired/);
  assert.match(await page.getByRole("alert").innerText(), /The source rejected the credentials/);
  await house.look("a run that failed", "failure");
  await page.goto("/integrations/things");
  assert.match(await page.getByRole("alert").innerText(), /The source rejected the credentials[\s\S]*access token has expired/);
  await house.look("integration that failed");
  await house.press("link", "Notifications 1 unread");
  const drawer = page.getByRole("dialog", { name: "Notifications" });
  await drawer.getByText("access token has expired").waitFor();
  await house.look("notifications in the drawer");
  await house.follow("link", "Open as a page");
  assert.match(await page.locator("main").innerText(), /things[\s\S]*access token has expired/);
  await house.look("notifications");
  await house.follow("link", "Fix token");
  assert.ok(page.url().endsWith("/integrations/things/settings#secrets.token-field"), page.url());
  const token = page.getByLabel("token");
  // The link leads into the field.
  await page.waitForFunction((element) => element === document.activeElement, await token.elementHandle());
  // A secret is never shown: the page only says when it was set.
  assert.equal(await token.inputValue(), "");
  assert.match(await token.getAttribute("placeholder"), /^set .*leave empty to keep it$/);
  await house.type("token", "renewed-at-last");
  await house.press("button", "Save and test");
  await page.waitForURL("**/runs/*");
  assert.ok(!file("integrations/things.toml").includes("renewed-at-last"));
  await ended(house, "ok");
  await page.goto("/integrations/things");
  assert.equal(await page.getByRole("alert").count(), 0, "the last run was ok");
  await house.look("integration that was mended");
  await sync(house, "things");
  await ended(house, "ok");
  await page.goto("/notifications");
  assert.match(await page.locator("main").innerText(), /All clear/);
  await house.look("no notifications");
  await page.goto("/integrations/things");
  await house.look("integration with runs", "integration");
  await house.follow("link", "Streams");
  await house.look("streams of an integration");
  await house.follow("link", "Settings");
  await house.look("settings of an integration");
  await house.follow("link", "History");
  await house.look("history of an integration");
}

// Search and commands are on every page, for whoever has no mouse.
async function searches(house) {
  const { page } = house;
  await page.goto("/changes");
  await page.keyboard.press("Control+K");
  const box = page.getByRole("textbox", { name: "Search and commands" });
  await box.waitFor();
  await page.keyboard.type("fruit");
  const sync = page.getByRole("button", { name: "Sync fruit" });
  await sync.waitFor();
  await house.look("search and commands", "search");
  await page.keyboard.press("ArrowDown");
  assert.ok(await page.getByRole("link", { name: /^fruit/ }).evaluate((element) => element === document.activeElement));
  await page.keyboard.press("ArrowUp");
  assert.ok(await box.evaluate((element) => element === document.activeElement));
  await page.keyboard.press("Escape");
  await box.waitFor({ state: "hidden" });
  assert.ok(page.url().endsWith("/changes"), "nothing was carried out");
  await page.keyboard.press("Control+K");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("notifications");
  await page.getByRole("link", { name: /^Notifications/ }).last().waitFor();
  await sync.waitFor({ state: "detached" });
  await page.keyboard.press("Enter");
  await page.waitForURL("**/notifications");
  await page.goto("/search?q=my+crm");
  await page.getByRole("button", { name: "Test My CRM" }).waitFor();
  await house.look("search without a script");
}

// Who did what is one page, and who may what another.
async function looksAround(house) {
  const { page } = house;
  await page.goto("/overview");
  await house.follow("link", "Activity");
  const activity = page.getByRole("region", { name: "Activity" });
  await activity.getByText("applied changes to").first().waitFor();
  await house.look("activity", "activity");
  await page.getByLabel("Kind").selectOption("access");
  await activity.getByText("applied changes to").first().waitFor({ state: "detached" });
  await page.waitForURL((url) => url.searchParams.get("kind") === "access");
  await house.follow("link", "Settings");
  await house.look("settings: about");
  await house.follow("link", "Access");
  await house.type("Name", "ci");
  await page.getByLabel("Role").selectOption("viewer");
  await house.press("button", "Create token");
  await page.getByText("It is not shown again").waitFor();
  await house.look("settings: a new token", "settings");
  await house.follow("link", "Notifications");
  await house.look("settings: notifications");
  await house.follow("link", "Keys");
  await house.look("settings: keys");
  await page.goto("/design");
  await house.look("design");
}

// A server that is away and a session that ends lose nothing that was typed.
async function keepWhatIsTyped(house) {
  const { page } = house;
  await page.goto("/integrations/things/settings");
  await house.type("Description", "typed and not saved");
  const look = () => page.evaluate(() => document.getElementById("toasts").dispatchEvent(new Event("look")));
  const isKept = async () => assert.equal(await page.getByLabel("Description").inputValue(), "typed and not saved");
  await page.context().setOffline(true);
  await look();
  await page.getByRole("alert").filter({ hasText: "The server is not responding" }).waitFor();
  // Saving now would lead to the browser's own page.
  await house.press("button", "Save");
  await isKept();
  // The page asks again by itself.
  await page.context().setOffline(false);
  await page.getByRole("alert").waitFor({ state: "detached" });
  await isKept();
  const other = await page.context().newPage();
  await other.goto("/overview");
  await other.getByRole("button", { name: "Sign out" }).click();
  await other.waitForURL("**/login");
  await look();
  await page.getByRole("alert").filter({ hasText: "Your session has ended" }).waitFor();
  await isKept();
  await house.look("a session that has ended");
}

async function apply(house) {
  const { page } = house;
  await page.goto("/integrations");
  await house.follow("link", "Changes");
  await house.look("changes", "changes");
  await house.follow("link", "Review and apply…");
  await house.look("the summary of an apply");
  await house.press("button", "Apply");
  await page.getByText("Applied.").waitFor();
  await page.goto("/changes/history");
  await page.getByText("live", { exact: true }).waitFor();
  await house.look("past applies");
  await page.goto("/changes/drift");
  await house.look("no drift");
  await page.goto("/runs");
  await house.look("runs");
  await page.goto("/integrations");
  await house.tabTo(page.getByLabel("Select My CRM"));
  await page.keyboard.press("Space");
  await house.follow("button", "Delete…");
  await house.look("a deletion that is asked for");
  await house.follow("button", "Delete 1 integration");
  assert.ok(!existsSync(`${PROJECT}/integrations/my-crm.toml`));
  await page.goto("/nothing/here");
  await house.look("a page that is not there");
}

await run(async (house) => {
  await signIn(house);
  await addSalesforce(house);
  await leaveWizard(house);
  await watchASync(house);
  await mendAFailure(house);
  await searches(house);
  await apply(house);
  await looksAround(house);
  await keepWhatIsTyped(house);
});

// A user connects Salesforce with the wizard's button: nobody pastes a token.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { run } from "./house.mjs";

const { PROJECT, PROVIDER, CODE } = process.env;
const BUTTON = "Sign in with Salesforce";

async function enter(house) {
  const { page } = house;
  await page.goto("/login");
  await house.type("Code", CODE);
  await house.press("button", "Sign in");
  await page.waitForURL("**/overview");
}

async function fillIn(house) {
  const { page } = house;
  await page.goto("/marketplace/hub/extractor/tap-zendesk");
  await page.getByRole("button", { name: "Add from Meltano Hub" }).waitFor();
  await house.look("a plugin of the hub");
  await page.goto("/marketplace?q=salesforce");
  await house.follow("link", "Salesforce");
  await page.getByRole("heading", { level: 2, name: "What you need" }).waitFor();
  await house.look("connector");
  await house.follow("button", "Add Salesforce");
  await house.type("Name (required)", "My CRM");
  await house.type("Consumer key (required)", "key-of-the-app");
  await house.type("Start date (required)", "2024-01-01");
  // The app at the provider needs this address before anything works.
  const address = `${new URL(page.url()).origin}/sign-in/callback`;
  await page.getByText(`must allow the redirect address ${address}`).waitFor();
  await house.look("wizard: settings with a sign-in");
  await house.press("button", BUTTON);
  await page.getByRole("alert").filter({ hasText: "Consumer secret is not set, and Salesforce asks for it" }).waitFor();
  assert.equal(await page.getByLabel("Consumer secret (required)").getAttribute("aria-invalid"), "true");
  await house.look("wizard: without the client's secret");
  await house.type("Consumer secret (required)", "hunter2-app");
}

// Presses the button, and answers at the provider.
async function answer(house, button) {
  const { page } = house;
  await house.press("button", BUTTON);
  await page.waitForURL(`https://${PROVIDER}/**`);
  await page.getByLabel("Username").fill("me@example.com");
  await page.getByRole("button", { name: button }).click();
}

async function signIn(house) {
  const { page } = house;
  await answer(house, "Deny");
  await page.getByRole("alert").filter({ hasText: "Salesforce did not give access" }).waitFor();
  assert.equal(await page.getByLabel("Consumer key (required)").inputValue(), "key-of-the-app");
  await house.look("wizard: denied");
  await answer(house, "Allow");
  await page.waitForURL("**/drafts/*/settings?did=signed_in");
  const token = page.getByLabel("Refresh token (required)");
  assert.equal(await token.inputValue(), "");
  assert.match(await token.getAttribute("placeholder"), /^set here/);
  await house.look("wizard: signed in");
}

async function testAndSave(house) {
  const { page } = house;
  // The Enter key in a field goes on, and does not sign in again.
  await house.tabTo(page.getByLabel("Name (required)"));
  await page.keyboard.press("Enter");
  await page.getByText("spile reads one record from Salesforce").waitFor();
  await house.press("button", "Test connection");
  // The real tap signs in with the new token; the one from before is not valid any more.
  await page.locator(".note.good").waitFor({ timeout: 300_000 });
  await house.follow("button", "Next");
  await house.follow("button", "Next");
  await house.tabTo(page.getByLabel("Destination"));
  await page.keyboard.press("ArrowDown");
  await house.follow("button", "Next");
  await house.follow("button", "Save");
  const text = readFileSync(`${PROJECT}/integrations/my-crm.toml`, "utf8");
  assert.match(text, /refresh_token = "ENC\[AES256_GCM/);
  assert.ok(!text.includes("hunter2"), text);
  await house.look("integration that can sign in again");
  await house.follow("link", "Settings");
  await house.look("settings with a sign-in");
  assert.ok(await page.getByRole("button", { name: BUTTON }).isVisible());
}

await run(async (house) => {
  await enter(house);
  await fillIn(house);
  await signIn(house);
  await testAndSave(house);
});

// A user tests a connection in the wizard: watches its stages, cancels it, fixes the field that failed, and sees a record.

import { strict as assert } from "node:assert";
import { readdirSync, readFileSync } from "node:fs";
import { run } from "./house.mjs";

const { CODE } = process.env;

// The processes of the tap that hangs.
function taps() {
  const of = (id) => { try { return readFileSync(`/proc/${id}/cmdline`, "utf8"); } catch { return ""; } };
  return readdirSync("/proc").filter((id) => /^\d+$/.test(id) && of(id).includes(`${process.env.PROJECT}/`) && of(id).includes("tap-fault"));
}

async function begin(house) {
  const { page } = house;
  await page.goto("/login");
  await house.type("Code", CODE);
  await house.press("button", "Sign in");
  await page.waitForURL("**/overview");
  await page.goto("/marketplace?q=fault");
  await house.follow("button", "Add Fault as a source");
  await house.type("Name (required)", "Trial");
}

// Goes from the settings to the test with this mode of the tap, and begins it.
async function test(house, mode, button) {
  const { page } = house;
  await page.getByLabel("Mode").fill(mode);
  await house.follow("button", "Next");
  await page.waitForURL("**/test");
  await house.press("button", button);
  await page.getByRole("list", { name: "Stages of the test" }).waitFor();
}

await run(async (house) => {
  const { page } = house;
  await begin(house);

  // It can be canceled, and then nothing of it is running.
  await test(house, "stubborn", "Test connection");
  await page.locator(".stages .live").filter({ hasText: "Connect to Fault" }).waitFor({ timeout: 120_000 });
  await page.locator(".stages .live").filter({ hasText: "3 s" }).waitFor({ timeout: 60_000 });
  assert.ok(taps().length > 0, "the tap is running");
  await house.look("wizard: test in progress");
  await house.press("button", "Cancel");
  await page.getByText("You canceled the test.").waitFor({ timeout: 60_000 });
  assert.equal(taps().length, 0, "the tap has stopped");
  await house.look("wizard: test canceled");

  // A failure is a sentence, and leads to the field.
  await house.follow("link", "Back");
  await test(house, "renewal", "Test connection");
  await page.getByRole("alert").filter({ hasText: "The source rejected the credentials" }).waitFor({ timeout: 120_000 });
  const fix = page.getByRole("link", { name: "Fix Token" });
  await house.look("wizard: test failed", "wizard-test-failed");
  assert.ok(await fix.evaluate((link) => link.classList.contains("first")), "it is the main button");
  await fix.press("Enter");
  await page.waitForURL("**/settings#secrets.token-field");
  const token = page.getByLabel("Token");
  await token.and(page.locator(":focus")).waitFor();
  assert.equal(await token.getAttribute("aria-invalid"), "true");
  await house.look("wizard: field to fix");

  // A blank beside a secret is asked about.
  await token.fill("renewed-at-last ");
  await page.keyboard.press("Tab");
  const blanks = page.getByRole("alert").filter({ hasText: "begins or ends with a blank" });
  await blanks.waitFor();
  await house.look("wizard: a blank beside a secret");
  await house.press("button", "Remove the blanks");
  await blanks.waitFor({ state: "detached" });
  assert.equal(await token.inputValue(), "renewed-at-last");
  assert.ok(await token.evaluate((field) => field === document.activeElement));

  // It reads a record, and shows it.
  await test(house, "renewal", "Test connection");
  await page.getByText("The connection works. spile read this record.").waitFor({ timeout: 120_000 });
  await page.getByRole("region", { name: "The record" }).getByText("things").waitFor();
  assert.equal(await page.locator(".stages .done").count(), 3);
  await house.look("wizard: test passed");
  await page.reload();
  await house.follow("button", "Next");
});

// The addresses of all pages of a project that has been in use.

import { readFileSync } from "node:fs";

const { CODE, SUCCEEDED, FAILED } = process.env;

// Signs in, begins a draft, and returns every address by the name of its page.
export async function addresses(page) {
  await page.goto("/login");
  await page.getByLabel("Code").fill(CODE);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/overview");
  await page.goto("/changes/history");
  const rollback = await page.locator("a[href$='/rollback']").first().getAttribute("href");
  await page.goto("/marketplace?q=postgres");
  await page.getByRole("button", { name: "Add PostgreSQL as a source" }).click();
  await page.waitForURL("**/drafts/*/settings");
  const draft = new URL(page.url()).pathname.split("/")[2];
  const known = { succeeded: SUCCEEDED, failed: FAILED, apply: rollback.split("/")[3], draft };
  const all = JSON.parse(readFileSync(new URL("addresses.json", import.meta.url), "utf8"));
  return Object.entries(all).map(([name, path]) => [name, path.replace(/\{(\w+)\}/g, (_, key) => known[key])]);
}

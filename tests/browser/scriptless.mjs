// A person whose browser runs no scripts reads every page and uses the forms.

import { strict as assert } from "node:assert";
import { addresses } from "./addresses.mjs";
import { run } from "./house.mjs";

async function filters(page) {
  await page.goto("/integrations");
  await page.getByRole("searchbox", { name: "Search" }).fill("shop");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL((url) => url.searchParams.get("q") === "shop");
  await page.getByRole("link", { name: "Web shop" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "Engineering" }).count(), 0);
  await page.goto("/marketplace");
  await page.getByLabel("Search connectors").fill("stripe");
  await page.getByRole("button", { name: "Search", exact: true }).click();
  await page.getByRole("link", { name: "Stripe", exact: true }).waitFor();
  await page.goto("/search?q=web+shop");
  await page.getByRole("button", { name: "Test Web shop" }).waitFor();
}

async function saves(page) {
  await page.goto("/integrations/shop/settings");
  await page.getByLabel("Description").fill("Orders and customers");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved.").waitFor();
  assert.equal(await page.getByLabel("Description").inputValue(), "Orders and customers");
}

async function changesManyAtOnce(page) {
  await page.goto("/integrations");
  for (const name of ["Web shop", "Engineering"]) await page.getByLabel(`Select ${name}`).check();
  await page.getByRole("button", { name: "Schedule…" }).click();
  await page.getByLabel("Schedule").fill("@hourly");
  await page.getByRole("button", { name: /2 integrations/ }).click();
  await page.getByText("Saved.").waitFor();
}

async function applies(page) {
  await page.goto("/changes");
  await page.getByRole("link", { name: "Review and apply…" }).click();
  await page.getByRole("button", { name: "Apply", exact: true }).click();
  await page.getByText("Applied.").waitFor();
}

async function makesAToken(page) {
  await page.goto("/settings/access");
  await page.getByLabel("Name", { exact: true }).fill("ci");
  await page.getByLabel("Role").selectOption("viewer");
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByText("It is not shown again").waitFor();
}

await run(async (house) => {
  const { page } = house;
  for (const [name, path] of await addresses(page)) {
    await page.goto(path);
    await page.getByRole("heading").first().waitFor();
    assert.equal(await page.locator(".skeleton:visible").count(), path === "/design" ? 1 : 0, `${name} waits for a script`);
    house.looked.push(name);
  }
  await filters(page);
  await saves(page);
  await changesManyAtOnce(page);
  await applies(page);
  await makesAToken(page);
});

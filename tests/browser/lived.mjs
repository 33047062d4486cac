// A person who reads the pages of a project that has been in use, in another time zone and with another language.

import { strict as assert } from "node:assert";
import { addresses } from "./addresses.mjs";
import { run } from "./house.mjs";

const { FAILED } = process.env;

async function readsTimes(page) {
  await page.goto("/integrations/shop");
  const time = page.getByRole("row").locator("time").first();
  assert.equal(await time.innerText(), "2 hours ago");
  const at = await time.getAttribute("datetime");
  const title = await time.getAttribute("title");
  const local = new Intl.DateTimeFormat("de-DE", { timeZone: "America/New_York", hour: "numeric", minute: "2-digit" }).format(new Date(at));
  assert.ok(title.includes(local), `${title} is ${at} in New York: ${local}`);
  // The exact time is what the page shows where it is exact.
  assert.match(await page.locator("time[data-exact]").innerText(), /GMT-|EST|EDT/);
  assert.match(await page.locator("td data").first().innerText(), /^\d\.\d{3}$/);
}

// At the side, choices narrow the catalog, and their counts are right.
async function narrowsTheCatalog(page) {
  await page.goto("/marketplace");
  const shown = async () => Number((await page.locator("#found [role=status]").innerText()).split(" ")[0]);
  const choice = (name) => page.getByRole("navigation", { name: "Filters" }).getByRole("link", { name });
  const count = async (name) => Number((await choice(name).locator(".badge").innerText()).split("\n")[0]);
  const all = await shown();
  assert.equal(await count(/^All/), all);
  const databases = await count(/^Databases/);
  await choice(/^Databases/).click();
  await page.waitForURL("**/marketplace?category=Databases");
  assert.equal(await shown(), databases);
  const tested = await count(/^Tested with data/);
  assert.ok(tested > 0 && tested < databases);
  await choice(/^Tested with data/).click();
  await page.waitForURL((url) => url.searchParams.get("tried") === "run");
  assert.equal(await shown(), tested);
  // A search stays within what is chosen.
  await page.getByLabel("Search connectors").fill("duckdb");
  await page.waitForURL((url) => url.searchParams.get("q") === "duckdb" && url.searchParams.get("category") === "Databases");
  assert.equal(await shown(), 1);
}

// A chart has values at its axis, and says the value of the bar that one points at.
async function readsAChart(page) {
  await page.goto("/integrations/shop");
  const chart = page.locator("figure", { hasText: "Records per sync" });
  assert.deepEqual(await chart.locator(".axis span").allInnerTexts(), ["3,000", "1,500", "0"]);
  const reading = chart.locator(".reading");
  assert.match(await reading.innerText(), /^30 syncs, at most 2,165 records, 1 failed$/);
  await chart.locator("g .hit").last().hover();
  assert.match(await reading.innerText(), /: 1,284 records, ok$/);
  await page.getByRole("heading", { level: 1 }).hover();
  await reading.filter({ hasText: "30 syncs" }).waitFor();
}

// One key for each step: through the rows, selecting two, and into one.
async function worksByKeys(page) {
  await page.goto("/integrations");
  const views = page.getByRole("navigation", { name: "Views" });
  assert.deepEqual((await views.getByRole("link").allInnerTexts()).map((text) => text.split("\n")[0].trim()), ["All", "Failing", "Drift", "#sales"]);
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await page.keyboard.press("x");
  await page.getByText("2 selected").waitFor();
  const second = await page.locator("tbody tr").nth(1).locator("td a").first().getAttribute("href");
  await page.keyboard.press("Enter");
  await page.waitForURL(`**${second}`);
  // What is typed stays typed.
  await page.goto("/integrations");
  await page.getByRole("searchbox", { name: "Search" }).fill("");
  await page.getByRole("searchbox", { name: "Search" }).press("j");
  assert.equal(await page.getByRole("searchbox", { name: "Search" }).inputValue(), "j");
  await page.goto("/integrations");
  await views.getByRole("link", { name: /^Failing/ }).click();
  await page.getByRole("link", { name: "Engineering" }).waitFor();
  assert.equal(await page.locator("tbody tr").count(), 1);
  await views.getByRole("link", { name: /^#sales/ }).click();
  await page.waitForURL("**/integrations?tag=sales");
  assert.equal(await page.locator("tbody tr").count(), 1);
}

// The log of a failed run: the traceback is one line, and each line has a link.
async function readsALog(page) {
  await page.goto(`/runs/${FAILED}`);
  await page.getByRole("button", { name: "Try again" }).waitFor();
  const log = page.getByRole("log");
  assert.match(await log.innerText(), /API answers slowly[\s\S]*HTTPError: 401[\s\S]*traceback, 4 lines/);
  assert.ok(!(await log.innerText()).includes("client.py"), "the traceback is folded");
  // A link to a line inside of the traceback opens it.
  const inside = await log.locator("details .line").nth(1).getAttribute("id");
  await page.goto("/overview");
  await page.goto(`/runs/${FAILED}#${inside}`);
  await log.getByText("client.py").waitFor();
  await page.getByLabel("Level").selectOption("error");
  await page.getByLabel("Search the log").fill("401");
  await page.getByRole("button", { name: "Search", exact: true }).click();
  await page.waitForURL((url) => url.searchParams.get("level") === "error");
  assert.ok(!(await log.innerText()).includes("API answers slowly"));
  await page.getByRole("link", { name: "Do not wrap lines" }).click();
  await page.waitForURL((url) => url.searchParams.get("wrap") === "off" && url.searchParams.get("q") === "401");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download" }).click()]);
  assert.ok(download.suggestedFilename().endsWith(`${FAILED}.log`));
}

await run(async (house) => {
  const { page } = house;
  await addresses(page);
  await readsTimes(page);
  await narrowsTheCatalog(page);
  await readsAChart(page);
  await worksByKeys(page);
  await readsALog(page);
});

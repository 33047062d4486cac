// What a screen reader finds on each main page, compared with trees that are kept. With `BLESS`, they are made again.

import { strict as assert } from "node:assert";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { addresses } from "./addresses.mjs";
import { run } from "./house.mjs";

const { KEPT, BLESS } = process.env;

const MAIN = [
  "overview", "connections", "connection", "connection that failed", "streams", "settings of a connection", "history of a connection",
  "catalog, filtered", "connector", "runs of a connection", "run that failed", "changes", "summary of an apply", "drift", "activity", "notifications",
  "access", "wizard",
];

// What differs with each run is the same in each tree.
const SAME = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "ID"],
  [/\/drafts\/[^/\s]+/g, "/drafts/ID"],
  [/\b(\d+ (second|minute|hour|day)s? ago|just now)\b/g, "AGO"],
  [/\bin (\d+ (second|minute|hour|day)s?|moments)\b/g, "SOON"],
  [/\b\d{1,2} [A-Z][a-z]{2,3} \d{4}, \d{2}:\d{2}( [A-Z]+)?/g, "MOMENT"],
  [/\b\d{4}-\d{2}-\d{2} \d{2}:\d{2}( [A-Z]+)?/g, "MOMENT"],
  [/\b[A-Z][a-z]{2} \d{1,2}\b/g, "DAY"],
  [/"?\b\d{2}:\d{2}:\d{2}\b"?/g, "TIME"],
  [/#at-\d+/g, "#at-N"],
  [/\b[0-9a-f]{12}\b/g, "HASH"],
  [/\bspile \d+\.\d+\.\d+\b/g, "spile VERSION"],
];

await run(async (house) => {
  const { page } = house;
  const all = new Map(await addresses(page));
  mkdirSync(KEPT, { recursive: true });
  const wrong = [];
  for (const name of MAIN) {
    await page.goto(all.get(name));
    await page.evaluate(() => document.activeElement && document.activeElement.blur());
    const found = SAME.reduce((text, [pattern, same]) => text.replace(pattern, same), await page.locator("body").ariaSnapshot());
    const file = `${KEPT}/${name.replace(/\W+/g, "-")}.yml`;
    if (BLESS) writeFileSync(file, `${found}\n`);
    else if (!existsSync(file) || readFileSync(file, "utf8") !== `${found}\n`) wrong.push(`${file}:\n${found}`);
    house.looked.push(name);
  }
  assert.deepEqual(wrong, [], "if that is intended, set SPILE_BLESS_SCREENS=1");
});

// A person who reads the pages of a project that has been in use, in another time zone and with another language.

import { strict as assert } from "node:assert";
import { addresses } from "./addresses.mjs";
import { run } from "./house.mjs";

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

await run(async (house) => {
  const { page } = house;
  await addresses(page);
  await readsTimes(page);
});

// Measures every page: accessibility in both schemes, a screen of 320 pixels, a zoom of 200 %, and its size.

import { strict as assert } from "node:assert";
import { addresses } from "./addresses.mjs";
import { run } from "./house.mjs";

const WIDE = { width: 1200, height: 800 };
const NARROW = { width: 320, height: 640 };
// A window of 1280 by 800 pixels that is zoomed in to 200 %.
const ZOOMED = { width: 640, height: 400 };
// Pages that say why they have nothing to show.
const REFUSED = { "a page that is not there": 404, branches: 409 };
const LARGEST = 100 * 1024;

// In the browser: how far the page can be scrolled sideways, and the texts that are cut off.
function measured() {
  const root = document.documentElement;
  const hides = (value) => value === "hidden" || value === "clip";
  const cut = [...document.querySelectorAll("body *")].filter((element) => {
    if (element.closest(".unseen, .skip, svg, select, [hidden], dialog:not([open])") || !element.textContent.trim()) return false;
    const { overflowX, overflowY, clipPath } = getComputedStyle(element);
    const isWide = hides(overflowX) && element.scrollWidth > element.clientWidth + 1;
    const isHigh = hides(overflowY) && element.scrollHeight > element.clientHeight + 1;
    return clipPath === "none" && (isWide || isHigh);
  });
  return { sideways: root.scrollWidth - root.clientWidth, cut: cut.map((element) => element.outerHTML.slice(0, 160)) };
}

async function fits(page, found, name) {
  const { sideways, cut } = await page.evaluate(measured);
  if (sideways > 0) found.push(`${name}: ${sideways} px wider than the screen`);
  for (const html of cut) found.push(`${name}: cut off: ${html}`);
}

async function axe(house, found, name) {
  try {
    await house.axe(name);
  } catch (error) {
    found.push(error.message);
  }
}

await run(async (house) => {
  const { page, browser } = house;
  const all = await addresses(page);
  const context = await browser.newContext({
    viewport: ZOOMED, deviceScaleFactor: 2, baseURL: new URL(page.url()).origin, storageState: await page.context().storageState(), reducedMotion: "reduce",
  });
  const zoomed = await context.newPage();
  const found = [];
  let largest = ["", 0];
  for (const [name, path] of all) {
    await page.setViewportSize(WIDE);
    const response = await page.goto(path);
    if (response.status() !== (REFUSED[name] || 200)) found.push(`${name}: status ${response.status()}`);
    const { responseBodySize } = await response.request().sizes();
    if (responseBodySize > largest[1]) largest = [name, responseBodySize];
    if (responseBodySize > LARGEST) found.push(`${name}: ${responseBodySize} bytes, compressed`);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await axe(house, found, `${name}, ${colorScheme}`);
    }
    await page.setViewportSize(NARROW);
    await fits(page, found, `${name}, narrow`);
    await axe(house, found, `${name}, narrow`);
    await page.emulateMedia({ colorScheme: "light" });
    await zoomed.goto(path);
    await fits(zoomed, found, `${name}, zoomed in`);
    house.looked.push(name);
  }
  // The search and the drawer open over each page.
  await page.goto("/overview");
  for (const [opener, dialog] of [["Control+K", "palette"], ["", "drawer"]]) {
    if (opener) await page.keyboard.press(opener);
    else await page.locator("[data-opens=drawer]").click();
    await page.locator(`#${dialog}[open]`).waitFor();
    await fits(page, found, `${dialog}, narrow`);
    await axe(house, found, `${dialog}, narrow`);
    await page.keyboard.press("Escape");
  }
  assert.deepEqual(found, []);
  console.log(`the largest page is ${largest[0]}: ${largest[1]} bytes`);
});

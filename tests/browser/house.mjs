// A browser that checks each page for accessibility problems, on a wide screen and on a phone.

import { strict as assert } from "node:assert";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { TOOLS, CHROMIUM, ADDRESS, SHOTS, PROXY, PROVIDER, LOCALE, ZONE, SCRIPTS } = process.env;
const load = createRequire(`${TOOLS}/`);
const { chromium } = load("playwright-core");
const AXE = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");

const WIDE = { width: 1200, height: 800 };
const PHONE = { width: 390, height: 844 };

// The checked rules: WCAG 2.2 at levels A and AA, and best practices.
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export async function open() {
  // The proxy leads to a stand-in with a certificate of its own. Loopback is reached without it.
  const proxy = PROXY ? [`--proxy-server=${PROXY}`] : [];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu", ...proxy] });
  const settings = { viewport: WIDE, baseURL: `http://${ADDRESS}`, reducedMotion: "reduce", ignoreHTTPSErrors: Boolean(PROXY), locale: LOCALE, timezoneId: ZONE, javaScriptEnabled: SCRIPTS !== "off" };
  const context = await browser.newContext(settings);
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const house = new House(browser, page);
  page.on("console", (message) => {
    // Requests that are refused or cut off on purpose are reported too.
    const isRefusal = ["Failed to load resource", "htmx: htmx:error: Failed to fetch"].some((one) => message.text().startsWith(one));
    if (message.type() === "error" && !isRefusal) house.mistakes.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => house.mistakes.push(`script: ${error.message}`));
  page.on("request", (request) => {
    const { host, protocol } = new URL(request.url());
    if (![ADDRESS, PROVIDER].includes(host) && protocol !== "data:") house.mistakes.push(`fetched from elsewhere: ${request.url()}`);
  });
  return house;
}

export class House {
  constructor(browser, page) {
    this.browser = browser;
    this.page = page;
    // Errors that nobody would otherwise notice.
    this.mistakes = [];
    this.looked = [];
  }

  // Checks everything that every page must satisfy.
  async look(name, shot) {
    const { page } = this;
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme });
      await this.axe(`${name}, ${scheme}`);
    }
    await page.emulateMedia({ colorScheme: "light" });
    if (shot) await this.shot(shot);
    await page.setViewportSize(PHONE);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${name}: ${wide} px wider than a phone`);
    await this.axe(`${name}, on a phone`);
    await page.setViewportSize(WIDE);
    this.looked.push(name);
  }

  async axe(name) {
    // The page's policy only allows its own scripts: this one is injected from outside.
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(
      (tags) => globalThis.axe.run(document, { runOnly: { type: "tag", values: tags } }),
      TAGS,
    );
    const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map(({ html }) => html).join("\n  ")}`);
    assert.equal(violations.length, 0, `${name}:\n${told.join("\n")}`);
  }

  async shot(name) {
    if (SHOTS) await this.page.screenshot({ path: `${SHOTS}/${name}.png` });
  }

  // Presses Tab until an element has the focus, like a user without a mouse.
  async tabTo(locator) {
    const wanted = await locator.elementHandle();
    for (let pressed = 0; pressed < 250; pressed += 1) {
      if (await wanted.evaluate((element) => element === document.activeElement)) {
        const seen = await wanted.evaluate((element) => {
          const { outlineStyle } = getComputedStyle(element);
          return outlineStyle !== "none";
        });
        assert.ok(seen, `nobody sees that ${await wanted.evaluate((element) => element.outerHTML)} is reached`);
        return;
      }
      await this.page.keyboard.press("Tab");
    }
    assert.fail(`Tab does not lead to ${await wanted.evaluate((element) => element.outerHTML)}`);
  }

  async type(label, text) {
    await this.tabTo(this.page.getByLabel(label, { exact: true }));
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.type(text);
  }

  async press(role, name, key = "Enter") {
    // The sidebar comes first, and a page may have a control of the same name.
    await this.tabTo(this.page.getByRole(role, { name, exact: true }).last());
    await this.page.keyboard.press(key);
  }

  // Presses a control, and waits for the page that it leads to.
  async follow(role, name) {
    const before = this.page.url();
    await this.press(role, name);
    await this.page.waitForURL((url) => url.href !== before);
    await this.page.waitForLoadState();
  }
}

export async function run(walk) {
  const house = await open();
  try {
    await walk(house);
    assert.deepEqual(house.mistakes, []);
    console.log(`looked at ${house.looked.length} pages: ${house.looked.join(", ")}`);
  } catch (error) {
    console.error(`at ${house.page.url()}\n${await house.page.locator("body").innerText()}`);
    throw error;
  } finally {
    await house.browser.close();
  }
}

// Compares pages with images of how they look, in both schemes, on a wide screen and on a phone.
//
// The images are indexed PNGs in `SCREENS`, beside the version of the browser that made them. With `BLESS`, they are made
// again. Another version of the browser draws text in other pixels: then more of them may differ, and the test says so.

import { strict as assert } from "node:assert";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { crc32, deflateSync } from "node:zlib";
import { run } from "./house.mjs";

const { CODE, SCREENS, FOUND, BLESS } = process.env;

// The share of pixels that may differ, with the same browser and with another.
const SAME = 0.0005;
const OTHER = 0.05;

const SIZES = [{ width: 1440, height: 900 }, { width: 390, height: 844 }];

const PAGES = {
  design: "/design",
  overview: "/overview",
  integrations: "/integrations",
  integration: "/integrations/shop",
  settings: "/integrations/shop/settings",
  catalog: "/marketplace?q=data",
  changes: "/changes",
  drift: "/changes/drift",
  activity: "/activity",
  access: "/settings/access",
  notifications: "/notifications",
};

// Texts that differ with each run look the same in each image.
function freeze() {
  const same = [
    [/\b(\d+ (second|minute|hour|day)s? ago|just now)\b/g, "3 hours ago"],
    [/\bin \d+ (second|minute|hour|day)s?\b/g, "in 3 hours"],
    [/\b\d{4}-\d{2}-\d{2} \d{2}:\d{2}\b/g, "2026-01-01 12:00"],
    [/\b[A-Z][a-z]{2} \d{1,2}, \d{4}, \d{1,2}:\d{2}\s[AP]M( [A-Z]+)?/g, "Jan 1, 2026, 12:00 PM UTC"],
    [/\b[0-9a-f]{12}\b/g, "0123456789ab"],
    [/\bspile \d+\.\d+\.\d+\b/g, "spile 1.0.0"],
  ];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    for (const [pattern, text] of same) texts.currentNode.data = texts.currentNode.data.replace(pattern, text);
  }
  if (document.activeElement) document.activeElement.blur();
}

// In the browser: the pixels of an image, as a palette of its colors and an index for each pixel. Where it has more than 256
// colors, the palette has the most frequent ones, and then those that are farthest from all before: no pixel is far off.
async function indexed(base64) {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
  const { width, height } = image;
  const canvas = new OffscreenCanvas(width, height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const pixels = new Uint32Array(canvas.getImageData(0, 0, width, height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) || 0) + 1);
  const all = [...counts].sort((a, b) => b[1] - a[1]).map(([pixel]) => pixel);
  const parts = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const palette = all.slice(0, all.length > 256 ? 160 : 256);
  const rest = all.slice(palette.length).map((pixel) => ({ color: parts(pixel), pixel, off: Infinity }));
  const approach = (pixel) => {
    const near = parts(pixel);
    for (const one of rest) one.off = Math.min(one.off, Math.max(...one.color.map((value, at) => Math.abs(value - near[at]))));
  };
  palette.forEach(approach);
  while (palette.length < 256 && rest.length) {
    const farthest = rest.reduce((one, other) => (other.off > one.off ? other : one));
    palette.push(farthest.pixel);
    approach(farthest.pixel);
  }
  const colors = palette.map(parts);
  const places = new Map(palette.map((pixel, place) => [pixel, place]));
  const nearest = (pixel) => {
    const wanted = parts(pixel);
    let best = [Infinity, 0];
    colors.forEach((color, place) => {
      const distance = color.reduce((sum, value, at) => sum + (value - wanted[at]) ** 2, 0);
      if (distance < best[0]) best = [distance, place];
    });
    return best[1];
  };
  const indices = new Uint8Array(pixels.length);
  pixels.forEach((pixel, at) => {
    if (!places.has(pixel)) places.set(pixel, nearest(pixel));
    indices[at] = places.get(pixel);
  });
  let text = "";
  for (let at = 0; at < indices.length; at += 32768) text += String.fromCharCode(...indices.subarray(at, at + 32768));
  return { width, height, colors, indices: btoa(text) };
}

// In the browser: the share of pixels that differ clearly, and whether the sizes differ.
async function difference([before, after]) {
  const data = async (base64) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    return canvas.getImageData(0, 0, image.width, image.height);
  };
  const [a, b] = [await data(before), await data(after)];
  const [width, height] = [Math.min(a.width, b.width), Math.min(a.height, b.height)];
  let differ = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [at, other] = [(y * a.width + x) * 4, (y * b.width + x) * 4];
      const most = Math.max(...[0, 1, 2].map((part) => Math.abs(a.data[at + part] - b.data[other + part])));
      if (most > 40) differ += 1;
    }
  }
  return { share: differ / (width * height), sizes: [a, b].map((one) => `${one.width}x${one.height}`) };
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function png({ width, height, colors, indices }) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  // Eight bits for each pixel, which is an index into the palette.
  head.set([8, 3, 0, 0, 0], 8);
  const pixels = Buffer.from(indices, "base64");
  const lines = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y += 1) pixels.copy(lines, y * (width + 1) + 1, y * width, (y + 1) * width);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const parts = [["IHDR", head], ["PLTE", Buffer.from(colors.flat())], ["IDAT", deflateSync(lines, { level: 9 })], ["IEND", Buffer.alloc(0)]];
  return Buffer.concat([signature, ...parts.map(([kind, data]) => chunk(kind, data))]);
}

async function shot(page, name) {
  await page.evaluate(() => document.fonts.ready);
  await page.evaluate(freeze);
  const taken = await page.screenshot({ fullPage: name === "design", caret: "hide", animations: "disabled" });
  return taken.toString("base64");
}

await run(async (house) => {
  const { browser, page } = house;
  const [made, version] = [`${SCREENS}/chromium.txt`, browser.version()];
  if (BLESS) {
    mkdirSync(SCREENS, { recursive: true });
    writeFileSync(made, `${version}\n`);
  }
  const isSame = readFileSync(made, "utf8").trim() === version;
  if (!isSame) console.log(`another Chromium made the images: up to ${OTHER * 100} % of the pixels may differ`);
  await page.goto("/login");
  await page.getByLabel("Code").fill(CODE);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/overview");
  const tools = await browser.newPage();
  const wrong = [];
  for (const colorScheme of ["light", "dark"]) {
    for (const size of SIZES) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(size);
      for (const [name, path] of Object.entries(PAGES)) {
        await page.goto(path);
        const file = `${name}-${colorScheme}-${size.width}.png`;
        const taken = await shot(page, name);
        if (BLESS) {
          writeFileSync(`${SCREENS}/${file}`, png(await tools.evaluate(indexed, taken)));
          continue;
        }
        assert.ok(existsSync(`${SCREENS}/${file}`), `there is no ${file}`);
        const kept = readFileSync(`${SCREENS}/${file}`).toString("base64");
        const { share, sizes } = await tools.evaluate(difference, [kept, taken]);
        if (share <= (isSame ? SAME : OTHER) && (!isSame || sizes[0] === sizes[1])) continue;
        mkdirSync(FOUND, { recursive: true });
        writeFileSync(`${FOUND}/${file}`, Buffer.from(taken, "base64"));
        wrong.push(`${file}: ${(share * 100).toFixed(2)} % differ, ${sizes.join(" became ")}`);
      }
    }
  }
  assert.deepEqual(wrong, [], `look at ${FOUND}; if that is intended, set SPILE_BLESS_SCREENS=1`);
});

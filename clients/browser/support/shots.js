// Screenshots of pages: narrow and wide, light and dark.

import { mkdir } from "node:fs/promises";

import { inEachColorScheme } from "./browser.js";
import { screenshotsFolder } from "./environment.js";
import { overflow, WIDTHS } from "./layout.js";

/** @typedef {import("playwright-core").Page} Page */

/**
 * A page or a state of it. `prepare` brings the loaded page into the state.
 *
 * @typedef {{ name: string, path: string, prepare?: (page: Page) => Promise<unknown> }} Shot
 */

/**
 * Takes the screenshots. Returns which pages scroll sideways.
 *
 * @param {Page} page
 * @param {Shot[]} shots
 * @param {string} [folder]
 * @returns {Promise<string[]>}
 */
export async function takeScreenshots(page, shots, folder = screenshotsFolder) {
  const findings = [];
  for (const { name, path, prepare } of shots) {
    await page.goto(path);
    await prepare?.(page);
    findings.push(...(await photograph(page, name, folder)));
  }
  return findings;
}

/**
 * Takes the screenshots of the page as it is now: `NAME-320-light.png` and so on.
 *
 * @param {Page} page
 * @param {string} name
 * @param {string} [folder]
 * @returns {Promise<string[]>}
 */
export async function photograph(page, name, folder = screenshotsFolder) {
  await mkdir(folder, { recursive: true });
  const before = page.viewportSize();
  const findings = [];
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    findings.push(...(await overflow(page)).map((finding) => `${name}: ${finding}`));
    await inEachColorScheme(page, (colorScheme) =>
      page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true }),
    );
  }
  if (before !== null) await page.setViewportSize(before);
  return findings;
}

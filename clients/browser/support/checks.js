// What every page must pass.

import assert from "node:assert/strict";

import { axeFindings } from "./axe.js";
import { htmlFindings } from "./html.js";
import { layoutFindings } from "./layout.js";

/**
 * Checks the page as it is now: accessible in light and dark, valid HTML, no sideways scrolling.
 *
 * @param {import("playwright-core").Page} page
 */
export async function expectSoundPage(page) {
  const findings = [...(await htmlFindings(page)), ...(await axeFindings(page)), ...(await layoutFindings(page))];
  assert.equal(findings.length, 0, `${page.url()}\n  ${findings.join("\n  ")}`);
}

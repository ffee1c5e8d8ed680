// Every page and state of the board is accessible in light and dark, valid HTML, fits every screen, and links to pages that are there.

import assert from "node:assert/strict";
import { test } from "node:test";

import { everyPage } from "../screenshots/pages.js";
import { axeFindings } from "../support/axe.js";
import { browserTest } from "../support/browser.js";
import { htmlFindings } from "../support/html.js";
import { layoutFindings } from "../support/layout.js";
import { crawl } from "../support/links.js";
import { signIn } from "../support/pages.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../support/shots.js").Shot} Shot */

const visits = everyPage();

/** @param {Page} page @param {Shot} shot */
async function findingsOf(page, { name, path, prepare }) {
  await page.goto(path);
  await prepare?.(page);
  const findings = [...(await htmlFindings(page)), ...(await axeFindings(page)), ...(await layoutFindings(page))];
  return findings.map((finding) => `${name}: ${finding}`);
}

for (const who of ["nobody", "the first member", "a member", "a moderator", "an admin"]) {
  browserTest(`every page that ${who} sees is sound`, async ({ page }) => {
    const visit = (await visits).find((visit) => visit.who === who);
    assert.ok(visit);
    if (visit.user !== undefined) await signIn(page, visit.user);
    const { findings: deadLinks, visited } = await crawl(page);
    assert.ok(visited.length > 3, "nothing is linked");
    const findings = deadLinks.map((link) => `link ${link}`);
    for (const shot of visit.shots) findings.push(...(await findingsOf(page, shot)));
    assert.equal(findings.length, 0, `\n  ${findings.join("\n  ")}`);
  });
}

test("every page and state has a name of its own", async () => {
  const names = (await visits).flatMap(({ shots }) => shots.map(({ name }) => name));
  assert.deepEqual(names.filter((name, index) => names.indexOf(name) !== index), []);
});

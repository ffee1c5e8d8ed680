// Accessibility, with axe-core: WCAG 2.2 AA and best practices.

import axe from "axe-core";

import { inEachColorScheme } from "./browser.js";

/** @typedef {import("playwright-core").Page} Page */

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/**
 * What axe-core finds in the page as it is now, in light and in dark. Needs a page with scripts.
 *
 * @param {Page} page
 * @returns {Promise<string[]>}
 */
export async function axeFindings(page) {
  // The debugger evaluates this, so that the Content-Security-Policy stays as it is.
  await page.evaluate(axe.source);
  /** @type {Map<string, string[]>} */
  const schemes = new Map();
  await inEachColorScheme(page, async (colorScheme) => {
    for (const finding of (await run(page)).flatMap(describe)) {
      schemes.set(finding, [...(schemes.get(finding) ?? []), colorScheme]);
    }
  });
  return [...schemes].map(([finding, found]) => `axe ${finding} (${found.join(" and ")})`);
}

/** @param {Page} page @returns {Promise<axe.Result[]>} */
async function run(page) {
  const { violations } = await page.evaluate(
    (tags) => /** @type {any} */ (globalThis).axe.run(document, { runOnly: tags, resultTypes: ["violations"] }),
    TAGS,
  );
  return violations;
}

/** @param {axe.Result} result */
function describe({ id, impact, nodes }) {
  return nodes.map(({ target, failureSummary = "" }) => {
    const [, ...summary] = failureSummary.split("\n").map((line) => line.trim());
    return `${id} (${impact}): ${target.join(" ")}: ${summary.join("; ")}`;
  });
}

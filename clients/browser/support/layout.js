// Whether a page fits the screen.

/** @typedef {import("playwright-core").Page} Page */

/** The widths that are checked: the narrowest phone, and a usual screen. */
export const WIDTHS = [320, 1280];

/**
 * What makes the page scroll sideways, at each of the widths.
 *
 * @param {Page} page
 * @returns {Promise<string[]>}
 */
export async function layoutFindings(page) {
  const before = page.viewportSize();
  const findings = [];
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    findings.push(...(await overflow(page)));
  }
  if (before !== null) await page.setViewportSize(before);
  return findings;
}

/**
 * What makes the page scroll sideways now.
 *
 * @param {Page} page
 * @returns {Promise<string[]>}
 */
export async function overflow(page) {
  const wide = await page.evaluate(() => {
    const width = window.innerWidth;
    if (document.documentElement.scrollWidth <= width) return undefined;
    const elements = [...document.body.querySelectorAll("*")];
    // A long word can leave its element, which then stays narrow itself.
    const rightOf = (/** @type {Element} */ element) => {
      const { left, right } = element.getBoundingClientRect();
      return getComputedStyle(element).overflowX === "visible" ? Math.max(right, left + element.scrollWidth) : right;
    };
    const outside = elements.filter((element) => rightOf(element) > width + 0.5);
    // The innermost ones, because what contains them is wide for their sake.
    const isInnermost = (/** @type {Element} */ element) =>
      !outside.some((other) => other !== element && element.contains(other));
    return outside.filter(isInnermost).slice(0, 3).map((element) => element.outerHTML.slice(0, 100));
  });
  const width = page.viewportSize()?.width;
  return wide === undefined ? [] : [`layout: scrolls sideways at ${width} px: ${wide.join(" | ")}`];
}

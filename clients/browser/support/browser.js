// Tests in a browser. It is started once for each file. Each test has cookies of its own, as in a private window.

import { mkdir } from "node:fs/promises";
import { basename } from "node:path";
import { after, test } from "node:test";

import { chromium } from "playwright-core";

import { baseUrl, chromiumPath, resultsFolder } from "./environment.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContext} BrowserContext */
/** @typedef {import("playwright-core").Request} Request */
/** @typedef {import("playwright-core").Response} Response */

/** How long a page or an element may take, in milliseconds. */
const TIMEOUT = 15_000;

/** How long a test may take, in milliseconds, so that one that hangs does not stop the others. */
const TEST_TIMEOUT = 120_000;

/**
 * @typedef {object} Options
 * @property {boolean} [scripts] false: the page runs without scripts
 * @property {string} [locale]
 * @property {string} [timeZone]
 * @property {"light" | "dark"} [colorScheme]
 * @property {{ width: number, height: number }} [viewport]
 * @property {RegExp[]} [expected] problems that the test causes on purpose
 */

/**
 * What a test has.
 *
 * @typedef {object} Session
 * @property {Page} page a blank page of somebody who is not signed in
 * @property {(options?: Options) => Promise<Page>} open opens a page of somebody else: with other cookies
 * @property {string[]} problems what went wrong so far in the pages of the test
 */

/** @type {Promise<import("playwright-core").Browser> | undefined} */
let browser;

function launched() {
  browser ??= chromium.launch({ executablePath: chromiumPath });
  return browser;
}

after(async () => (await browser)?.close());

/**
 * A test in the browser. It also fails if the console shows an error (the Content-Security-Policy reports there), or if
 * a script or a request fails. A failed test leaves a trace and screenshots behind.
 *
 * @param {string} name
 * @param {Options | ((session: Session) => Promise<void>)} optionsOrBody
 * @param {(session: Session) => Promise<void>} [body]
 */
export function browserTest(name, optionsOrBody, body) {
  if (typeof optionsOrBody === "function") return browserTest(name, {}, optionsOrBody);
  const options = optionsOrBody;
  return test(name, { timeout: TEST_TIMEOUT }, async () => {
    /** @type {Page[]} */
    const pages = [];
    /** @type {string[]} */
    const problems = [];
    /** @param {Options} [others] */
    const open = async (others = {}) => {
      const page = await openPage({ ...options, ...others }, problems);
      pages.push(page);
      return page;
    };
    try {
      await body?.({ page: await open(), open, problems });
      const unexpected = problems.filter((problem) => !options.expected?.some((pattern) => pattern.test(problem)));
      if (unexpected.length > 0) throw new Error("The page has problems");
    } catch (error) {
      const trace = await keepEvidence(name, pages);
      // The message of a stack is fixed when the error is made.
      if (error instanceof Error) error.stack = [error.stack, ...problems, `trace: ${trace}`].join("\n    ");
      throw error;
    } finally {
      await Promise.all(pages.map((page) => page.context().close()));
    }
  });
}

/** @param {Options} options @param {string[]} problems @returns {Promise<Page>} */
async function openPage(options, problems) {
  const context = await (await launched()).newContext({
    baseURL: baseUrl,
    javaScriptEnabled: options.scripts ?? true,
    locale: options.locale ?? "en-GB",
    timezoneId: options.timeZone ?? "Europe/Berlin",
    colorScheme: options.colorScheme ?? "light",
    viewport: options.viewport ?? { width: 1280, height: 800 },
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(TIMEOUT);
  // Without pictures, which would cost a core. The snapshots show the same.
  await context.tracing.start({ snapshots: true, screenshots: false });
  watch(context, problems);
  return context.newPage();
}

/** @type {WeakMap<Page, Response>} */
const documents = new WeakMap();

/**
 * The HTML that the page was loaded from, as the server sent it.
 *
 * @param {Page} page
 * @returns {Promise<string>}
 */
export async function sourceOf(page) {
  const response = documents.get(page);
  if (response === undefined) throw new Error("the page is blank");
  return response.text();
}

/**
 * Shows the page in light and in dark, and then as before.
 *
 * @param {Page} page
 * @param {(colorScheme: "light" | "dark") => Promise<unknown>} body
 */
export async function inEachColorScheme(page, body) {
  const wasDark = await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    await page.emulateMedia({ colorScheme });
    await body(colorScheme);
  }
  await page.emulateMedia({ colorScheme: wasDark ? "dark" : "light" });
}

/** @param {BrowserContext} context @param {string[]} problems */
function watch(context, problems) {
  context.on("console", (message) => {
    // A response with an error is reported below, with its address and status.
    const isResponse = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isResponse) problems.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => problems.push(`script: ${error.error().message}`));
  context.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText ?? "failed";
    // Somebody who follows a link does not wait for what the page was still loading.
    if (reason !== "net::ERR_ABORTED") problems.push(`request: ${describe(request)}: ${reason}`);
  });
  // A new tab has its request before it is a page.
  context.on("page", (page) => {
    page.on("response", (response) => {
      if (isDocument(response.request())) documents.set(page, response);
    });
  });
  context.on("response", (response) => {
    const request = response.request();
    const isPage = isDocument(request);
    // A page may say that something is not found. What a page loads must be there.
    const status = response.status();
    if (status >= (isPage ? 500 : 400)) problems.push(`response: ${describe(request)}: ${status}`);
  });
}

/** Whether this is a page itself, not something that it loads. The board has no frames. @param {Request} request */
function isDocument(request) {
  return request.isNavigationRequest();
}

/** @param {Request} request */
function describe(request) {
  return `${request.method()} ${request.url().replace(baseUrl, "")}`;
}

/**
 * Keeps a screenshot and a trace of each page. Returns the path of the first trace.
 *
 * @param {string} name
 * @param {Page[]} pages
 */
async function keepEvidence(name, pages) {
  const file = basename(process.argv[1] ?? "test", ".test.js");
  const path = `${resultsFolder}/failures/${file}-${name.replace(/[^\p{L}\d]+/gu, "-").slice(0, 80)}`;
  await mkdir(`${resultsFolder}/failures`, { recursive: true });
  for (const [index, page] of pages.entries()) {
    const suffix = index === 0 ? "" : `-${index + 1}`;
    await page.screenshot({ path: `${path}${suffix}.png`, fullPage: true }).catch(() => undefined);
    await page.context().tracing.stop({ path: `${path}${suffix}.zip` });
  }
  return `${path}.zip`;
}

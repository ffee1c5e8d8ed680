// What tests of many pages do.

import { inDays } from "./stack.js";

/** @typedef {import("playwright-core").Page} Page */

/**
 * Signs in through the page for it. Ends on the page after it.
 *
 * @param {Page} page
 * @param {{ email: string, password: string }} user
 */
export async function signIn(page, { email, password }) {
  await page.goto("/board/sign-in");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL((url) => url.pathname !== "/board/sign-in");
}

/**
 * Fills in fields, which are told by their labels.
 *
 * @param {Page} page
 * @param {Record<string, string>} fields
 */
export async function fillIn(page, fields) {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
}

/**
 * Presses the button with exactly this name.
 *
 * @param {Page} page
 * @param {string} name
 */
export async function press(page, name) {
  await page.getByRole("button", { name, exact: true }).click();
}

/**
 * Waits until the page has this heading.
 *
 * @param {Page} page
 * @param {string} name
 */
export async function expectHeading(page, name) {
  await page.getByRole("heading", { name, exact: true }).waitFor();
}

/**
 * Waits until this has the focus.
 *
 * @param {import("playwright-core").Locator} locator
 */
export async function expectFocus(locator) {
  await locator.and(locator.page().locator(":focus")).waitFor();
}

/**
 * Waits for the line on top of the page after an action, which has the focus.
 *
 * @param {Page} page
 * @param {string} text
 */
export async function expectBanner(page, text) {
  await expectFocus(page.getByRole("status").filter({ hasText: text }));
}

/**
 * Signs out through the menu of the account.
 *
 * @param {Page} page
 */
export async function signOut(page) {
  await page.locator("details.menu > summary").click();
  await press(page, "Sign out");
  await expectBanner(page, "You are signed out.");
}

/**
 * What somebody types into the form of an event: a week from today, from 10 to 11.
 *
 * @param {string} title
 */
export function typedEvent(title) {
  const [start, end] = ["10:00", "11:00"].map((time) => inDays(7, time).slice(0, 16));
  return { Title: title, Description: "Everybody is welcome.", Start: start, End: end };
}

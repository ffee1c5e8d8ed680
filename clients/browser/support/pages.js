// What tests of many pages do.

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

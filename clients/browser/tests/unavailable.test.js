// What people see while the system is slow or refuses them for a while: nothing typed is lost, and nothing is made twice.

import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout } from "node:timers/promises";

import { startSystem } from "../support/system.js";

/** How long a window of the limits is, in seconds. */
const WINDOW = 6;

const system = await startSystem({
  LIST_DEADLINE: "2s",
  WRITE_DEADLINE: "2s",
  RATE_LIMIT_USER_MAX: "40",
  RATE_LIMIT_USER_WINDOW: `${WINDOW}s`,
  RATE_LIMIT_IP_MAX: "20",
  RATE_LIMIT_IP_WINDOW: `${WINDOW}s`,
});
after(() => system.stop());

const { browserTest } = await import("../support/browser.js");
const { expectSoundPage } = await import("../support/checks.js");
const { signIn } = await import("../support/pages.js");
const { draft, found, inDays } = await import("../support/stack.js");

/** @typedef {import("playwright-core").Page} Page */

/** The database answers nobody, so that a page is late, or nobody can serve it. */
const UNAVAILABLE = /^(This took too long|EventBoard is not available right now)$/;
const expected = [/^response: .*: 503$/];

const TYPED = {
  Title: "Typed at a bad time <b>&\"'",
  Description: "First line.\n\n  Second paragraph, with an ü.",
  Start: `${inDays(20).slice(0, 10)}T10:00`,
  End: `${inDays(20).slice(0, 10)}T18:00`,
};

/** @param {Page} page */
async function typeEvent(page) {
  await page.goto("/board/events/new");
  for (const [label, text] of Object.entries(TYPED)) await page.getByLabel(label).fill(text);
}

/** @param {import("../support/stack.js").User} author */
async function titlesOf(author) {
  const { data } = await author.request("GET", "/events?mine=true");
  return data.map((/** @type {{ title: string, description: string }} */ event) => event.title);
}

/** Sends requests until there are too many, and returns for how long, in seconds. @param {Page} page @param {string} path */
async function useUp(page, path) {
  const headers = { Accept: "text/html" };
  const reset = Number((await page.request.get(path, { headers })).headers()["ratelimit-reset"]);
  // The window must last until the page has been refused, too.
  if (reset < WINDOW - 1) await setTimeout(reset * 1000);
  for (;;) {
    const responses = await Promise.all(Array.from({ length: 10 }, () => page.request.get(path, { headers })));
    const refused = responses.find((response) => response.status() === 429);
    if (refused !== undefined) return Number(refused.headers()["retry-after"]);
  }
}

browserTest("a draft that cannot be saved now is kept, and saved once by trying again", { expected }, async ({ page }) => {
  const author = await found();
  await signIn(page, author);
  await typeEvent(page);
  await system.pauseDatabase();
  try {
    await page.getByRole("button", { name: "Save draft" }).click();
    await page.getByRole("heading", { name: UNAVAILABLE }).waitFor();
    await page.getByText("What you typed is kept on this page.").waitFor();
    await expectSoundPage(page);
    // It is kept however often one tries.
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("heading", { name: UNAVAILABLE }).waitFor();
    await page.waitForLoadState();
  } finally {
    await system.resumeDatabase();
  }
  // The first request may have been late and not lost: then the page says that it has made the event already.
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: TYPED.Title, level: 1 }).waitFor();
  await page.locator(".banner", { hasText: /^(Draft saved\.|You have sent this form already\.)/ }).waitFor();
  assert.equal(await page.locator(".description").innerText(), "First line.\n\nSecond paragraph, with an ü.");
  assert.deepEqual(await titlesOf(author), [TYPED.Title]);
});

browserTest("a page that cannot be shown now says so and is shown by trying again", { expected }, async ({ page }) => {
  const author = await found();
  await draft(author, { title: "Still there" });
  await signIn(page, author);
  await system.pauseDatabase();
  try {
    for (const path of ["/board/events/month", "/board/events?mine=1&search=still"]) {
      await page.goto(path);
      await page.getByRole("heading", { name: UNAVAILABLE }).waitFor();
    }
    await expectSoundPage(page);
  } finally {
    await system.resumeDatabase();
  }
  await page.getByRole("link", { name: "Try again" }).click();
  await page.getByRole("link", { name: "Still there" }).waitFor();
});

browserTest("who sends too much waits, and then goes on with what was typed", async ({ page }) => {
  const author = await found();
  await signIn(page, author);
  await typeEvent(page);
  const seconds = await useUp(page, "/board/events");
  await page.getByRole("button", { name: "Save draft" }).click();
  await page.getByRole("heading", { name: "Too much at once" }).waitFor();
  await page.getByText("What you typed is kept on this page.").waitFor();
  assert.match(await page.getByRole("main").innerText(), /Nothing was changed\. Wait (a second|\d+ seconds), then try again\./);
  await expectSoundPage(page);
  await setTimeout(seconds * 1000);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator(".banner", { hasText: "Draft saved." }).waitFor();
  assert.deepEqual(await titlesOf(author), [TYPED.Title]);
});

browserTest("who signs in from an address that has sent too much gets the form back without the password", async ({ page }) => {
  const author = await found();
  await page.goto("/board/sign-in");
  await page.getByLabel("E-mail").fill(author.email);
  await page.getByLabel("Password", { exact: true }).fill(author.password);
  const seconds = await useUp(page, "/nowhere");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { name: "Too much at once" }).waitFor();
  assert.ok(!(await page.content()).includes(author.password), "the password is in the page");
  await expectSoundPage(page);
  await setTimeout(seconds * 1000);
  await page.getByRole("button", { name: "Back to the form" }).click();
  assert.equal(await page.getByLabel("E-mail").inputValue(), author.email);
  assert.equal(await page.getByLabel("Password", { exact: true }).inputValue(), "");
  await page.getByLabel("Password", { exact: true }).fill(author.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Nothing is planned yet.").waitFor();
});

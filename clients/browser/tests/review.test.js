// Review: the queue of moderators, by keyboard, and what happens when somebody else decides meanwhile.

import assert from "node:assert/strict";

import { browserTest } from "../support/browser.js";
import { mailTo } from "../support/mail.js";
import { signIn, signOut } from "../support/pages.js";
import { approve, draft, reject, submit, submitted, team } from "../support/stack.js";

/** @typedef {import("playwright-core").Page} Page */

/** How often pages are refreshed, in milliseconds. */
const REFRESH = 20_000;

/** The titles in the queue, from top to bottom. @param {Page} page */
function queue(page) {
  return page.locator(".queue b").allInnerTexts();
}

/** Waits until an event is shown beside the queue. @param {Page} page @param {string} title */
async function shows(page, title) {
  await page.getByRole("article", { name: title }).waitFor();
}

/** What has the focus, as somebody who cannot see it hears it. @param {Page} page */
function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const labelId = element?.getAttribute("aria-labelledby") ?? "";
    const name = document.getElementById(labelId) ?? element;
    return (name?.textContent ?? "").replace(/\s+/g, " ").trim();
  });
}

/** Presses Tab until something has the focus. @param {Page} page @param {RegExp} name */
async function tabTo(page, name) {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press("Tab");
    if (name.test(await focused(page))) return;
  }
  assert.fail(`Tab does not lead to ${name}`);
}

/** How many events the navigation says are waiting. @param {Page} page */
async function badge(page) {
  const link = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /^Review/ });
  return (await link.innerText()).replace(/\s+/g, " ").trim();
}

/** Three events that wait, the one that was submitted first at the top. Another one is only a draft. */
async function threeWaiting() {
  const people = await team();
  const { owner } = people;
  const [last, first, second] = await Promise.all([
    draft(owner, { title: "Drawn up first" }),
    draft(owner, { title: "Submitted first" }),
    draft(owner, { title: "Submitted second" }),
    draft(owner, { title: "Not submitted" }),
  ]);
  for (const event of [first, second, last]) await submit(owner, event);
  return { ...people, first, second, last };
}

browserTest("a moderator empties the queue without touching the mouse", async ({ page, open }) => {
  const { moderator, owner } = await threeWaiting();
  await signIn(page, moderator);
  await page.goto("/board/review");
  await shows(page, "Submitted first");
  assert.deepEqual(await queue(page), ["Submitted first", "Submitted second", "Drawn up first"]);
  assert.equal(await badge(page), "Review 3 waiting");

  await page.keyboard.press("j");
  await shows(page, "Submitted second");
  assert.equal(await focused(page), "Submitted second");
  await page.keyboard.press("k");
  await shows(page, "Submitted first");
  assert.equal(await focused(page), "Submitted first");

  await page.keyboard.press("p");
  await shows(page, "Submitted second");
  assert.match(await focused(page), /^Published\. Everybody/);
  assert.equal(await badge(page), "Review 2 waiting");

  await page.keyboard.press("s");
  await page.getByRole("heading", { name: "Send back “Submitted second”" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "reason");
  await page.keyboard.type("Short");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Send back");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  assert.match(await focused(page), /^1 thing to change The reason must be 10 to 500 characters long\.$/);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "reason");
  await page.keyboard.press("End");
  await page.keyboard.type("er, and name a person in charge");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");

  await shows(page, "Drawn up first");
  assert.match(await focused(page), /^Sent back\. The author gets a mail/);
  assert.equal(await badge(page), "Review 1 waiting");
  await page.keyboard.press("p");
  await page.getByText("All done.").waitFor();
  assert.match(await focused(page), /^Published\./);
  assert.equal(await badge(page), "Review");

  const readers = await open();
  await signIn(readers, owner);
  await readers.goto("/board/events");
  const shown = await readers.locator(".events").innerText();
  assert.ok(shown.includes("Submitted first") && shown.includes("Drawn up first"), shown);
  assert.ok(!shown.includes("Submitted second"), shown);
  const published = await mailTo(owner.email, { subject: /Submitted first/ });
  const sentBack = await mailTo(owner.email, { subject: /Submitted second/ });
  assert.match(sentBack.text, /Shorter, and name a person in charge/);
  for (const [mail, title] of /** @type {const} */ ([[published, "Submitted first"], [sentBack, "Submitted second"]])) {
    await readers.goto(mail.link);
    await readers.getByRole("heading", { name: title, level: 1 }).waitFor();
  }
  assert.match(await readers.locator("main").innerText(), /Shorter, and name a person in charge/);
});

browserTest("shortcuts are listed, and stay off once they are switched off", async ({ page }) => {
  const { moderator } = await threeWaiting();
  await signIn(page, moderator);
  await page.goto("/board/review");
  await shows(page, "Submitted first");
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Shortcuts in Review" }).waitFor();
  assert.match(await page.locator(".keys").innerText(), /p\s+Publish\s+s\s+Send back…\s+j\s+Next\s+k\s+Previous\s+\?\s+This list/);
  await tabTo(page, /^Switch shortcuts off$/);
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "Switch shortcuts on");

  await page.goto("/board/review");
  await shows(page, "Submitted first");
  /** @type {string[]} */
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  for (const key of ["j", "s", "p", "?"]) await page.keyboard.press(key);
  assert.equal(await page.locator("kbd:visible").count(), 0, "a key is shown that does nothing");
  const other = await page.context().newPage();
  await other.goto("/board/review");
  await shows(other, "Submitted first");
  await other.keyboard.press("p");
  assert.equal(await badge(other), "Review 3 waiting");
  assert.deepEqual(requests, []);

  await other.goto("/board/review/keys");
  await tabTo(other, /^Switch shortcuts on$/);
  await other.keyboard.press("Enter");
  await page.reload();
  await page.keyboard.press("j");
  await shows(page, "Submitted second");
});

browserTest("a key with a modifier, or while somebody types, is no shortcut", async ({ page }) => {
  const { moderator, first } = await threeWaiting();
  await signIn(page, moderator);
  await page.goto("/board/review");
  await shows(page, "Submitted first");
  for (const key of ["Control+p", "Alt+p", "Meta+p"]) await page.keyboard.press(key);
  await page.keyboard.press("s");
  await page.locator("#reason:focus").waitFor();
  await page.keyboard.type("psjk? and more");
  assert.equal(await page.getByLabel("What should change?").inputValue(), "psjk? and more");
  assert.equal((await moderator.request("GET", `/events/${first.id}`)).status, "SUBMITTED");
});

browserTest("what somebody else decided meanwhile is explained, and the queue goes on", async ({ page }) => {
  const { moderator, admin, owner, first, second, last } = await threeWaiting();
  await signIn(page, moderator);
  await page.goto("/board/review");
  await shows(page, "Submitted first");
  await approve(admin, first);
  await page.getByRole("button", { name: "Publish" }).click();
  const explained = page.getByRole("alert");
  await explained.getByRole("heading", { name: "It was decided meanwhile" }).waitFor();
  assert.match(await focused(page), /The event has been published\. Nothing was changed by you\./);
  assert.match(await page.locator("article").innerText(), /Submitted first\s+Published/);

  await page.getByRole("link", { name: "Next in review" }).click();
  await shows(page, "Submitted second");
  await page.getByRole("link", { name: "Send back…" }).click();
  await page.getByLabel("What should change?").fill("Name a person in charge");
  await reject(admin, second, "The room is too small for that");
  await page.getByRole("button", { name: "Send back" }).click();
  await explained.getByRole("heading", { name: "It was decided meanwhile" }).waitFor();
  assert.match(await explained.innerText(), /has been sent back\. Nothing was changed by you\.\s+The room is too small/);
  assert.equal(await page.getByLabel("What you typed, to copy").inputValue(), "Name a person in charge");
  assert.equal((await owner.request("GET", `/events/${second.id}`)).rejectionReason, "The room is too small for that");

  await page.getByRole("link", { name: "Next in review" }).click();
  await shows(page, "Drawn up first");
  await admin.request("DELETE", `/events/${last.id}`);
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByRole("heading", { name: "The event is gone" }).waitFor();
  await page.getByRole("link", { name: "Back to review" }).click();
  await page.getByText("All done.").waitFor();
});

browserTest("an event that was changed meanwhile is read again, and the reason stays", async ({ page }) => {
  const { moderator, admin, first } = await threeWaiting();
  await signIn(page, moderator);
  await page.goto("/board/review");
  await shows(page, "Submitted first");
  await page.getByRole("link", { name: "Send back…" }).click();
  await page.getByLabel("What should change?").fill("Name a person in charge");
  await admin.request("PATCH", `/events/${first.id}`, { location: "The large hall" });
  await page.getByRole("button", { name: "Send back" }).click();
  await page.getByRole("heading", { name: "The event has changed meanwhile" }).waitFor();
  assert.match(await page.getByRole("alert").innerText(), /The large hall/);
  assert.equal((await admin.request("GET", `/events/${first.id}`)).status, "SUBMITTED");
  assert.equal(await page.getByLabel("What should change?").inputValue(), "Name a person in charge");
  await page.getByRole("button", { name: "Send back" }).click();
  await shows(page, "Submitted second");
});

browserTest("a page that is open shows what was submitted and decided meanwhile", async ({ page }) => {
  const { admin, moderator, owner } = await team();
  const first = await submitted(owner, { title: "Here already" });
  await page.clock.install();
  await signIn(page, moderator);
  await page.goto("/board/review");
  await shows(page, "Here already");
  await page.getByRole("link", { name: "Send back…" }).focus();

  const unchanged = refreshed(page);
  await page.clock.fastForward(REFRESH);
  const { request, status } = await unchanged;
  assert.equal(status, 304);
  assert.match(request["if-none-match"] ?? "", /^"[0-9a-f]+"$/);

  await submitted(owner, { title: "A new one" });
  const changed = refreshed(page);
  await page.clock.fastForward(REFRESH);
  assert.equal((await changed).status, 200);
  await page.getByRole("link", { name: /^A new one/ }).waitFor();
  assert.deepEqual(await queue(page), ["Here already", "A new one"]);
  await page.getByRole("link", { name: "Review 2 waiting" }).waitFor();
  assert.match(await focused(page), /^Send back…/, "the focus stays");

  const again = refreshed(page);
  await page.clock.fastForward(REFRESH);
  assert.equal((await again).status, 304, "the new page has a tag of its own");

  await approve(admin, first);
  await page.clock.fastForward(REFRESH);
  await page.getByRole("heading", { name: "It was decided meanwhile" }).waitFor();
  assert.deepEqual(await queue(page), ["A new one"]);
  assert.equal(await page.evaluate(() => document.activeElement?.id), "event", "the focus is where the change is");
  await page.keyboard.press("j");
  await shows(page, "A new one");
});

/** The next answer to a page that asks again by itself. @param {Page} page */
async function refreshed(page) {
  const response = await page.waitForResponse((response) => "hx-request" in response.request().headers());
  return { request: await response.request().allHeaders(), status: response.status() };
}

browserTest("nothing that somebody types is disturbed", async ({ page }) => {
  const { moderator, owner } = await team();
  await submitted(owner, { title: "Here already" });
  await page.clock.install();
  await signIn(page, moderator);
  await page.goto("/board/review");
  await shows(page, "Here already");
  await page.keyboard.press("s");
  await page.locator("#reason:focus").waitFor();
  await page.keyboard.type("Name a per");
  await submitted(owner, { title: "A new one" });
  await page.clock.fastForward(3 * REFRESH);
  await page.keyboard.type("son in charge");
  assert.equal(await page.getByLabel("What should change?").inputValue(), "Name a person in charge");
});

browserTest("a queue that is open in another tab leads to the sign-in form after signing out", async ({ page }) => {
  const { moderator, owner } = await team();
  await submitted(owner, { title: "Here already" });
  await page.clock.install();
  await signIn(page, moderator);
  await page.goto("/board/review");
  await shows(page, "Here already");
  await signOut(await openTab(page));
  await page.clock.fastForward(REFRESH);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.ok(!(await page.content()).includes("Here already"));
});

/** Another tab of the same browser. @param {Page} page */
async function openTab(page) {
  const tab = await page.context().newPage();
  await tab.goto("/board");
  return tab;
}

browserTest("nobody but moderators has a queue", async ({ page }) => {
  const { owner } = await team();
  await signIn(page, owner);
  assert.equal(await page.getByRole("link", { name: "Review" }).count(), 0);
  for (const path of ["/board/review", "/board/review/keys"]) {
    const response = await page.goto(path);
    assert.ok([403, 404].includes(response?.status() ?? 0), `${path}: ${response?.status()}`);
    await page.getByRole("link", { name: "Go to the events" }).waitFor();
  }
});

browserTest("without scripts, a queue is decided on by its links and buttons", { scripts: false }, async ({ page }) => {
  const { moderator } = await threeWaiting();
  await signIn(page, moderator);
  await page.goto("/board/review");
  await page.getByRole("link", { name: /^Next/ }).click();
  await shows(page, "Submitted second");
  await page.getByRole("button", { name: "Publish" }).click();
  await shows(page, "Drawn up first");
  await page.getByRole("link", { name: "Send back…" }).click();
  await page.getByLabel("What should change?").fill("Name a person in charge");
  await page.getByRole("button", { name: "Send back" }).click();
  await shows(page, "Submitted first");
  assert.deepEqual(await queue(page), ["Submitted first"]);
});

// Writing an event: nothing typed is lost, and nothing is made twice.

import assert from "node:assert/strict";

import { browserTest } from "../support/browser.js";
import { expectSoundPage } from "../support/checks.js";
import { signIn } from "../support/pages.js";
import { approved, draft, found, inDays, submit, team } from "../support/stack.js";

/** @typedef {import("playwright-core").Page} Page */

/** @type {ReturnType<typeof team> | undefined} */
let shared;

/** The people of the tests that only look at events of their own. */
function people() {
  shared ??= team();
  return shared;
}

/** What is typed: the label of each field, with a text. The times are those of the reader, which are in UTC here. */
const TYPED = {
  Title: "Autumn hackathon",
  Description: "Bring a laptop.\n\nFood is there: https://example.org/food",
  Start: `${inDays(20).slice(0, 10)}T10:00`,
  End: `${inDays(20).slice(0, 10)}T18:00`,
  Where: "Room 4 & the garden",
};

/** @param {Page} page @param {Record<string, string>} fields */
async function type(page, fields) {
  for (const [label, text] of Object.entries(fields)) await field(page, label).fill(text);
}

/** @param {Page} page @param {string} label */
function field(page, label) {
  return page.getByRole("main").getByLabel(label);
}

/** Checks what the form contains. @param {Page} page @param {Record<string, string>} fields */
async function expectTyped(page, fields) {
  for (const [label, text] of Object.entries(fields)) assert.equal(await field(page, label).inputValue(), text, label);
}

/** @param {Page} page @param {string} name */
function press(page, name) {
  return page.getByRole("button", { name, exact: true }).click();
}

/** Waits for the line on top of the page of an event, which has the focus, and returns the ID of the event. @param {Page} page @param {string} text */
async function banner(page, text) {
  await page.locator(".banner", { hasText: text }).waitFor();
  return new URL(page.url()).pathname.split("/").at(-1) ?? "";
}

/** @param {Page} page */
function focused(page) {
  return page.evaluate(() => document.activeElement?.id || document.activeElement?.className);
}

/** @param {{ request: Function }} author @param {string} title */
async function eventsWith(author, title) {
  const { data } = await author.request("GET", `/events?mine=true&search=${encodeURIComponent(title)}`);
  return data;
}

browserTest("a wrong date is told at its field, and nothing that was typed is lost", async ({ page }) => {
  const { owner } = await people();
  await signIn(page, owner);
  await page.goto("/board/events/new");
  await expectSoundPage(page);
  const wrong = { ...TYPED, End: `${inDays(20).slice(0, 10)}T09:00` };
  await type(page, wrong);
  await press(page, "Save draft");
  await page.getByRole("heading", { name: "1 thing to change" }).waitFor();
  assert.equal(await focused(page), "error-summary");
  assert.match(await page.title(), /^Error: /);
  await expectTyped(page, wrong);
  const message = page.locator("#endDate-error");
  assert.match(await message.innerText(), /^End must be after the start, .*, 10:00\.$/);
  const described = await field(page, "End").getAttribute("aria-describedby");
  assert.ok(described?.split(" ").includes("endDate-error"), String(described));
  assert.equal(await field(page, "End").getAttribute("aria-invalid"), "true");
  await expectSoundPage(page);
  await page.getByRole("alert").getByRole("link").click();
  assert.equal(await focused(page), "endDate");
  await type(page, { End: TYPED.End });
  await press(page, "Save draft");
  await banner(page, "Draft saved.");
  assert.equal(await focused(page), "banner");
  await page.getByRole("heading", { name: TYPED.Title, level: 1 }).waitFor();
  await expectSoundPage(page);
  // The line on top is gone with the next page, and a reload makes nothing.
  await page.reload();
  assert.equal(await page.locator(".banner").count(), 0);
});

browserTest("each fault is told in a sentence at its field", async ({ page }) => {
  const { admin, owner } = await team();
  await admin.request("PATCH", "/organization", { timeZone: "Europe/Berlin" });
  await signIn(page, owner);
  await page.goto("/board/events/new");
  await page.getByText("Times are in Berlin (Europe/Berlin).").waitFor();
  await press(page, "Submit for review");
  await page.getByRole("heading", { name: "4 things to change" }).waitFor();
  const summary = page.locator(".error-summary li");
  const missing = ["Enter a title.", "Enter a description.", "Enter when it starts.", "Enter when it ends."];
  assert.deepEqual(await summary.allInnerTexts(), missing);
  await expectSoundPage(page);
  // The clocks of Berlin go from 2 to 3 in this night.
  const night = { Start: "2027-03-28T02:30", End: "2027-03-28T04:00" };
  const long = { Title: "x", Description: "y".repeat(5001), Where: "z".repeat(301), ...night };
  await type(page, long);
  await press(page, "Save draft");
  const sentences = await summary.allInnerTexts().then(async () => {
    await page.getByText("There is no 02:30 on Sun 28 March 2027").first().waitFor();
    return summary.allInnerTexts();
  });
  assert.match(sentences.join("\n"), /^Title must .*3.*200.*\nDescription must .*5000.*\n(.*\n)*The place must .*300.*$|5,000/m);
  for (const sentence of sentences) assert.doesNotMatch(sentence, /invalid|startDate|endDate|violation/i);
  await expectTyped(page, long);
  await expectSoundPage(page);
});

browserTest("a double click makes one event", async ({ page }) => {
  const { owner } = await people();
  await signIn(page, owner);
  await page.goto("/board/events/new");
  await type(page, { ...TYPED, Title: "Clicked twice" });
  await page.getByRole("button", { name: "Save draft" }).dblclick();
  await banner(page, "Draft saved.");
  assert.equal((await eventsWith(owner, "Clicked twice")).length, 1);
});

browserTest("a form that is sent from two tabs makes one event, or another one if it was changed", { scripts: false }, async ({ page }) => {
  const { owner } = await people();
  await signIn(page, owner);
  await page.goto("/board/events/new");
  await type(page, { ...TYPED, Title: "Two tabs" });
  const save = page.getByRole("button", { name: "Submit for review" });
  const [other] = await Promise.all([page.context().waitForEvent("page"), save.click({ modifiers: ["Control"] })]);
  const id = await banner(other, "Submitted.");
  await save.click();
  assert.equal(await banner(page, "You have sent this form already. This is what it made."), id);
  assert.equal((await eventsWith(owner, "Two tabs")).length, 1);

  await page.goto("/board/events/new");
  await type(page, { ...TYPED, Title: "Two evenings" });
  const draft_ = page.getByRole("button", { name: "Save draft" });
  const [third] = await Promise.all([page.context().waitForEvent("page"), draft_.click({ modifiers: ["Control"] })]);
  await banner(third, "Draft saved.");
  await type(page, { Where: "Another room" });
  await draft_.click();
  await page.getByRole("heading", { name: "You have sent this form before" }).waitFor();
  await expectTyped(page, { ...TYPED, Title: "Two evenings", Where: "Another room" });
  assert.equal((await eventsWith(owner, "Two evenings")).length, 1);
  await draft_.click();
  await banner(page, "Draft saved.");
  assert.equal((await eventsWith(owner, "Two evenings")).length, 2);
});

browserTest("the back button brings back what was typed, and sending it again leads to what it made", async ({ page }) => {
  const { owner, moderator } = await people();
  await signIn(page, owner);
  await page.goto("/board/events/new");
  const typed = { ...TYPED, Title: "Back and forth" };
  await type(page, typed);
  // Whoever leaves the page by mistake comes back.
  await page.getByRole("link", { name: "My events" }).click();
  await page.getByRole("heading", { name: "My events" }).waitFor();
  await page.goBack();
  await expectTyped(page, typed);
  await press(page, "Save draft");
  const id = await banner(page, "Draft saved.");
  await page.goBack();
  await expectTyped(page, typed);
  await press(page, "Save draft");
  assert.equal(await banner(page, "You have sent this form already. This is what it made."), id);
  assert.equal((await eventsWith(owner, typed.Title)).length, 1);

  // Going back to what was changed since does not bring it back over the heads of others.
  await page.getByRole("link", { name: "Edit" }).click();
  await type(page, { Title: "Changed by me" });
  await press(page, "Save draft");
  await banner(page, "Saved.");
  await moderator.request("PATCH", `/events/${id}`, { title: "Changed by them" });
  await page.goBack();
  await expectTyped(page, { Title: "Changed by me" });
  await type(page, { Where: "My room" });
  await press(page, "Save draft");
  await page.getByRole("heading", { name: "The event changed while you were editing" }).waitFor();
  assert.equal((await owner.request("GET", `/events/${id}`)).title, "Changed by them");
});

browserTest("a draft is found again, previewed, changed and submitted", async ({ page }) => {
  const { owner } = await people();
  await signIn(page, owner);
  await page.goto("/board/events/new");
  await type(page, { ...TYPED, Title: "Left and come back" });
  await press(page, "Save draft");
  await banner(page, "Draft saved.");
  await page.goto("/board/account");
  await page.getByRole("link", { name: "My events" }).click();
  await page.getByRole("link", { name: "Left and come back" }).click();
  await page.getByRole("link", { name: "Edit" }).click();
  await expectTyped(page, { ...TYPED, Title: "Left and come back" });
  await expectSoundPage(page);
  await type(page, { Title: "A better title" });
  await press(page, "Preview");
  await page.getByText("This is a preview. Nothing is saved yet.").waitFor();
  await page.getByRole("heading", { name: "A better title", level: 1 }).waitFor();
  assert.equal(await page.getByRole("link", { name: "https://example.org/food" }).count(), 1);
  await expectSoundPage(page);
  assert.equal((await eventsWith(owner, "A better title")).length, 0);
  await press(page, "Back to editing");
  await expectTyped(page, { ...TYPED, Title: "A better title" });
  await press(page, "Preview");
  await press(page, "Submit for review");
  const id = await banner(page, "Submitted. A moderator will look at it; you will get a mail.");
  await expectSoundPage(page);
  assert.equal((await owner.request("GET", `/events/${id}`)).status, "SUBMITTED");
  // The author can no longer change it, also not by the address of the form.
  await page.goto(`/board/events/${id}/edit`);
  await page.getByRole("heading", { name: "You cannot do this" }).waitFor();
  await expectSoundPage(page);
});

browserTest("a preview of what is not finished says what is missing", async ({ page }) => {
  const { owner } = await people();
  await signIn(page, owner);
  await page.goto("/board/events/new");
  await press(page, "Preview");
  await page.getByRole("heading", { name: "No title yet" }).waitFor();
  await page.getByText("Not entered yet").waitFor();
  await expectSoundPage(page);
  await press(page, "Save draft");
  await page.getByRole("heading", { name: "4 things to change" }).waitFor();
});

browserTest("an old event is copied without its dates, and one to come with them", async ({ page }) => {
  const people_ = await people();
  const old = await approved(people_, { title: "Every year", startDate: inDays(-300), endDate: inDays(-300, "20:00") });
  const next = await approved(people_, { title: "Every week" });
  await signIn(page, people_.owner);
  await page.goto(`/board/events/${old.id}`);
  await page.getByRole("link", { name: "Copy this event" }).click();
  await page.getByText("A copy of “Every year”, without its dates").waitFor();
  await expectTyped(page, { Title: "Every year", Description: old.description, Where: old.location, Start: "", End: "" });
  await expectSoundPage(page);
  await type(page, { Start: TYPED.Start, End: TYPED.End });
  await press(page, "Save draft");
  const id = await banner(page, "Draft saved.");
  assert.notEqual(id, old.id);
  await page.goto(`/board/events/new?from=${next.id}`);
  await page.getByText("A copy of “Every week”. Change what is different this time.").waitFor();
  await expectTyped(page, { Start: next.startDate.slice(0, 16), End: next.endDate.slice(0, 16) });
  assert.equal((await page.goto("/board/events/new?from=nothing"))?.status(), 404);
});

browserTest("who edits what somebody else has changed keeps it or looks at theirs", async ({ page }) => {
  const { owner, moderator } = await people();
  const event = await draft(owner, { title: "Written by two" });
  const change = (/** @type {string} */ title) => moderator.request("PATCH", `/events/${event.id}`, { title, location: "Their room" });
  await signIn(page, owner);
  await page.goto(`/board/events/${event.id}/edit`);
  await type(page, { Title: "Mine", Description: "My own description." });
  await change("Theirs");
  await press(page, "Save draft");
  const notice = page.getByRole("alert");
  await notice.getByRole("heading", { name: "The event changed while you were editing" }).waitFor();
  assert.match(await notice.innerText(), /Theirs[^]*Their room/);
  await expectTyped(page, { Title: "Mine", Description: "My own description.", Where: event.location });
  assert.equal(await focused(page), "note");
  await expectSoundPage(page);
  await press(page, "Keep mine");
  await banner(page, "Saved.");
  const stored = await owner.request("GET", `/events/${event.id}`);
  assert.deepEqual([stored.title, stored.description, stored.location], ["Mine", "My own description.", event.location]);

  await page.goto(`/board/events/${event.id}/edit`);
  await type(page, { Title: "Mine again" });
  await change("Theirs again");
  await press(page, "Save draft");
  const look = page.getByRole("link", { name: "Look at theirs" });
  const [theirs] = await Promise.all([page.context().waitForEvent("page"), look.click()]);
  await theirs.getByRole("heading", { name: "Theirs again", level: 1 }).waitFor();
  await expectTyped(page, { Title: "Mine again" });
  assert.equal((await owner.request("GET", `/events/${event.id}`)).title, "Theirs again");
});

browserTest("what is typed about an event that is deleted or submitted meanwhile is not lost", async ({ page }) => {
  const { owner } = await people();
  const [gone, waiting] = await Promise.all([draft(owner, { title: "Soon gone" }), draft(owner, { title: "Soon in review" })]);
  await signIn(page, owner);
  await page.goto(`/board/events/${gone.id}/edit`);
  await type(page, { Title: "Risen again" });
  await owner.request("DELETE", `/events/${gone.id}`);
  await press(page, "Save draft");
  await page.getByRole("heading", { name: "The event was deleted meanwhile" }).waitFor();
  await expectTyped(page, { Title: "Risen again", Description: gone.description });
  await expectSoundPage(page);
  await press(page, "Save draft");
  assert.notEqual(await banner(page, "Draft saved."), gone.id);

  await page.goto(`/board/events/${waiting.id}`);
  await submit(owner, waiting);
  await press(page, "Submit for review");
  await page.getByRole("heading", { name: "It is in review already" }).waitFor();
  await expectSoundPage(page);
});

browserTest("deleting is asked once, on a page of its own", async ({ page }) => {
  const { owner } = await people();
  const event = await draft(owner, { title: "No longer needed" });
  await signIn(page, owner);
  await page.goto(`/board/events/${event.id}`);
  await page.getByRole("link", { name: "Delete…" }).click();
  await page.getByRole("heading", { name: "Delete “No longer needed”?" }).waitFor();
  await expectSoundPage(page);
  await page.getByRole("link", { name: "Keep it" }).click();
  await page.getByRole("heading", { name: "No longer needed", level: 1 }).waitFor();
  await page.getByRole("link", { name: "Delete…" }).click();
  await press(page, "Delete the event");
  await page.getByText("The event is deleted.").waitFor();
  assert.equal(new URL(page.url()).pathname, "/board/my-events");
  assert.equal(await page.getByRole("link", { name: "No longer needed" }).count(), 0);
  await page.goBack();
  await page.getByRole("heading", { name: "There is nothing here" }).waitFor();
});

browserTest("deleting what has changed or was published meanwhile is explained", async ({ page }) => {
  const { owner, moderator } = await people();
  const event = await draft(owner, { title: "Not so fast" });
  await signIn(page, owner);
  await page.goto(`/board/events/${event.id}/delete`);
  await moderator.request("PATCH", `/events/${event.id}`, { location: "Somewhere else" });
  await press(page, "Delete the event");
  await page.getByRole("heading", { name: "The event has changed meanwhile" }).waitFor();
  await expectSoundPage(page);
  await page.getByRole("link", { name: "Delete…" }).click();
  await submit(owner, event);
  await press(page, "Delete the event");
  await page.getByRole("heading", { level: 2 }).waitFor();
  await expectSoundPage(page);
  assert.equal((await owner.request("GET", `/events/${event.id}`)).status, "SUBMITTED");
});

browserTest("somebody without a verified address is told that the event is saved but not submitted", async ({ page }) => {
  const admin = await found();
  await signIn(page, admin);
  await page.goto("/board/events/new");
  await type(page, TYPED);
  await press(page, "Submit for review");
  const id = await banner(page, "");
  const { status } = await admin.request("GET", `/events/${id}`);
  const text = await page.locator(".banner").innerText();
  if (status === "DRAFT") assert.match(text, /^Saved, but not submitted yet: verify your address first\.$/);
  else assert.match(text, /^Submitted\./);
  await expectSoundPage(page);
});

browserTest("an event is written and submitted without scripts on a phone", { scripts: false, viewport: { width: 320, height: 640 } }, async ({ page }) => {
  const { owner } = await people();
  await signIn(page, owner);
  await page.goto("/board/events/new");
  await type(page, { ...TYPED, Title: "By phone", End: TYPED.Start });
  await press(page, "Submit for review");
  await page.getByRole("heading", { name: "1 thing to change" }).waitFor();
  await type(page, { End: TYPED.End });
  await press(page, "Preview");
  await press(page, "Back to editing");
  await expectTyped(page, { ...TYPED, Title: "By phone" });
  await press(page, "Submit for review");
  await banner(page, "Submitted.");
  await page.getByRole("main").getByText("In review", { exact: true }).waitFor();
  assert.equal((await eventsWith(owner, "By phone")).length, 1);
});

browserTest("writing an event needs no mouse", async ({ page }) => {
  const { owner } = await people();
  await signIn(page, owner);
  await page.goto("/board/events/new");
  await field(page, "Title").focus();
  await page.keyboard.type("By keyboard");
  await page.keyboard.press("Tab");
  await page.keyboard.type("Typed without a mouse.");
  // A field for a time has parts of its own: day, month, year, hours, minutes, and the button of the calendar.
  /** @type {(string | undefined)[]} */
  const order = [];
  for (let step = 0; step < 20; step++) {
    await page.keyboard.press("Tab");
    const id = await page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent?.trim());
    if (id !== order.at(-1)) order.push(id);
  }
  assert.deepEqual(order.slice(0, 6), ["startDate", "endDate", "location", "Save draft", "Submit for review", "Preview"]);
  // In each part, an arrow enters a value. The year of the end is the next one.
  for (const [id, years] of /** @type {const} */ ([["startDate", 2], ["endDate", 3]])) {
    await page.locator(`#${id}`).focus();
    for (let part = 0; (await focused(page)) === id; part++) {
      for (let press = 0; press < (part === 2 ? years : 1); press++) await page.keyboard.press("ArrowUp");
      await page.keyboard.press("Tab");
    }
  }
  await field(page, "Where").focus();
  await page.keyboard.type("Room 4");
  await page.keyboard.press("Enter");
  const id = await banner(page, "Draft saved.");
  const { startDate, endDate, location } = await owner.request("GET", `/events/${id}`);
  assert.deepEqual([Number(endDate.slice(0, 4)) - Number(startDate.slice(0, 4)), location], [1, "Room 4"]);
});

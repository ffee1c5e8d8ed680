// What belongs to a user alone: the profile, the password, sessions, mails, a copy of the data, the account itself.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { browserTest } from "../support/browser.js";
import { expectSoundPage } from "../support/checks.js";
import { mailsTo, mailTo } from "../support/mail.js";
import {
  expectBanner,
  expectFocus,
  expectHeading,
  fillIn,
  press,
  signIn,
  signOut,
  typedEvent,
} from "../support/pages.js";
import { draft, found, inDays, join, newAddress, PASSWORD, rejected, team, unique } from "../support/stack.js";

/** @typedef {import("playwright-core").Page} Page */

const NEW_PASSWORD = "Nine-green-ladders-4";

/** A page with the form of a new event, filled in. @param {Page} page */
async function write(page) {
  await page.goto("/board/events/new");
  await fillIn(page, typedEvent("Draft"));
}

/** That the session of a page has ended: what it sends is not accepted. @param {Page} page */
async function expectSignedOut(page) {
  await press(page, "Save draft");
  await expectHeading(page, "Your session has ended");
}

browserTest("a new name is shown at once", async ({ page }) => {
  const user = await found();
  await signIn(page, user);
  await page.locator("details.menu > summary").click();
  await page.getByRole("link", { name: "Account", exact: true }).click();
  await expectHeading(page, "Account");
  await expectSoundPage(page);
  await fillIn(page, { "First name": "", "Last name": "Lovelace" });
  await press(page, "Save the profile");
  await expectFocus(page.getByRole("alert"));
  await page.getByRole("alert").getByRole("link", { name: "First name is required." }).press("Enter");
  await expectFocus(page.getByLabel("First name"));
  assert.equal(await page.getByLabel("Last name").inputValue(), "Lovelace");
  await expectSoundPage(page);
  await page.keyboard.type("Ada");
  await page.keyboard.press("Enter");
  await expectBanner(page, "Saved.");
  await page.getByRole("banner").getByText("Ada Lovelace").waitFor();
  await expectSoundPage(page);
});

browserTest("times everywhere are in the time zone of the user", async ({ page }) => {
  const user = await found();
  const { id } = await draft(user, { startDate: inDays(7, "20:00"), endDate: inDays(7, "22:00") });
  await signIn(page, user);
  await page.goto(`/board/events/${id}`);
  await page.getByText(/20:00–22:00/).first().waitFor();

  await page.goto("/board/account");
  await page.getByLabel("Time zone").selectOption("Asia/Tokyo");
  await press(page, "Save the profile");
  await expectBanner(page, "Saved.");
  assert.equal(await page.getByLabel("Time zone").inputValue(), "Asia/Tokyo");
  await page.goto(`/board/events/${id}`);
  // It is already the next day there.
  await page.getByText(/05:00–07:00/).first().waitFor();
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.getByText("Times are in Tokyo (Asia/Tokyo).").waitFor();
  assert.equal(await page.getByLabel("Start").inputValue(), inDays(8, "05:00").slice(0, 16));
  await page.goto("/board/events?status=any");
  await page.locator(`#day-${inDays(8).slice(0, 10)}`).waitFor();
  await page.getByText(/05:00/).first().waitFor();
});

browserTest("after a new password, this browser goes on and the other one is signed out", async ({ page, open }) => {
  const user = await found();
  const other = await open();
  await Promise.all([signIn(page, user), signIn(other, user)]);
  await write(other);
  const [stolen] = await page.context().cookies();

  await page.goto("/board/account");
  await fillIn(page, { "Current password": "wrong", "New password": NEW_PASSWORD });
  await press(page, "Change the password");
  await expectFocus(page.getByRole("alert"));
  await expectSoundPage(page);
  await fillIn(page, { "Current password": PASSWORD, "New password": NEW_PASSWORD });
  await press(page, "Change the password");
  await expectBanner(page, "Your password is changed. You are signed out everywhere else.");
  await mailTo(user.email, { subject: /^Your password was changed/ });

  await expectSignedOut(other);
  // Whoever has copied the cookie is out, too.
  const thief = await open();
  await thief.context().addCookies([stolen]);
  await thief.goto("/board/events");
  await expectHeading(thief, "Sign in");
  await write(page);
  await press(page, "Save draft");
  await expectBanner(page, "Draft saved.");
  await signOut(page);
  await signIn(page, { email: user.email, password: NEW_PASSWORD });
});

browserTest("sessions are listed, and ended one by one or all at once", async ({ page, open }) => {
  const user = await found();
  const others = [await open(), await open()];
  for (const other of others) {
    await signIn(other, user);
    await write(other);
  }
  await signIn(page, user);
  await page.goto("/board/account");
  const sessions = page.getByRole("region", { name: "Sessions" }).getByRole("listitem");
  // The fourth one is that of the API.
  assert.equal(await sessions.count(), 4);
  assert.match(await sessions.first().innerText(), /Chrome on Linux[^]*This one/);
  await expectSoundPage(page);
  await sessions.filter({ hasText: "Chrome on Linux" }).nth(1).getByRole("button").click();
  await expectBanner(page, "That session is signed out.");
  assert.equal(await sessions.count(), 3);
  await press(page, "Sign out everywhere else");
  await expectBanner(page, "You are signed out everywhere else.");
  assert.equal(await sessions.count(), 1);
  await assert.rejects(user.request("GET", "/auth/me"), /: 401 /);
  for (const other of others) await expectSignedOut(other);
});

browserTest("mails about decisions stay out if the user says so", async ({ page }) => {
  const people = await team();
  await signIn(page, people.owner);
  // The path that mails lead to.
  await page.goto("/board/account/notifications");
  const box = page.getByLabel("When my event is published or sent back");
  assert.ok(await box.isChecked());
  await box.uncheck();
  await press(page, "Save the choice of mails");
  await expectBanner(page, "Saved.");
  assert.ok(!(await box.isChecked()));
  await rejected(people, "Name a person in charge", { title: "Unheard" });

  await box.check();
  await press(page, "Save the choice of mails");
  await expectBanner(page, "Saved.");
  await rejected(people, "Name a person in charge", { title: "Heard" });
  await mailTo(people.owner.email, { subject: /^Sent back: Heard/ });
  const subjects = (await mailsTo(people.owner.email)).map((mail) => mail.subject);
  assert.ok(!subjects.includes("Sent back: Unheard"), subjects.join(", "));
});

browserTest("a new e-mail address counts once its mail is opened", async ({ page }) => {
  const user = await found();
  const email = newAddress();
  await signIn(page, user);
  await page.goto("/board/account");
  await fillIn(page, { "New address": email, "Your password": PASSWORD });
  await press(page, "Change the address");
  await expectBanner(page, "We have sent a link to the new address.");
  await page.getByText(`The new address ${email} waits`).waitFor();
  await expectSoundPage(page);
  await mailTo(user.email, { subject: /^A new e-mail address was asked for/ });

  await page.goto((await mailTo(email)).link);
  await press(page, "Verify");
  await expectBanner(page, "Your address is verified.");
  await page.goto("/board/account");
  await page.getByText(email).waitFor();
  assert.equal(await page.getByText(user.email).count(), 0);

  await fillIn(page, { "New address": newAddress(), "Your password": PASSWORD });
  await press(page, "Change the address");
  await press(page, "Keep the present address");
  await expectBanner(page, "Your address stays as it is.");
  await signOut(page);
  await signIn(page, { email, password: PASSWORD });
});

browserTest("who has lost the mail gets another link", async ({ page }) => {
  const user = await found();
  const first = await mailTo(user.email);
  await signIn(page, user);
  await page.goto("/board/account");
  await page.getByText("Not verified yet").waitFor();
  await press(page, "Send another link");
  await expectBanner(page, "Sent.");
  const second = await mailTo(user.email, { subject: /^Verify your e-mail address/ });
  assert.notEqual(second.link, first.link);
  await page.goto(second.link);
  await press(page, "Verify");
  await expectBanner(page, "Your address is verified.");
});

browserTest("a copy of one's data contains what one wrote", async ({ page }) => {
  const user = await found();
  const title = unique("Diary");
  await draft(user, { title });
  await signIn(page, user);
  await page.goto("/board/account");
  const downloading = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download a copy" }).click();
  const download = await downloading;
  assert.match(download.suggestedFilename(), /\.json$/);
  const copy = JSON.parse(await readFile(await download.path(), "utf8"));
  const titles = copy.events.map((/** @type {any} */ event) => event.title);
  assert.deepEqual([copy.account.user.email, titles], [user.email, [title]]);
});

browserTest("a deleted account is gone, and the last admin is told to stay", async ({ page }) => {
  const admin = await found();
  const member = await join(admin);
  await signIn(page, admin);
  await page.goto("/board/account");
  await page.getByRole("link", { name: "Delete the account…" }).click();
  await expectSoundPage(page);
  await fillIn(page, { "Your password": PASSWORD });
  await press(page, "Delete my account");
  await expectFocus(page.getByRole("alert"));
  await page.getByText("You are the last admin. Make another member an admin first").waitFor();
  await expectSoundPage(page);
  await page.getByRole("link", { name: "Keep it" }).click();
  await signOut(page);

  await signIn(page, member);
  await page.goto("/board/account/delete");
  await fillIn(page, { "Your password": "wrong" });
  await press(page, "Delete my account");
  await expectFocus(page.getByRole("alert"));
  await expectSoundPage(page);
  await fillIn(page, { "Your password": PASSWORD });
  await press(page, "Delete my account");
  await expectBanner(page, "Your account is deleted.");
  await expectSoundPage(page);
  await page.goto("/board/sign-in");
  await fillIn(page, { "E-mail": member.email, Password: PASSWORD });
  await press(page, "Sign in");
  await page.getByRole("link", { name: /e-mail address or the password is wrong/ }).waitFor();
});

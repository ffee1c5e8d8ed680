// The session: that it ends when it should, and what happens to what somebody types meanwhile.

import assert from "node:assert/strict";

import { browserTest, sourceOf } from "../support/browser.js";
import { expectSoundPage } from "../support/checks.js";
import { baseUrl } from "../support/environment.js";
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
import { draft, found, join, newAddress, PASSWORD, unique } from "../support/stack.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../support/stack.js").User} User */

/** Ends all sessions but that of the API. @param {User} user */
function endSessions(user) {
  return user.request("POST", "/auth/sessions/revoke-others");
}

/** @param {User} user */
async function titlesOf(user) {
  return (await user.request("GET", "/events")).data.map((/** @type {any} */ event) => event.title);
}

/** @param {Page} page */
async function sessionCookie(page) {
  return (await page.context().cookies()).find(({ name }) => name === "eventboard");
}

browserTest("what was typed when the session ended is there after signing in, and is sent once", async ({ page }) => {
  const user = await found();
  await signIn(page, user);
  await page.goto("/board/events/new");
  await fillIn(page, { ...typedEvent("Spring “party” & <b>more</b>"), Description: "First line\n\nSecond line" });
  await endSessions(user);
  await press(page, "Save draft");

  await expectHeading(page, "Your session has ended");
  await page.getByText("What you typed is kept.").waitFor();
  await expectSoundPage(page);
  await fillIn(page, { "E-mail": user.email, Password: "wrong" });
  await press(page, "Sign in");
  await expectFocus(page.getByRole("alert"));
  await expectHeading(page, "Your session has ended");
  await expectSoundPage(page);
  await fillIn(page, { Password: PASSWORD });
  await press(page, "Sign in");

  await expectHeading(page, "New event");
  await expectBanner(page, "You are signed in again.");
  await expectSoundPage(page);
  assert.equal(await page.getByLabel("Title").inputValue(), "Spring “party” & <b>more</b>");
  assert.equal(await page.getByLabel("Description").inputValue(), "First line\n\nSecond line");
  assert.equal(await page.getByLabel("Start").inputValue(), typedEvent("").Start);
  assert.deepEqual(await titlesOf(user), [], "it was sent before the user said so");
  await press(page, "Save draft");
  await expectBanner(page, "Draft saved.");
  assert.deepEqual(await titlesOf(user), ["Spring “party” & <b>more</b>"]);
});

browserTest("who signs in instead sees nothing of what was typed before", async ({ page }) => {
  const first = await found();
  const second = await join(first);
  await signIn(page, first);
  await page.goto("/board/events/new");
  await fillIn(page, typedEvent("Secret plans"));
  await endSessions(first);
  await press(page, "Save draft");
  await expectHeading(page, "Your session has ended");
  await fillIn(page, { "E-mail": second.email, Password: PASSWORD });
  await press(page, "Sign in");

  await expectHeading(page, "New event");
  await page.getByText("Grace Owner").waitFor();
  assert.doesNotMatch(await sourceOf(page), /Secret plans/);
  assert.deepEqual([await titlesOf(first), await titlesOf(second)], [[], []]);
});

browserTest("a form is not sent for somebody else who has signed in in another tab", async ({ page }) => {
  const first = await found();
  const second = await join(first);
  await signIn(page, first);
  await page.goto("/board/events/new");
  await fillIn(page, typedEvent("Secret plans"));
  const otherTab = await page.context().newPage();
  await otherTab.goto("/board/events");
  await signOut(otherTab);
  await signIn(otherTab, second);
  await press(page, "Save draft");
  await page.getByText("Somebody else signed in to this browser after the form was opened").waitFor();
  assert.doesNotMatch(await sourceOf(page), /Secret plans/);
  await expectSoundPage(page);
  assert.deepEqual(await titlesOf(second), []);
});

browserTest("a password that was typed when the session ended is not kept", async ({ page }) => {
  const user = await found();
  await signIn(page, user);
  await page.goto("/board/account");
  await fillIn(page, { "Current password": PASSWORD, "New password": "Nine-green-ladders-4" });
  await endSessions(user);
  await press(page, "Change the password");
  await expectHeading(page, "Your session has ended");
  assert.doesNotMatch(await sourceOf(page), /Nine-green|Seven-blue/);
  await fillIn(page, { "E-mail": user.email, Password: PASSWORD });
  await press(page, "Sign in");
  await expectHeading(page, "Account");
  assert.equal(await page.getByLabel("New password").inputValue(), "");
});

browserTest("after signing out, the back button shows nothing", async ({ page }) => {
  const user = await found();
  const { id } = await draft(user, { title: "Secret plans" });
  await signIn(page, user);
  const before = await sessionCookie(page);
  await page.goto("/board/events");
  await page.goto(`/board/events/${id}`);
  await expectHeading(page, "Secret plans");
  await signOut(page);
  await expectSoundPage(page);
  await page.goBack();
  await expectHeading(page, "Sign in");
  await page.goBack();
  await expectHeading(page, "Sign in");
  assert.doesNotMatch(await sourceOf(page), /Secret plans|Alice/);

  // The secret itself is of no use any more.
  assert.equal(await sessionCookie(page), undefined);
  assert.ok(before);
  await page.context().addCookies([before]);
  await page.goto(`/board/events/${id}`);
  await expectHeading(page, "Sign in");
});

browserTest("the cookie is out of reach for scripts, and each sign-in has a secret of its own", async ({ page }) => {
  const user = await found();
  const fixed = { name: "eventboard", value: "A".repeat(43), url: baseUrl };
  await page.context().addCookies([fixed]);
  await signIn(page, user);
  const first = await sessionCookie(page);
  assert.ok(first);
  const { httpOnly, sameSite, path, secure } = first;
  // `Secure` needs TLS, which this system does not have.
  assert.deepEqual({ httpOnly, sameSite, path, secure }, { httpOnly: true, sameSite: "Lax", path: "/", secure: false });
  assert.equal(await page.evaluate(() => document.cookie), "");
  await signOut(page);
  await signIn(page, user);
  const second = await sessionCookie(page);
  assert.equal(new Set([fixed.value, first.value, second?.value]).size, 3);
});

browserTest("who signs up in the browser of somebody else ends that session", async ({ page, open }) => {
  const user = await found();
  await signIn(page, user);
  const former = await sessionCookie(page);
  assert.ok(former);
  await page.goto("/board/sign-up");
  const person = { "First name": "Ada", "Last name": "Founder", "E-mail": newAddress(), Password: PASSWORD };
  await fillIn(page, { "Name of the organization": unique("Office"), ...person });
  await press(page, "Sign up");
  await expectBanner(page, "Welcome.");
  await page.getByText("Ada Founder").waitFor();
  const thief = await open();
  await thief.context().addCookies([former]);
  await thief.goto("/board/events");
  await expectHeading(thief, "Sign in");
});

// How people come to the board: by signing up, by an invitation, and by the links of mails.

import assert from "node:assert/strict";

import { browserTest } from "../support/browser.js";
import { expectSoundPage } from "../support/checks.js";
import { mailsTo, mailTo } from "../support/mail.js";
import { expectBanner, expectFocus, expectHeading, fillIn, press, signIn, typedEvent } from "../support/pages.js";
import { found, newAddress, PASSWORD, rejected, request, team, unique } from "../support/stack.js";

/** @typedef {import("playwright-core").Page} Page */

const NEW_PASSWORD = "Nine-green-ladders-4";

/** @param {string} organization @param {string} email */
function founder(organization, email) {
  const name = { "First name": "Ada", "Last name": "Founder" };
  return { "Name of the organization": organization, ...name, "E-mail": email, Password: PASSWORD };
}

browserTest("a founder verifies the address by mail and is told what to do next", async ({ page }) => {
  const [organization, email] = [unique("Lindenhof"), newAddress()];
  await page.goto("/");
  await expectHeading(page, "What is on, in one place");
  await page.getByText("Members draft events, moderators publish them").waitFor();
  await expectSoundPage(page);

  await page.getByRole("link", { name: "Sign up" }).click();
  await expectHeading(page, "Sign up");
  await expectSoundPage(page);
  await fillIn(page, founder(organization, email));
  await press(page, "Sign up");
  await expectBanner(page, "We have sent you a mail with a link");

  await page.goto((await mailTo(email)).link);
  await expectHeading(page, "Verify your address");
  await expectSoundPage(page);
  await press(page, "Verify");
  await expectBanner(page, "Your address is verified.");
  await page.getByRole("link", { name: organization }).waitFor();
  await page.getByText("Nothing is planned yet. Draft the first event.").waitFor();
  await expectSoundPage(page);
  await page.reload();
  assert.equal(await page.getByRole("status").count(), 0, "the banner is still there");
  await page.getByRole("main").getByRole("link", { name: "New event" }).click();
  await expectHeading(page, "New event");
});

browserTest("without scripts, a founder comes as far as a draft", { scripts: false }, async ({ page }) => {
  const email = newAddress();
  await page.goto("/");
  await page.getByRole("link", { name: "Sign up" }).click();
  await fillIn(page, founder(unique("Paper"), email));
  await press(page, "Sign up");
  await page.goto((await mailTo(email)).link);
  await press(page, "Verify");
  await expectBanner(page, "Your address is verified.");

  await page.getByRole("main").getByRole("link", { name: "New event" }).click();
  await fillIn(page, typedEvent("First meeting"));
  await press(page, "Save draft");
  await expectBanner(page, "Draft saved.");
  await expectHeading(page, "First meeting");
});

browserTest("what is wrong with a signup is told at its field, and what was typed stays", async ({ page }) => {
  const member = await found();
  await page.goto("/board/sign-up");
  await fillIn(page, { ...founder(unique("Office"), "ola"), "First name": "", Password: "short" });
  await press(page, "Sign up");

  const summary = page.getByRole("alert");
  await expectFocus(summary);
  assert.match(await page.title(), /^Error: /);
  await page.getByRole("heading", { name: "3 things to change" }).waitFor();
  await expectSoundPage(page);
  await summary.getByRole("link", { name: "Enter an e-mail address, such as ola@example.org." }).press("Enter");
  const email = page.getByLabel("E-mail");
  await expectFocus(email);
  assert.equal(await email.inputValue(), "ola");
  assert.match(await describedBy(email), /Enter an e-mail address, such as/);
  assert.match(await describedBy(page.getByLabel("First name")), /required/);
  assert.equal(await page.getByLabel("Last name").inputValue(), "Founder");
  // A password is never written into a page.
  assert.equal(await page.getByLabel("Password").inputValue(), "");

  await fillIn(page, { "First name": "Ada", "E-mail": member.email, Password: PASSWORD.toLowerCase() + "X" });
  await press(page, "Sign up");
  await page.getByRole("heading", { name: "1 thing to change" }).waitFor();
  assert.match(await describedBy(page.getByLabel("E-mail")), /has an account already/);
  await expectSoundPage(page);
  await page.getByRole("link", { name: "Sign in with this address" }).click();
  await expectHeading(page, "Sign in");
});

/** What a screen reader adds to a field. @param {import("playwright-core").Locator} field */
async function describedBy(field) {
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  const ids = ((await field.getAttribute("aria-describedby")) ?? "").split(" ");
  const texts = await Promise.all(ids.map((id) => field.page().locator(`[id="${id}"]`).innerText()));
  return texts.join(" ");
}

browserTest("who is invited joins with the link of the mail, which works once", async ({ page, open }) => {
  const [admin, email] = [await found(), newAddress()];
  await admin.request("POST", "/organization/invitations", { email, role: "MODERATOR" });
  const { link } = await mailTo(email);
  await page.goto(link);
  await page.getByText(`You are invited as a moderator. You will sign in with ${email}.`).waitFor();
  await expectSoundPage(page);
  await fillIn(page, { "First name": "Grace", "Last name": "Guest", Password: "short" });
  await press(page, "Join");
  await expectFocus(page.getByRole("alert"));
  assert.equal(await page.getByLabel("First name").inputValue(), "Grace");
  await expectSoundPage(page);
  await fillIn(page, { Password: PASSWORD });
  await press(page, "Join");
  await expectBanner(page, "Welcome. Your account is ready.");
  await page.getByRole("link", { name: "Review" }).waitFor();

  const late = await open();
  await late.goto(link);
  await expectHeading(late, "You cannot join with this link");
  await expectSoundPage(late);
  await late.getByRole("link", { name: "Sign in" }).click();
  await expectHeading(late, "Sign in");
});

browserTest("who has an account elsewhere is told why an invitation does not work", async ({ page }) => {
  const [admin, other] = await Promise.all([found(), found()]);
  await admin.request("POST", "/organization/invitations", { email: other.email, role: "USER" });
  await page.goto((await mailTo(other.email, { subject: /^Invitation/ })).link);
  await fillIn(page, { "First name": "Grace", "Last name": "Guest", Password: NEW_PASSWORD });
  await press(page, "Join");
  await expectHeading(page, "You cannot join with this link");
  await page.getByText("Your address has an account in another organization").waitFor();
});

browserTest("an open organization is joined with the link from its admin", async ({ page, open }) => {
  const admin = await found();
  await admin.request("PATCH", "/organization", { openSignup: true });
  await signIn(page, admin);
  await page.goto("/board/organization");
  const link = await page.locator("code").innerText();

  const newcomer = await open();
  await newcomer.goto(link);
  await expectHeading(newcomer, "Join an organization");
  await expectSoundPage(newcomer);
  const person = { "First name": "Grace", "Last name": "Guest", "E-mail": newAddress(), Password: PASSWORD };
  await fillIn(newcomer, { ...person, "ID of the organization": "Office" });
  await press(newcomer, "Join");
  await newcomer.getByRole("link", { name: /^Copy the whole ID/ }).waitFor();
  await fillIn(newcomer, { ...person, "ID of the organization": admin.organizationId });
  await press(newcomer, "Join");
  await expectBanner(newcomer, "Welcome.");

  await admin.request("PATCH", "/organization", { openSignup: false });
  const late = await open();
  await late.goto(link);
  await fillIn(late, { ...person, "E-mail": newAddress() });
  await press(late, "Join");
  await late.getByRole("link", { name: /Ask its admin for an invitation/ }).waitFor();
});

browserTest("who forgot the password sets another one with the link of a mail", async ({ page, open }) => {
  const user = await found();
  const elsewhere = await open();
  await signIn(elsewhere, user);
  await elsewhere.goto("/board/events/new");

  await page.goto("/board/sign-in");
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await expectSoundPage(page);
  // What follows does not tell who has an account.
  await fillIn(page, { "E-mail": newAddress() });
  await press(page, "Send the link");
  await expectHeading(page, "Check your mail");
  await expectSoundPage(page);
  const unknown = await page.getByRole("main").innerText();
  await page.getByRole("link", { name: "Send it once more, or to another address" }).click();
  await fillIn(page, { "E-mail": user.email });
  await press(page, "Send the link");
  await expectHeading(page, "Check your mail");
  assert.equal(await page.getByRole("main").innerText(), unknown);

  const { link } = await mailTo(user.email, { text: /reset-password/ });
  await page.goto(link);
  await expectHeading(page, "Set a new password");
  await expectSoundPage(page);
  await fillIn(page, { "New password": "short" });
  await press(page, "Save the password");
  await expectFocus(page.getByRole("alert"));
  await fillIn(page, { "New password": NEW_PASSWORD });
  await press(page, "Save the password");
  await expectBanner(page, "Your password is changed.");
  await expectSoundPage(page);
  await fillIn(page, { "E-mail": user.email, Password: NEW_PASSWORD });
  await press(page, "Sign in");
  await expectHeading(page, "Events");

  await fillIn(elsewhere, typedEvent("Still here"));
  await press(elsewhere, "Save draft");
  await expectHeading(elsewhere, "Your session has ended");
  await page.goto(link);
  await fillIn(page, { "New password": PASSWORD });
  await press(page, "Save the password");
  await expectHeading(page, "This link no longer works");
  await expectSoundPage(page);
  await page.getByRole("link", { name: "Send another link" }).click();
  await expectHeading(page, "Set a new password");
});

browserTest("a used or broken link says what to do", async ({ page }) => {
  const user = await found();
  const { link } = await mailTo(user.email);
  for (const broken of ["/board/verify-email", "/board/reset-password"]) {
    await page.goto(broken);
    await expectHeading(page, "This link no longer works");
  }
  for (const broken of ["/board/join", "/board/join?token=abc"]) {
    await page.goto(broken);
    await expectHeading(page, "You cannot join with this link");
  }
  await page.goto(link);
  await press(page, "Verify");
  // Without a session, it leads to the sign-in page.
  await expectBanner(page, "Your address is verified.");
  await page.goto(link);
  await press(page, "Verify");
  await page.getByText("It was used already, or it is too old. Your account page says").waitFor();
  await expectSoundPage(page);
  await page.getByRole("link", { name: "Go to the account" }).click();
  await fillIn(page, { "E-mail": user.email, Password: PASSWORD });
  await press(page, "Sign in");
  await expectHeading(page, "Account");

  await page.goto(link);
  await press(page, "Verify");
  await page.getByText(`Your address ${user.email} is verified: there is nothing more to do.`).waitFor();
  await page.getByRole("link", { name: "Go to the events" }).click();
  await expectHeading(page, "Events");
});

browserTest("signing in needs only a keyboard, and leads to the page that was asked for", async ({ page }) => {
  const user = await found();
  await page.goto("/board/my-events");
  await page.waitForURL("**/board/sign-in?next=*");
  await expectSoundPage(page);
  await page.keyboard.press("Tab");
  await expectFocus(page.getByRole("link", { name: "Skip to content" }));
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await expectFocus(page.getByLabel("E-mail"));
  await page.keyboard.type(user.email);
  await page.keyboard.press("Tab");
  await expectFocus(page.getByLabel("Password"));
  await page.keyboard.type("wrong");
  await page.keyboard.press("Enter");

  await expectFocus(page.getByRole("alert"));
  await expectSoundPage(page);
  await page.keyboard.press("Tab");
  await expectFocus(page.getByRole("link", { name: /password is wrong/ }));
  await page.keyboard.press("Enter");
  await expectFocus(page.getByLabel("E-mail"));
  assert.equal(await page.getByLabel("E-mail").inputValue(), user.email);
  await page.keyboard.press("Tab");
  await page.keyboard.type(user.password);
  await page.keyboard.press("Tab");
  await expectFocus(page.getByRole("button", { name: "Sign in" }));
  await page.keyboard.press("Tab");
  await expectFocus(page.getByRole("link", { name: "Forgot your password?" }));
  await page.keyboard.press("Tab");
  await expectFocus(page.getByRole("link", { name: "Sign up" }));
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Space");
  await page.waitForURL("**/board/my-events");
});

browserTest("too many wrong passwords are told, and then the right one has to wait, too", async ({ page }) => {
  const { email } = await found();
  // The address is the same as that of the browser.
  const wrong = () => request("POST", "/auth/login", { email, password: "Wrong-password-1" });
  for (let count = 0; count < 9; count += 1) await assert.rejects(wrong, /: 401 /);
  await page.goto("/board/sign-in");
  await fillIn(page, { "E-mail": email, Password: "Wrong-password-1" });
  await press(page, "Sign in");
  await page.getByRole("link", { name: /e-mail address or the password is wrong/ }).waitFor();
  await fillIn(page, { Password: PASSWORD });
  await press(page, "Sign in");
  await page.getByRole("link", { name: "Too many wrong passwords. Wait a minute, then try again." }).waitFor();
  await expectSoundPage(page);
});

browserTest("the mail about an event that was sent back leads to it, through signing in", async ({ page }) => {
  const { owner, moderator } = await team();
  const { id } = await rejected({ owner, moderator }, "Name a person in charge", { title: "Summer party" });
  const { link } = await mailTo(owner.email, { subject: /^Sent back: Summer party/ });
  await page.goto(link);
  await expectHeading(page, "Sign in");
  await fillIn(page, { "E-mail": owner.email, Password: owner.password });
  await press(page, "Sign in");
  await expectHeading(page, "Summer party");
  assert.equal(page.url(), link);
  await page.getByText("Name a person in charge").waitFor();
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.waitForURL(`**/board/events/${id}/edit`);
  assert.equal((await mailsTo(owner.email)).filter((mail) => mail.subject.startsWith("Sent back")).length, 1);
});

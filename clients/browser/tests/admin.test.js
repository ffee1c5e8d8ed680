// What admins do: people, settings, and who did what.

import assert from "node:assert/strict";

import { browserTest } from "../support/browser.js";
import { mailTo } from "../support/mail.js";
import { expectBanner, expectFocus, expectHeading, fillIn, press, signIn } from "../support/pages.js";
import { approved, baseUrl, draft, found, inDays, join, newAddress, PASSWORD, submitted, team, unique } from "../support/stack.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../support/stack.js").User} User */

const LAST_ADMIN = "This is the last admin who can sign in. Make somebody else an admin first.";

/** Opens the menu of the account, and follows an entry. @param {Page} page @param {string} entry */
async function fromMenu(page, entry) {
  await page.locator("details.menu > summary").click();
  await page.locator("details.menu").getByRole("link", { name: entry, exact: true }).click();
}

/** Follows a link. @param {Page} page @param {string} name */
function follow(page, name) {
  return page.getByRole("link", { name, exact: true }).click();
}

/** What a section of a page says. @param {Page} page @param {string} name */
function section(page, name) {
  return page.getByRole("region", { name, exact: true });
}

/** Waits until a form has one thing to change, which has the focus and links to the field. @param {Page} page @param {string} message */
async function expectFault(page, message) {
  const summary = page.getByRole("alert");
  await expectFocus(summary);
  const link = summary.getByRole("link", { name: message });
  await link.waitFor();
  const id = (await link.getAttribute("href"))?.slice(1);
  assert.equal(await page.locator(`[id="${id}"]`).count(), 1, `${id} leads nowhere`);
}

browserTest("who is invited gets a mail, joins with its link, and is a member", async ({ page, open }) => {
  const admin = await found();
  const email = newAddress();
  await signIn(page, admin);
  await fromMenu(page, "Members");
  await follow(page, "Invite");
  await page.getByLabel("E-mail").fill(email);
  await page.getByRole("radio", { name: /^Moderator/ }).check();
  await press(page, "Send the invitation");
  await expectBanner(page, "Invited. The mail with the link is on its way.");
  assert.match(await page.getByRole("row", { name: email }).innerText(), /Moderator/);

  const invited = await open();
  await invited.goto((await mailTo(email)).link);
  await invited.getByText(`You are invited as a moderator. You will sign in with ${email}.`).waitFor();
  await fillIn(invited, { "First name": "Grace", "Last name": "Hopper", Password: PASSWORD });
  await press(invited, "Join");
  await expectBanner(invited, "Welcome. Your account is ready.");
  await invited.getByRole("link", { name: "Review" }).waitFor();

  await page.reload();
  await page.getByText("No invitation is open.").waitFor();
  await follow(page, "Members");
  assert.match(await page.getByRole("row", { name: "Grace Hopper" }).innerText(), /Moderator\s+Active/);
});

browserTest("an invitation that is withdrawn no longer works", async ({ page, open }) => {
  const admin = await found();
  const email = newAddress();
  await admin.request("POST", "/organization/invitations", { email, role: "USER" });
  const { link } = await mailTo(email);
  await signIn(page, admin);
  await page.goto("/board/members/invitations");
  await press(page, `Withdraw the invitation of ${email}`);
  await expectBanner(page, "The invitation is withdrawn. Its link no longer works.");
  await page.getByText("No invitation is open.").waitFor();
  const invited = await open();
  await invited.goto(link);
  await expectHeading(invited, "You cannot join with this link");
});

browserTest("an invitation says what is missing, at its field", async ({ page }) => {
  await signIn(page, await found());
  await page.goto("/board/members/invite");
  await press(page, "Send the invitation");
  await expectFault(page, "Enter an e-mail address, such as ada@example.org.");
});

browserTest("who is made a moderator signs in again and has the queue", async ({ page, open }) => {
  const { admin, owner } = await team();
  const { id } = await draft(owner);
  const theirs = await open();
  await signIn(theirs, owner);
  await theirs.goto(`/board/events/new?from=${id}`);
  await theirs.getByLabel("Title").fill("Typed before");

  await signIn(page, admin);
  await page.goto("/board/members");
  await follow(page, owner.name);
  await page.getByRole("combobox", { name: "Role" }).selectOption("Moderator");
  await press(page, "Save role");
  await expectBanner(page, "Saved.");
  assert.equal(await page.getByRole("combobox", { name: "Role" }).inputValue(), "MODERATOR");

  await press(theirs, "Save draft");
  await expectHeading(theirs, "Your session has ended");
  await fillIn(theirs, { "E-mail": owner.email, Password: owner.password });
  await press(theirs, "Sign in");
  await expectHeading(theirs, "New event");
  assert.equal(await theirs.getByLabel("Title").inputValue(), "Typed before");
  await theirs.getByRole("link", { name: "Review" }).waitFor();
});

browserTest("who is disabled is out at once, and in again when enabled", async ({ page, open }) => {
  const { admin, owner } = await team();
  const { id } = await draft(owner);
  const theirs = await open();
  await signIn(theirs, owner);
  await theirs.goto(`/board/events/new?from=${id}`);

  await signIn(page, admin);
  await page.goto(`/board/members/${owner.id}`);
  await press(page, "Disable Grace");
  await expectBanner(page, "Saved.");
  await page.getByText("Grace cannot sign in until you enable the account.").waitFor();

  await press(theirs, "Save draft");
  await expectHeading(theirs, "Your session has ended");
  await fillIn(theirs, { "E-mail": owner.email, Password: owner.password });
  await press(theirs, "Sign in");
  await theirs.getByRole("alert").waitFor();
  await theirs.goto("/board/events");
  await expectHeading(theirs, "Sign in");

  await press(page, "Enable Grace");
  await expectBanner(page, "Saved.");
  await signIn(theirs, owner);
});

browserTest("events are handed over to a member that is searched for, and stay", async ({ page }) => {
  const { admin, moderator, owner } = await team();
  const heir = await join(admin, "USER", { firstName: "Ada", lastName: unique("Heir") });
  const [mine] = await Promise.all([draft(owner, { title: "To be continued" }), approved({ owner, moderator })]);
  await signIn(page, admin);
  await page.goto(`/board/members/${owner.id}`);
  await follow(page, "Hand over events…");
  await press(page, "Hand over all events");
  await expectFault(page, "Choose a member who gets the events.");
  await page.getByLabel("Name or e-mail").fill(heir.name);
  await press(page, "Find");
  await page.waitForURL(/to-search=/);
  assert.equal(await page.getByRole("radio").count(), 1);
  await page.getByLabel(heir.name).check();
  await press(page, "Hand over all events");
  await expectBanner(page, "The events are handed over.");
  assert.equal((await heir.request("GET", `/events/${mine.id}`)).title, "To be continued");

  await follow(page, "Hand over events…");
  await page.getByLabel(heir.name).check();
  await press(page, "Hand over all events");
  await expectBanner(page, "There were no events to hand over.");
});

browserTest("deleting a member is asked once, and published events stay", async ({ page }) => {
  const { admin, moderator, owner } = await team();
  const [published] = await Promise.all([approved({ owner, moderator }, { title: "Stays here" }), draft(owner)]);
  await signIn(page, admin);
  await page.goto(`/board/members/${owner.id}`);
  await follow(page, "Delete Grace…");
  await expectHeading(page, `Delete ${owner.name}?`);
  await follow(page, "Keep the account");
  await follow(page, "Delete Grace…");
  await press(page, "Delete Grace");
  await expectBanner(page, "The member is deleted.");
  assert.ok(!(await page.locator("main").innerText()).includes(owner.email));
  await page.goto(`/board/events/${published.id}`);
  await expectHeading(page, "Stays here");
  assert.match(await page.locator("main").innerText(), /Posted by\s+Former member/);
  await page.goto(`/board/members/${owner.id}`);
  await expectHeading(page, "There is nothing here");
});

browserTest("the last admin stays one, and is told why", async ({ page }) => {
  const admin = await found();
  await signIn(page, admin);
  await page.goto(`/board/members/${admin.id}`);
  assert.equal(await page.getByRole("button", { name: /^Disable/ }).count(), 0);
  await page.getByRole("combobox", { name: "Role" }).selectOption("Member");
  await press(page, "Save role");
  await expectFault(page, LAST_ADMIN);
  await page.reload();
  assert.equal((await admin.request("GET", "/auth/me")).role, "ADMIN");

  const other = await join(admin, "ADMIN");
  await page.goto(`/board/members/${admin.id}`);
  await page.getByRole("combobox", { name: "Role" }).selectOption("Member");
  await press(page, "Save role");
  await expectBanner(page, "Your role is changed. Sign in again to go on.");
  await signIn(page, other);
  await page.goto(`/board/members/${admin.id}`);
  assert.equal(await page.getByRole("combobox", { name: "Role" }).inputValue(), "USER");
});

browserTest("two admins who change a member at once learn of each other", async ({ page, open }) => {
  const { admin, owner } = await team();
  const other = await join(admin, "ADMIN");
  const second = await open();
  await Promise.all([signIn(page, admin), signIn(second, other)]);
  await Promise.all([page, second].map((each) => each.goto(`/board/members/${owner.id}`)));
  await page.getByRole("combobox", { name: "Role" }).selectOption("Moderator");
  await press(page, "Save role");
  await expectBanner(page, "Saved.");
  await press(second, "Disable Grace");
  await expectFault(second, "Somebody has changed this member meanwhile. Now: Moderator, Active. Do it once more if you still mean it.");
  await press(second, "Disable Grace");
  await expectBanner(second, "Saved.");
  await page.reload();
  await page.getByRole("button", { name: "Enable Grace" }).waitFor();
});

browserTest("settings are seen by everybody: the name, who can join, the time zone", async ({ page, open }) => {
  const { admin, moderator, owner } = await team();
  const at = { startDate: inDays(2, "12:00"), endDate: inDays(2, "12:30") };
  const event = await approved({ owner, moderator }, at);
  const name = unique("Renamed");
  await signIn(page, admin);
  await fromMenu(page, "Organization");
  await page.getByRole("textbox", { name: "Name", exact: true }).fill(name);
  await press(page, "Save name");
  await expectBanner(page, "Saved.");
  await page.getByRole("banner").getByRole("link", { name }).waitFor();

  await page.getByRole("combobox", { name: "Time zone" }).selectOption("Asia/Kolkata");
  await press(page, "Save time zone");
  await expectBanner(page, "Saved.");
  const theirs = await open();
  await signIn(theirs, owner);
  await theirs.goto(`/board/events/${event.id}`);
  assert.match(await theirs.locator("main").innerText(), /17:30–18:00/);

  await page.getByLabel("Everybody with the link can join").check();
  await press(page, "Save joining");
  await expectBanner(page, "Saved.");
  const link = await section(page, "Joining").locator("code").innerText();
  assert.ok(link.startsWith(baseUrl), link);
  const joining = await open();
  await joining.goto(link);
  await fillIn(joining, { "First name": "Open", "Last name": "Door", "E-mail": newAddress(), Password: PASSWORD });
  await press(joining, "Join");
  await joining.getByRole("banner").getByRole("link", { name }).waitFor();
  await page.getByLabel("Everybody with the link can join").uncheck();
  await press(page, "Save joining");
  await expectBanner(page, "Saved.");
  assert.equal(await section(page, "Joining").locator("code").count(), 0);
  assert.equal((await admin.request("GET", "/organization")).openSignup, false);
  assert.match(await section(page, "Usage").innerText(), /Members\s+\d+ of/);
});

browserTest("two admins who change settings at once learn of each other", async ({ page, open }) => {
  const admin = await found();
  const other = await join(admin, "ADMIN");
  const second = await open();
  await Promise.all([signIn(page, admin), signIn(second, other)]);
  await Promise.all([page, second].map((each) => each.goto("/board/organization")));
  const [first, later] = [unique("First"), unique("Later")];
  await page.getByRole("textbox", { name: "Name", exact: true }).fill(first);
  await press(page, "Save name");
  await expectBanner(page, "Saved.");
  await second.getByRole("textbox", { name: "Name", exact: true }).fill(later);
  await press(second, "Save name");
  await expectFault(second, `Somebody has changed the settings meanwhile. Stored now: ${first}. Save once more to replace it with yours.`);
  assert.equal(await second.getByRole("textbox", { name: "Name", exact: true }).inputValue(), later);
  await press(second, "Save name");
  await expectBanner(second, "Saved.");
  assert.equal((await admin.request("GET", "/organization")).name, later);
});

browserTest("the audit is filtered in the URL, which another admin can open", async ({ page, open }) => {
  const { admin, owner } = await team();
  const other = await join(admin, "ADMIN");
  await admin.request("PATCH", `/organization/members/${owner.id}`, { role: "MODERATOR" });
  await signIn(page, admin);
  await page.goto(`/board/members/${admin.id}`);
  await follow(page, `Show what ${admin.name.split(" ")[0]} did`);
  await page.getByText(`Only what ${admin.name} did.`).waitFor();
  await page.getByLabel("What", { exact: true }).selectOption("Role changed");
  await page.getByLabel("From", { exact: true }).fill(inDays(-1).slice(0, 10));
  await page.getByLabel("To", { exact: true }).fill(inDays(1).slice(0, 10));
  await press(page, "Find");
  await page.waitForURL(/action=ROLE_CHANGED/);
  const rows = page.locator("tbody tr");
  assert.equal(await rows.count(), 1);
  assert.match(await rows.innerText(), /Role changed\s+Member → Moderator/);

  const second = await open();
  await signIn(second, other);
  await second.goto(page.url());
  assert.deepEqual(await second.locator("tbody").allInnerTexts(), await page.locator("tbody").allInnerTexts());
  await follow(second, "Show what everybody did");
  assert.match(second.url(), /action=ROLE_CHANGED/);
  assert.doesNotMatch(second.url(), /actor=/);
  await second.goto("/board/audit?to=2020-01-01");
  await second.getByText("Nothing is recorded here.").waitFor();
  await follow(second, "Show all records");
  await second.locator("tbody tr").first().waitFor();
  await second.goto("/board/audit?from=yesterday");
  await expectFault(second, "Enter a date as year, month and day, such as 2026-03-31.");
});

browserTest("members are found by name, role and state, in the URL", async ({ page }) => {
  const { admin, moderator, owner } = await team();
  await admin.request("PATCH", `/organization/members/${owner.id}`, { disabled: true });
  await signIn(page, moderator);
  await fromMenu(page, "Members");
  assert.equal(await page.getByRole("link", { name: "Invite", exact: true }).count(), 0);
  await page.getByLabel("State").selectOption("Disabled");
  await press(page, "Find");
  await page.waitForURL(/disabled=true/);
  assert.match(await page.locator("tbody").innerText(), new RegExp(`${owner.name}[^]*Disabled`));
  assert.equal(await page.locator("tbody tr").count(), 1);
  await page.getByRole("combobox", { name: "Role" }).selectOption("Admin");
  await press(page, "Find");
  await page.getByText("No member matches.").waitFor();
  await page.goBack();
  assert.equal(await page.locator("tbody tr").count(), 1);
  await follow(page, owner.name);
  assert.equal(await page.getByRole("button", { name: /role|Disable|Delete/ }).count(), 0);
});

browserTest("an admin's pages are not there for others, who are told so", async ({ page, open }) => {
  const { moderator, owner } = await team();
  const asModerator = await open();
  await Promise.all([signIn(page, owner), signIn(asModerator, moderator)]);
  const member = `/board/members/${owner.id}`;
  const admins = ["/board/members/invitations", "/board/members/invite", `${member}/delete`, `${member}/hand-over`, "/board/organization", "/board/audit"];
  for (const path of ["/board/members", member, ...admins]) await expectNone(page, path);
  for (const path of admins) await expectNone(asModerator, path);
});

/** Expects an error page with a way on. @param {Page} page @param {string} path */
async function expectNone(page, path) {
  const status = (await page.goto(path))?.status() ?? 0;
  assert.ok([403, 404].includes(status), `${path}: ${status}`);
  await page.getByRole("link", { name: "Go to the events" }).waitFor();
  assert.equal(await page.getByRole("heading", { level: 1, name: /You cannot do this|There is nothing here/ }).count(), 1, path);
}

browserTest("a member of another organization is none of this one", async ({ page }) => {
  const [admin, stranger] = await Promise.all([found(), found()]);
  await signIn(page, admin);
  for (const rest of ["", "/delete", "/hand-over"]) {
    await page.goto(`/board/members/${stranger.id}${rest}`);
    await expectHeading(page, "There is nothing here");
  }
});

browserTest("without scripts, people and settings are administered as well", { scripts: false }, async ({ page }) => {
  const { admin, owner } = await team();
  await submitted(owner);
  await signIn(page, admin);
  await page.goto(`/board/members/${owner.id}/hand-over?to-search=${encodeURIComponent(admin.email)}`);
  await page.getByLabel(admin.name).check();
  await press(page, "Hand over all events");
  await page.getByText("The events are handed over.").waitFor();
  await page.goto("/board/organization");
  const name = unique("Without scripts");
  await page.getByRole("textbox", { name: "Name", exact: true }).fill(name);
  await press(page, "Save name");
  await page.getByRole("banner").getByRole("link", { name }).waitFor();
});

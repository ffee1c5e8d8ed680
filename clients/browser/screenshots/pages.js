// Every page and state of the board: for tests/soundness.test.js, and for the screenshots.

import { mailTo } from "../support/mail.js";
import { press, signOut } from "../support/pages.js";
import * as stack from "../support/stack.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../support/shots.js").Shot} Shot */
/** @typedef {stack.User} User */
/** @typedef {stack.Event} Event */
/** @typedef {{ admin: User, moderator: User, owner: User }} People */

/**
 * What somebody sees, in this order. Without a user, nobody is signed in.
 *
 * @typedef {{ who: string, user?: User, shots: Shot[] }} Visit
 */

/** A text of a paragraph. */
const TEXT = "Bring what you are working on. We look at it together, and everybody says one thing that helps.";

/** What makes pages wide: a title without a space, and words of German length. */
const LONG = {
  title: "W".repeat(200),
  location: "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetzgebungskommission, Donaudampfschifffahrtsgesellschaft",
  description: [`https://example.org/${"a-long-path/".repeat(20)}`, TEXT.repeat(20), "Wort".repeat(100)].join("\n\n"),
};

/**
 * Brings an organization into all states, and tells where to see them.
 *
 * @param {{ organization?: string, domain?: string }} [names] of a system that has not got them yet
 * @returns {Promise<Visit[]>}
 */
export async function everyPage(names = {}) {
  const { organization = stack.unique("Lindenhof Works"), domain = `${stack.unique("lindenhof")}.example` } = names;
  /** @param {string} name */
  const email = (name) => `${name}@${domain}`;
  const named = { organizationName: organization, firstName: "Ines", lastName: "Albrecht", email: email("ines") };
  const admin = await stack.found(named);
  const [moderator, owner, second, alone] = await Promise.all([
    stack.join(admin, "MODERATOR", { firstName: "Rafael", lastName: "Moreno", email: email("rafael") }),
    stack.join(admin, "USER", { firstName: "Ola", lastName: "Nyberg", email: email("ola") }),
    stack.join(admin, "USER", { firstName: "Maximiliane", lastName: "von Hohenstein-Wolkersdorf", email: email("max") }),
    stack.found({ firstName: "Ada", lastName: "Alone", email: email("ada") }),
  ]);
  const people = { admin, moderator, owner };
  const events = await everyStatus(people);
  const [signedOut, ...others] = await Promise.all([
    signedOutShots(people, email),
    emptyShots(),
    ownersShots(people, events),
    moderatorsShots(people, events),
    adminsShots(people, second, email),
  ]);
  const [empty, owners, moderators, admins] = others;
  return [
    { who: "nobody", shots: signedOut },
    { who: "the first member", user: alone, shots: empty },
    { who: "a member", user: owner, shots: owners },
    { who: "a moderator", user: moderator, shots: moderators },
    { who: "an admin", user: admin, shots: admins },
  ];
}

/** Events of all statuses, today and later. @param {People} people */
async function everyStatus({ admin, moderator, owner }) {
  const both = { owner, moderator };
  /** @param {number} days @param {string} start @param {string} end */
  const at = (days, start, end) => ({ startDate: stack.inDays(days, start), endDate: stack.inDays(days, end) });
  const days = { startDate: stack.inDays(9, "00:00"), endDate: stack.inDays(11, "15:00") };
  const [draft, inReview, published, long, sentBack] = await Promise.all([
    stack.draft(owner, { title: "Spring cleaning of the workshop", description: TEXT, ...at(20, "08:00", "12:00") }),
    stack.submitted(owner, { title: "Open studio", description: TEXT, location: "Studio 2", ...at(3, "15:00", "19:00") }),
    stack.approved(both, { title: "Monday stand-up", description: TEXT, location: "Kitchen", ...at(1, "08:00", "08:30") }),
    stack.approved(both, { ...LONG, ...at(40, "10:00", "11:00") }),
    stack.rejected(both, "Name a person in charge, and the room.", { title: "Autumn hackathon", ...days }),
    stack.approved(both, { title: "Summer party", description: TEXT, location: "Courtyard", ...days }),
    stack.approved(both, { title: "Fire drill", description: TEXT, ...at(0, "00:00", "23:59") }),
    stack.submitted(owner, { title: "Visit of the partner school", description: TEXT, ...at(12, "08:00", "10:00") }),
    ...["Choir", "Yoga", "Board games", "Reading circle", "Repair café"].map((title, index) =>
      stack.approved(both, { title, description: TEXT, ...at(5, `1${index}:00`, `1${index}:45`) }),
    ),
  ]);
  const decided = await stack.approved(both, { title: "Decided meanwhile", description: TEXT, ...at(30, "08:00", "09:00") });
  const deleted = await stack.submitted(owner, { title: "Deleted meanwhile" });
  await admin.request("DELETE", `/events/${deleted.id}`);
  return { draft, inReview, published, long, sentBack, decided, deleted };
}

/**
 * @param {People} people
 * @param {(name: string) => string} email
 * @returns {Promise<Shot[]>}
 */
async function signedOutShots({ admin, owner }, email) {
  const invited = email("invited");
  await admin.request("POST", "/organization/invitations", { email: invited, role: "MODERATOR" });
  await stack.request("POST", "/auth/password/forgot", { email: owner.email });
  const join = pathOf((await mailTo(invited)).link);
  const reset = pathOf((await mailTo(owner.email, { subject: /password/i })).link);
  const verify = pathOf((await mailTo(admin.email, { subject: /^Welcome/ })).link);
  /** @param {string} path */
  const spent = (path) => path.replace(/token=[^&]*/, "token=spent");
  /** @param {Page} page */
  const wrongPassword = async (page) => {
    await page.getByLabel("E-mail").fill(owner.email);
    await page.getByLabel("Password", { exact: true }).fill("Not-the-password-1");
    await send(page, "Sign in");
  };
  /** @param {Page} page */
  const takenAddress = async (page) => {
    await page.getByLabel("Name of the organization").fill(stack.unique("Another"));
    await page.getByLabel("First name").fill("Ola");
    await page.getByLabel("Last name").fill("Nyberg");
    await page.getByLabel("E-mail").fill(owner.email);
    await page.getByLabel("Password", { exact: true }).fill(stack.PASSWORD);
    await send(page, "Sign up");
  };
  return [
    { name: "home", path: "/board" },
    { name: "sign-in", path: "/board/sign-in" },
    { name: "sign-in-wrong", path: "/board/sign-in", prepare: wrongPassword },
    { name: "sign-up", path: "/board/sign-up" },
    { name: "sign-up-errors", path: "/board/sign-up", prepare: (page) => send(page, "Sign up") },
    { name: "sign-up-taken", path: "/board/sign-up", prepare: takenAddress },
    { name: "sign-up-with-id", path: "/board/sign-up?organization=" },
    { name: "sign-up-by-link", path: `/board/sign-up?organization=${owner.organizationId}` },
    { name: "join", path: join },
    { name: "join-errors", path: join, prepare: (page) => send(page, "Join") },
    { name: "join-spent", path: spent(join) },
    { name: "forgot-password", path: "/board/forgot-password" },
    { name: "forgot-password-errors", path: "/board/forgot-password", prepare: (page) => send(page, "Send the link") },
    { name: "forgot-password-sent", path: "/board/forgot-password/sent" },
    { name: "reset-password", path: reset },
    { name: "reset-password-errors", path: reset, prepare: (page) => send(page, "Save the password") },
    { name: "reset-password-spent", path: spent(reset) },
    { name: "verify", path: verify },
    { name: "verify-spent", path: spent(verify), prepare: (page) => pressIfThere(page, "Verify") },
    { name: "not-found", path: "/board/nowhere" },
  ];
}

/** @returns {Promise<Shot[]>} */
async function emptyShots() {
  /** @param {Page} page */
  const lastAdmin = async (page) => {
    await page.getByRole("combobox", { name: "Role" }).selectOption("Member");
    await send(page, "Save role");
  };
  return [
    { name: "events-empty", path: "/board/events" },
    { name: "month-empty", path: "/board/events/month" },
    { name: "my-events-empty", path: "/board/my-events" },
    { name: "review-empty", path: "/board/review" },
    { name: "invitations-empty", path: "/board/members/invitations" },
    { name: "members-one", path: "/board/members" },
    { name: "member-own", path: "/board/members", prepare: (page) => follow(page, "Ada Alone") },
    {
      name: "member-last-admin",
      path: "/board/members",
      prepare: async (page) => {
        await follow(page, "Ada Alone");
        await lastAdmin(page);
      },
    },
  ];
}

/**
 * @param {People} people
 * @param {Record<string, Event>} events
 * @returns {Promise<Shot[]>}
 */
async function ownersShots({ moderator }, { draft, inReview, published, long, sentBack }) {
  /** @param {Event} event @param {string} [rest] */
  const of = ({ id }, rest = "") => `/board/events/${id}${rest}`;
  /** @param {Page} page */
  const changeWrongly = async (page) => {
    await page.getByLabel("Title").fill("");
    await page.getByLabel("End", { exact: true }).fill("2020-03-03T10:00");
    await send(page, "Save draft");
  };
  /** @param {Page} page */
  const changeLate = async (page) => {
    await moderator.request("PATCH", `/events/${draft.id}`, { location: "The large hall" });
    await send(page, "Save draft");
  };
  /** @param {Page} page */
  const submitOne = async (page) => {
    await page.getByLabel("Title").fill("Lunch talk");
    await send(page, "Submit for review");
  };
  /** @param {Page} page */
  const endSession = async (page) => {
    await page.getByLabel("Title").fill("What was typed stays");
    const tab = await page.context().newPage();
    await tab.goto("/board/events");
    await signOut(tab);
    await tab.close();
    await send(page, "Save draft");
  };
  return [
    { name: "events", path: "/board/events" },
    { name: "events-menu", path: "/board/events", prepare: (page) => page.locator("details.menu > summary").click() },
    { name: "events-found", path: "/board/events?search=party" },
    { name: "events-none-found", path: "/board/events?search=nothing-like-this&mine=1" },
    { name: "events-fault", path: "/board/events?from=2026-03-31&to=2026-03-01" },
    { name: "events-earlier", path: "/board/events?earlier=1" },
    { name: "month", path: "/board/events/month" },
    { name: "my-events", path: "/board/my-events" },
    { name: "event-published", path: of(published) },
    { name: "event-long", path: of(long) },
    { name: "event-draft", path: of(draft) },
    { name: "event-in-review", path: of(inReview) },
    { name: "event-sent-back", path: of(sentBack) },
    { name: "event-delete", path: of(draft, "/delete") },
    { name: "event-new", path: "/board/events/new" },
    { name: "event-new-errors", path: "/board/events/new", prepare: (page) => send(page, "Submit for review") },
    { name: "event-copy", path: `/board/events/new?from=${published.id}` },
    { name: "event-preview", path: `/board/events/new?from=${published.id}`, prepare: (page) => send(page, "Preview") },
    { name: "event-submitted", path: `/board/events/new?from=${published.id}`, prepare: submitOne },
    { name: "event-edit", path: of(draft, "/edit") },
    { name: "event-edit-errors", path: of(draft, "/edit"), prepare: changeWrongly },
    { name: "event-edit-stale", path: of(draft, "/edit"), prepare: changeLate },
    { name: "account", path: "/board/account" },
    { name: "account-errors", path: "/board/account", prepare: (page) => send(page, "Change the password") },
    { name: "account-delete", path: "/board/account/delete" },
    { name: "account-delete-errors", path: "/board/account/delete", prepare: (page) => send(page, "Delete my account") },
    { name: "forbidden", path: "/board/review" },
    { name: "not-found-signed-in", path: "/board/nowhere" },
    { name: "session-ended", path: "/board/events/new", prepare: endSession },
  ];
}

/**
 * @param {People} people
 * @param {Record<string, Event>} events
 * @returns {Promise<Shot[]>}
 */
async function moderatorsShots({ admin, owner }, { inReview, decided, deleted }) {
  const [changing, going] = await Promise.all([
    stack.submitted(owner, { title: "Changes while it is sent back" }),
    stack.submitted(owner, { title: "Is published while it is sent back" }),
  ]);
  const reason = "Name a person in charge, and the room.";
  /** @param {Page} page */
  const whileItChanges = async (page) => {
    await page.getByLabel("What should change?").fill(reason);
    await admin.request("PATCH", `/events/${changing.id}`, { location: "The large hall" });
    await send(page, "Send back");
  };
  /** @param {Page} page */
  const whileItIsPublished = async (page) => {
    await page.getByLabel("What should change?").fill(reason);
    await stack.approve(admin, going);
    await send(page, "Send back");
  };
  return [
    { name: "review", path: "/board/review" },
    { name: "review-selected", path: `/board/review?event=${inReview.id}` },
    { name: "review-decided", path: `/board/review?event=${decided.id}` },
    { name: "review-deleted", path: `/board/review?event=${deleted.id}` },
    { name: "review-keys", path: "/board/review/keys" },
    { name: "event-to-decide", path: `/board/events/${inReview.id}` },
    { name: "send-back", path: `/board/events/${inReview.id}/reject?from=review` },
    { name: "send-back-errors", path: `/board/events/${inReview.id}/reject`, prepare: (page) => send(page, "Send back") },
    { name: "send-back-changed", path: `/board/events/${changing.id}/reject?from=review`, prepare: whileItChanges },
    { name: "send-back-decided", path: `/board/events/${going.id}/reject?from=review`, prepare: whileItIsPublished },
    { name: "event-edit-moderator", path: `/board/events/${inReview.id}/edit` },
    { name: "members-moderator", path: "/board/members" },
    { name: "member-moderator", path: `/board/members/${owner.id}` },
  ];
}

/**
 * @param {People} people
 * @param {User} second
 * @param {(name: string) => string} email
 * @returns {Promise<Shot[]>}
 */
async function adminsShots({ admin, owner }, second, email) {
  const member = `/board/members/${owner.id}`;
  const [disabled] = await Promise.all([
    stack.join(admin, "USER", { firstName: "Tom", lastName: "Left", email: email("tom") }),
    admin.request("POST", "/organization/invitations", { email: email("later"), role: "USER" }),
  ]);
  await admin.request("PATCH", `/organization/members/${disabled.id}`, { disabled: true });
  /** @param {Page} page */
  const nameless = async (page) => {
    await page.getByRole("textbox", { name: "Name", exact: true }).fill("");
    await send(page, "Save name");
  };
  /** @param {Page} page */
  const renameLate = async (page) => {
    await page.getByRole("textbox", { name: "Name", exact: true }).fill("Lindenhof and friends");
    await admin.request("PATCH", "/organization", { openSignup: true });
    await send(page, "Save name");
  };
  return [
    { name: "members", path: "/board/members" },
    { name: "members-found", path: "/board/members?search=tom&disabled=true" },
    { name: "members-none-found", path: "/board/members?search=nobody-like-this" },
    { name: "member", path: member },
    { name: "member-disabled", path: `/board/members/${disabled.id}` },
    { name: "member-long-name", path: `/board/members/${second.id}` },
    { name: "member-delete", path: `${member}/delete` },
    { name: "hand-over", path: `${member}/hand-over` },
    { name: "hand-over-errors", path: `${member}/hand-over`, prepare: (page) => send(page, "Hand over all events") },
    { name: "hand-over-none-found", path: `${member}/hand-over?to-search=nobody-like-this` },
    { name: "invitations", path: "/board/members/invitations" },
    { name: "invite", path: "/board/members/invite" },
    { name: "invite-errors", path: "/board/members/invite", prepare: (page) => send(page, "Send the invitation") },
    { name: "organization", path: "/board/organization" },
    { name: "organization-errors", path: "/board/organization", prepare: nameless },
    { name: "organization-stale", path: "/board/organization", prepare: renameLate },
    { name: "organization-open", path: "/board/organization" },
    { name: "audit", path: "/board/audit" },
    { name: "audit-found", path: `/board/audit?actor=${admin.id}&action=INVITATION_CREATED` },
    { name: "audit-none-found", path: "/board/audit?to=2020-01-01" },
    { name: "audit-fault", path: "/board/audit?from=yesterday" },
    { name: "review-admin", path: "/board/review" },
  ];
}

/** Sends a form by its button, and waits for the page after it. @param {Page} page @param {string} button */
async function send(page, button) {
  await Promise.all([page.waitForEvent("load"), press(page, button)]);
}

/** @param {Page} page @param {string} button */
async function pressIfThere(page, button) {
  if ((await page.getByRole("button", { name: button, exact: true }).count()) > 0) await send(page, button);
}

/** Follows a link, and waits for its page. @param {Page} page @param {string} name */
async function follow(page, name) {
  await Promise.all([page.waitForEvent("load"), page.getByRole("link", { name, exact: true }).click()]);
}

/** The path and query of a link in a mail. @param {string} link */
function pathOf(link) {
  const { pathname, search } = new URL(link);
  return pathname + search;
}

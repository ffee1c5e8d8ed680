// Brings the system into a state through the JSON API, which is faster than through pages.

import { randomBytes } from "node:crypto";

import { baseUrl } from "./environment.js";
import { mailTo } from "./mail.js";

export { baseUrl } from "./environment.js";

/** The password of all users that these functions create. */
export const PASSWORD = "Seven-blue-kettles-9";

/** The users and the organization of the demo data. Tests that change something use users of their own. */
export const DEMO_PASSWORD = "Password123!";

/** @typedef {"USER" | "MODERATOR" | "ADMIN"} Role */

/**
 * An event as the API returns it. The document at /api describes all members.
 *
 * @typedef {{ id: string, title: string, status: string } & Record<string, any>} Event
 */

/** Somebody with an account, and an access token for the API. */
export class User {
  /** @param {{ accessToken: string, user: any }} session @param {string} password */
  constructor({ accessToken, user }, password) {
    /** @type {string} */
    this.id = user.id;
    /** @type {string} */
    this.email = user.email;
    this.password = password;
    /** @type {string} */
    this.name = `${user.firstName} ${user.lastName}`;
    /** @type {string} */
    this.organizationId = user.organizationId;
    this.accessToken = accessToken;
  }

  /**
   * Sends a request, which must succeed, and returns the JSON of the response.
   *
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  request(method, path, body) {
    return request(method, path, body, this.accessToken);
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {string} [accessToken]
 * @returns {Promise<any>}
 */
export async function request(method, path, body, accessToken) {
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

/**
 * A text that no other test has used.
 *
 * @param {string} prefix
 */
export function unique(prefix) {
  return `${prefix}-${randomBytes(6).toString("hex")}`;
}

/** An e-mail address that no other test has used. */
export function newAddress() {
  return `${unique("reader")}@example.org`;
}

/**
 * Founds an organization. Returns its first admin.
 *
 * @param {Record<string, unknown>} [fields] other names, another address…
 */
export function found(fields = {}) {
  return signUp({ organizationName: unique("Office"), firstName: "Alice", lastName: "Admin", ...fields });
}

/**
 * Lets somebody join the organization of an admin: invited by mail, as people are.
 *
 * @param {User} admin
 * @param {Role} [role]
 * @param {Record<string, unknown>} [fields]
 */
export async function join(admin, role = "USER", fields = {}) {
  const email = typeof fields.email === "string" ? fields.email : newAddress();
  await admin.request("POST", "/organization/invitations", { email, role });
  const invitationToken = tokenOf((await mailTo(email)).link);
  const lastName = role === "USER" ? "Owner" : role === "MODERATOR" ? "Moderator" : "Admin";
  return signUp({ firstName: "Grace", lastName, ...fields, email, invitationToken });
}

/** An organization with somebody in each role. The owner is a USER. */
export async function team() {
  const admin = await found();
  const [moderator, owner] = await Promise.all([join(admin, "MODERATOR"), join(admin, "USER")]);
  return { admin, moderator, owner };
}

/**
 * The token in a link of a mail.
 *
 * @param {string} link
 */
export function tokenOf(link) {
  const token = new URL(link).searchParams.get("token");
  if (token === null) throw new Error(`there is no token in ${link}`);
  return token;
}

/** @param {Record<string, unknown>} fields */
async function signUp(fields) {
  const body = { email: newAddress(), password: PASSWORD, ...fields };
  return new User(await request("POST", "/auth/signup", body), String(body.password));
}

/**
 * Logs in somebody who has an account, for example from the demo data.
 *
 * @param {string} email
 * @param {string} [password]
 */
export async function logIn(email, password = DEMO_PASSWORD) {
  return new User(await request("POST", "/auth/login", { email, password }), password);
}

/**
 * A time, in the form of the API: some days from today at a time of day in UTC.
 *
 * @param {number} days
 * @param {string} [time]
 */
export function inDays(days, time = "09:00") {
  const day = new Date(Date.now() + days * 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
  return `${day}T${time}:00Z`;
}

/**
 * Creates a draft: a week from today, from 9 to 12, unless the fields say otherwise.
 *
 * @param {User} owner
 * @param {Record<string, unknown>} [fields]
 * @returns {Promise<Event>}
 */
export function draft(owner, fields = {}) {
  const event = {
    title: "Quarterly review",
    description: "What went well, and what did not.",
    location: "Office",
    startDate: inDays(7, "09:00"),
    endDate: inDays(7, "12:00"),
  };
  return owner.request("POST", "/events", { ...event, ...fields });
}

/**
 * Creates an event and submits it.
 *
 * @param {User} owner
 * @param {Record<string, unknown>} [fields]
 */
export async function submitted(owner, fields = {}) {
  return submit(owner, await draft(owner, fields));
}

/**
 * Creates an event, submits it and approves it.
 *
 * @param {{ owner: User, moderator: User }} people
 * @param {Record<string, unknown>} [fields]
 */
export async function approved({ owner, moderator }, fields = {}) {
  return approve(moderator, await submitted(owner, fields));
}

/**
 * Creates an event, submits it and rejects it.
 *
 * @param {{ owner: User, moderator: User }} people
 * @param {string} reason
 * @param {Record<string, unknown>} [fields]
 */
export async function rejected({ owner, moderator }, reason, fields = {}) {
  return reject(moderator, await submitted(owner, fields), reason);
}

/** @param {User} owner @param {{ id: string }} event @returns {Promise<Event>} */
export function submit(owner, { id }) {
  return owner.request("POST", `/events/${id}/submit`);
}

/** @param {User} moderator @param {{ id: string }} event @returns {Promise<Event>} */
export function approve(moderator, { id }) {
  return moderator.request("POST", `/events/${id}/approve`);
}

/** @param {User} moderator @param {{ id: string }} event @param {string} reason @returns {Promise<Event>} */
export function reject(moderator, { id }, reason) {
  return moderator.request("POST", `/events/${id}/reject`, { reason });
}

// A strict client: gets every response that the OpenAPI document promises, and compares each with the document.
//
//     node build/strict.js http://localhost:3000 FOLDER-WITH-MAILS
//
// The gateway needs low limits, because the program goes beyond them: see scripts/check-clients.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { setTimeout } from "node:timers/promises";

import { Contract, type Document, type Operation } from "./contract.js";

const baseUrl = process.argv[2] ?? "http://localhost:3000";
const mails = process.argv[3] ?? assert.fail("the folder with the mails is missing");
const contract = new Contract((await (await fetch(`${baseUrl}/api/openapi.json`)).json()) as Document);

/** Needs a failing service; the tests of the services cover these. */
const UNREACHABLE = ["408", "500", "503"];

/** One byte more than the limit of a body. */
const TOO_LONG = 64 * 1024 + 1;

/** How long a mail may take, in milliseconds. */
const MAIL_TIMEOUT = 30_000;

/** The number of attempts after which a limit must be reached. */
const MAX_ATTEMPTS = 1000;

const NOWHERE = "01890000-0000-7000-8000-0000000000ff";

interface Options {
  token?: string | undefined;
  headers?: Record<string, string>;
  /** Is sent as JSON, or as it is if it is a string. */
  body?: unknown;
}

interface Result {
  status: number;
  header(name: string): string | null;
  /** The contract has checked it. */
  json: any;
}

/** Sends one request, and compares the response with the document. */
async function send(method: string, path: string, { token, headers = {}, body }: Options = {}): Promise<Result> {
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const reply = await new Promise<{ status: number; headers: Record<string, unknown>; text: string }>(
    (resolve, reject) => {
      const request = httpRequest(new URL(path, baseUrl), {
        method,
        agent: false,
        maxHeaderSize: 64 * 1024,
        headers: {
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          ...(text === undefined ? {} : { "Content-Type": "application/json" }),
          ...(text === undefined ? {} : { "Content-Length": Buffer.byteLength(text) }),
          ...headers,
        },
      });
      request.on("error", reject);
      request.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        });
      });
      request.end(text);
    },
  );
  const header = (name: string) => {
    const value = reply.headers[name.toLowerCase()];
    return typeof value === "string" ? value : null;
  };
  contract.check({ method, path: path.split("?")[0] ?? path, status: reply.status, header, body: reply.text });
  const isJson = header("Content-Type")?.includes("json") === true && reply.text !== "";
  return { status: reply.status, header, json: isJson ? JSON.parse(reply.text) : null };
}

/** Sends one request that must have this status. */
async function expect(status: number, method: string, path: string, options: Options = {}): Promise<Result> {
  const result = await send(method, path, options);
  assert.equal(result.status, status, `${method} ${path}: ${JSON.stringify(result.json)}`);
  return result;
}

let number = 0;
/** A text that no other user, organization or key has. */
function unique(): string {
  number += 1;
  return `strict-${Date.now()}-${number}`;
}

type NewOrganization = { organizationName: string } | { organizationId: string } | { invitationToken: string };

function newUser(organization: NewOrganization) {
  const names = { firstName: "Grace", lastName: "Hopper" };
  return { email: `${unique()}@example.org`, password: "Password123!", ...names, ...organization };
}

const newEvent = {
  title: "Quarterly Review",
  description: "What went well, and what did not.",
  startDate: "2027-09-01T09:00:00Z",
  endDate: "2027-09-01T12:00:00Z",
};

// Accounts.
const login = { email: "moderator@acme.com", password: "Password123!" };
const session = (await expect(200, "POST", "/auth/login", { body: login })).json;
const moderator: string = session.accessToken;
const acme = { organizationId: session.user.organizationId };
const founder = newUser({ organizationName: unique() });
const founded = (await expect(201, "POST", "/auth/signup", { body: founder })).json;
const admin: string = founded.accessToken;
const ownerAccount = newUser(acme);
let owner: string = (await expect(201, "POST", "/auth/signup", { body: ownerAccount })).json.accessToken;
const colleague: string = (await expect(201, "POST", "/auth/signup", { body: newUser(acme) })).json.accessToken;
await expect(409, "POST", "/auth/signup", { body: founder });
const closed = { organizationId: founded.user.organizationId };
await expect(403, "POST", "/auth/signup", { body: newUser(closed) });
await expect(404, "POST", "/auth/signup", { body: newUser({ organizationId: NOWHERE }) });
await expect(401, "POST", "/auth/login", { body: { ...login, password: "Wrong-password-1" } });
await expect(200, "GET", "/auth/me", { token: owner });

// Sessions.
const forgedToken = session.refreshToken.replace(/..$/, "__");
/** Logs the owner in again, and returns the tokens. */
async function ownersLogin(): Promise<{ accessToken: string; refreshToken: string }> {
  const { email, password } = ownerAccount;
  return (await expect(200, "POST", "/auth/login", { body: { email, password } })).json;
}
const { refreshToken } = await ownersLogin();
const refreshed = (await expect(200, "POST", "/auth/refresh", { body: { refreshToken } })).json;
await expect(401, "POST", "/auth/refresh", { body: { refreshToken: forgedToken } });
let [ended, kept] = (await expect(200, "GET", "/auth/sessions", { token: owner })).json.data;
assert.deepEqual([ended.current, kept.current], [false, true]);
await expect(204, "DELETE", `/auth/sessions/${ended.id}`, { token: owner });
await expect(204, "POST", "/auth/logout", { body: { refreshToken: refreshed.refreshToken } });
const another = await ownersLogin();
await expect(204, "POST", "/auth/logout", { token: another.accessToken });
await expect(204, "POST", "/auth/sessions/revoke-others", { token: owner });

// The address.
const verification = { token: await findInMail(ownerAccount.email, /verify-email\?token=([\w.-]+)/) };
await expect(204, "POST", "/auth/email/verify", { body: verification });
await expect(202, "POST", "/auth/email/verify/resend", { token: owner });
const emailChange = { newEmail: `${unique()}@example.org`, password: ownerAccount.password };
await expect(400, "POST", "/auth/email", { token: owner, body: { ...emailChange, password: "Wrong-1" } });
await expect(202, "POST", "/auth/email", { token: owner, body: emailChange });
await expect(204, "DELETE", "/auth/email", { token: owner });
await expect(202, "POST", "/auth/email", { token: owner, body: { ...emailChange, newEmail: founder.email } });
await expect(202, "POST", "/auth/email", { token: owner, body: { ...emailChange, newEmail: `2${emailChange.newEmail}` } });
const confirmation = { token: await findInMail(`2${emailChange.newEmail}`, /verify-email\?token=([\w.-]+)/) };
await expect(204, "POST", "/auth/email/verify", { body: confirmation });
ownerAccount.email = `2${emailChange.newEmail}`;
const { emailVerifiedAt, pendingEmail } = (await expect(200, "GET", "/auth/me", { token: owner })).json;
assert.deepEqual([typeof emailVerifiedAt, pendingEmail], ["string", null]);

// Passwords.
const newPassword = "Seven-blue-kettles-9";
const passwordChange = { currentPassword: ownerAccount.password, newPassword };
await expect(400, "POST", "/auth/password", { token: owner, body: { ...passwordChange, currentPassword: "Wrong-1" } });
await expect(204, "POST", "/auth/password", { token: owner, body: passwordChange });

/** Waits for a mail to this address in which the pattern finds something, and returns that. */
async function findInMail(address: string, pattern: RegExp): Promise<string> {
  for (const end = Date.now() + MAIL_TIMEOUT; Date.now() < end; await setTimeout(100)) {
    for (const file of readdirSync(mails).filter((name) => name.endsWith(".eml"))) {
      const mail = readFileSync(`${mails}/${file}`, "utf8");
      // Long headers are folded, and the body is quoted-printable.
      const text = mail.replaceAll(/\r\n(?=[ \t])|=\r\n/g, "").replaceAll("=3D", "=");
      const found = pattern.exec(text)?.[1];
      if (found !== undefined && text.includes(address)) return found;
    }
  }
  return assert.fail(`no mail to ${address} with ${pattern}`);
}

/** Waits for a mail to this address that can be unsubscribed from, and returns the path of its link. */
async function unsubscribeLinkOf(address: string): Promise<string> {
  const { pathname, search } = new URL(await findInMail(address, /^List-Unsubscribe: *<(.*)>$/im));
  return pathname + search;
}

// A forgotten password.
await expect(202, "POST", "/auth/password/forgot", { body: { email: ownerAccount.email } });
const token = await findInMail(ownerAccount.email, /reset-password\?token=([\w.-]+)/);
const passwordReset = { token, newPassword: "Eight-red-kettles-8" };
await expect(204, "POST", "/auth/password/reset", { body: passwordReset });
const signedInAgain = await expect(200, "POST", "/auth/login", {
  body: { email: ownerAccount.email, password: passwordReset.newPassword },
});
owner = signedInAgain.json.accessToken;
kept = (await expect(200, "GET", "/auth/sessions", { token: owner })).json.data[0];

// The organization, and its members.
function newInvitation(role: string) {
  return { email: `${unique()}@example.org`, role };
}

/** Invites somebody to the organization of the admin, and signs them up with the link in the mail. */
async function join(role: string): Promise<{ accessToken: string; user: { id: string } }> {
  const invitation = newInvitation(role);
  await expect(201, "POST", "/organization/invitations", { token: admin, body: invitation });
  const invitationToken = await findInMail(invitation.email, /join\?token=([\w.-]+)/);
  await expect(200, "POST", "/auth/invitations/look-up", { body: { invitationToken } });
  const user = { ...newUser({ invitationToken }), email: invitation.email };
  return (await expect(201, "POST", "/auth/signup", { body: user })).json;
}

const leaver = await join("USER");
const founderPath = `/organization/members/${founded.user.id}`;
await expect(409, "PATCH", founderPath, { token: admin, body: { role: "USER" } });
await expect(409, "DELETE", founderPath, { token: admin });
await expect(409, "POST", "/auth/me/delete", { token: admin, body: { password: founder.password } });
const leaving = { password: "Password123!" };
await expect(204, "POST", "/auth/me/delete", { token: leaver.accessToken, body: leaving });
const { accessToken: manager, user: managingUser } = await join("ADMIN");
const { user: member } = await join("USER");
const ownerPath = `/organization/members/${signedInAgain.json.user.id}`;
for (const path of ["/organization/members", ownerPath, "/organization/invitations", "/organization/audit"]) {
  await expect(403, "GET", path, { token: colleague });
}

// The writes with a key, each with the caller who may perform it.
const writers: Record<string, { token: string; body?: unknown }> = {
  updateCurrentUser: { token: colleague, body: { language: "en", timeZone: null } },
  updateOrganization: { token: manager, body: { openSignup: false, timeZone: "Europe/Berlin" } },
  createInvitation: { token: manager, body: newInvitation("MODERATOR") },
  withdrawInvitation: { token: manager },
  updateMember: { token: manager, body: { role: "MODERATOR" } },
  transferEvents: { token: manager, body: { to: managingUser.id } },
  removeMember: { token: manager },
  createEvent: { token: owner, body: newEvent },
  updateEvent: { token: owner, body: { title: "Annual Review" } },
  deleteEvent: { token: owner },
  submitEvent: { token: owner },
  approveEvent: { token: moderator },
  rejectEvent: { token: moderator, body: { reason: "The venue is not booked yet." } },
};
const operations = new Map(contract.operations().map((found) => [found.operation.operationId, found]));

/** Performs a write, with an idempotency key that has the name of the operation. */
async function write(status: number, operationId: string, id: string, options: Options = {}): Promise<Result> {
  const { method, path } = operations.get(operationId) ?? assert.fail(operationId);
  const { headers, ...others } = options;
  const key = { "Idempotency-Key": `${run}-${operationId}` };
  const request = { ...writers[operationId], headers: { ...key, ...headers }, ...others };
  return expect(status, method, path.replace("{id}", id), request);
}
const run = unique();
const withoutKey = () => ({ headers: { "Idempotency-Key": unique() } });

// What admins do.
await write(200, "updateCurrentUser", "");
await write(200, "updateOrganization", "");
const invitation = await write(201, "createInvitation", "");
const invitationId: string = invitation.json.id;
assert.equal(invitation.header("Location"), `/organization/invitations/${invitationId}`);
assert.equal((await write(201, "createInvitation", "")).header("Idempotency-Replayed"), "true");
await write(204, "withdrawInvitation", invitationId);
await write(200, "updateMember", member.id);
await write(200, "transferEvents", member.id);
await write(204, "removeMember", member.id);
for (const operationId of ["updateOrganization", "createInvitation"]) {
  await write(403, operationId, "", { token: colleague, ...withoutKey() });
}
await write(403, "withdrawInvitation", NOWHERE, { token: colleague, ...withoutKey() });
for (const operationId of ["updateMember", "transferEvents", "removeMember"]) {
  await write(403, operationId, signedInAgain.json.user.id, { token: colleague, ...withoutKey() });
}

// The workflow.
const created = await write(201, "createEvent", "");
const { id } = created.json;
assert.equal(created.header("Location"), `/events/${id}`);
assert.equal((await write(201, "createEvent", "")).header("Idempotency-Replayed"), "true");
const event = `/events/${id}`;
const etag = (await expect(200, "GET", event, { token: owner })).header("ETag") ?? assert.fail();
await write(200, "updateEvent", id, { headers: { "If-Match": etag } });
await write(200, "submitEvent", id);
await write(409, "submitEvent", id, withoutKey());
await write(403, "rejectEvent", id, { token: owner, ...withoutKey() });
await write(403, "approveEvent", id, { token: owner, ...withoutKey() });
await write(200, "rejectEvent", id);
const unsubscribeLink = await unsubscribeLinkOf(ownerAccount.email);
await write(409, "rejectEvent", id, withoutKey());
await write(409, "approveEvent", id, withoutKey());
await write(200, "submitEvent", id, withoutKey());
await write(200, "approveEvent", id);
for (const operationId of ["updateEvent", "deleteEvent", "submitEvent"]) {
  await write(403, operationId, id, { token: colleague, ...withoutKey() });
}
const draft: string = (await write(201, "createEvent", "", withoutKey())).json.id;
const removed: string = (await write(201, "createEvent", "", withoutKey())).json.id;
await write(204, "deleteEvent", removed);
// The keys above, with another request.
const otherBodies: Record<string, unknown> = {
  createEvent: { ...newEvent, title: "Another title" },
  createInvitation: newInvitation("USER"),
  updateCurrentUser: { language: "fr" },
  updateOrganization: { openSignup: true },
};
for (const [operationId, body] of Object.entries(otherBodies)) {
  await write(422, operationId, "", { body });
}
for (const operationId of Object.keys(writers).filter((name) => !(name in otherBodies))) {
  await write(422, operationId, NOWHERE);
}

// Lists.
for (const query of [
  "limit=1&page=1&sortBy=title&sortOrder=desc&status=DRAFT&search=review",
  "startDateFrom=2027-01-01T00:00:00Z&startDateTo=2027-12-31T23:59:59Z",
  "startDateFrom=2027-01-01T00:00:00Z&endDateFrom=2027-06-01T00:00:00Z&mine=true",
  "search=nothing-has-this-text",
]) {
  await expect(200, "GET", `/events?${query}`, { token: owner });
}
const { meta } = (await expect(200, "GET", "/events?limit=1", { token: owner })).json;
await expect(200, "GET", `/events?limit=1&cursor=${encodeURIComponent(meta.nextCursor)}`, { token: owner });

// Notifications.
await expect(204, "POST", unsubscribeLink);
await expect(200, "PUT", "/auth/me/notifications", { token: owner, body: { decisions: "immediate" } });

// Paths that do not exist.
await expect(404, "GET", "/nowhere");
// `instance` must be a URI reference, and `%zz` is none.
await expect(404, "GET", `/nowhere/%zz/${"x".repeat(200)}`);

/** The callers of reads that the owner may not use, or has no requests left for. */
const readers: Record<string, string> = {
  exportCurrentUser: colleague,
  getMember: manager,
  getOrganization: manager,
  listAudit: admin,
  listInvitations: manager,
  listMembers: manager,
  listPeople: colleague,
};

/** The token of a user who may use this operation. */
function tokenFor(operationId: string): string {
  return readers[operationId] ?? writers[operationId]?.token ?? owner;
}

/** The ID of what an operation with this path is about. */
function idFor(path: string): string {
  if (path.startsWith("/auth/sessions/")) return kept.id;
  if (path.startsWith("/organization/members/")) return managingUser.id;
  return path.startsWith("/organization/invitations/") ? invitationId : draft;
}

/** A request for an operation, with the token, the query and the body that it needs. */
function validRequest(operation: Operation, path: string) {
  const { operationId } = operation;
  if (operationId === "unsubscribe") return { path: unsubscribeLink, options: {} };
  const token = operation.security === undefined ? undefined : tokenFor(operationId);
  const bodies: Record<string, unknown> = {
    changePassword: passwordChange,
    changeEmail: emailChange,
    verifyEmail: verification,
    deleteCurrentUser: { password: "Wrong-password-1" },
    forgetPassword: { email: ownerAccount.email },
    lookUpInvitation: { invitationToken: "a token" },
    resetPassword: passwordReset,
    login,
    logout: { refreshToken: forgedToken },
    refresh: { refreshToken: forgedToken },
    setNotifications: { decisions: "immediate" },
    signup: founder,
  };
  const body = writers[operationId]?.body ?? bodies[operationId];
  const query = operationId === "listPeople" ? `?ids=${session.user.id}` : "";
  const target = path.replace("{id}", idFor(path)) + query;
  return { path: target, options: { token, ...(body === undefined ? {} : { body }) } };
}

// The responses that many operations document for the same reason.
for (const { method, path, operation } of contract.operations()) {
  const documents = (status: number) => status in operation.responses;
  const { path: target, options } = validRequest(operation, path);
  const reject = async (status: number, change: Options, at = target) => {
    if (documents(status)) await expect(status, method, at, { ...options, ...change });
  };
  const withParameter = `${target}${target.includes("?") ? "&" : "?"}`;
  await reject(400, {}, `${withParameter}unknown=1`);
  if (operation.security !== undefined) await reject(401, { token: undefined });
  if (path.includes("{id}")) await reject(404, {}, path.replace("{id}", NOWHERE));
  await reject(412, { headers: { "If-Match": '"999999"' } });
  await reject(413, { body: " ".repeat(TOO_LONG) });
  await reject(414, {}, `${withParameter}${"x".repeat(9000)}`);
  await reject(415, { headers: { "Content-Type": "text/plain" } });
  await reject(431, { headers: { Cookie: "x".repeat(9000) } });
  if (method === "GET") {
    const found = await send("GET", target, options);
    await reject(304, { headers: { "If-None-Match": found.header("ETag") ?? "*" } });
    await send("GET", target, { ...options, headers: { Accept: "text/html" } });
    await send("HEAD", target, options);
  }
  await expect(405, "TRACE", target, options);
}

/** Sends requests until one gets this status. */
async function until(status: number, attempt: () => Promise<Result>): Promise<void> {
  for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts += 1) {
    if ((await attempt()).status === status) return;
  }
  assert.fail(`none of ${MAX_ATTEMPTS} requests got ${status}`);
}

// The quota of an organization.
const large = { ...newEvent, description: "x".repeat(5000) };
const small = (await expect(201, "POST", "/events", { token: admin, body: newEvent })).json.id;
await until(409, () => send("POST", "/events", { token: admin, body: large }));
await expect(409, "PATCH", `/events/${small}`, { token: admin, body: { description: large.description } });

// The invitations of a day.
const invite = () => send("POST", "/organization/invitations", { token: manager, body: newInvitation("USER") });
await until(409, invite);

// The rate limits of the users and of this address.
for (const token of [owner, moderator, admin, manager, colleague]) {
  await until(429, () => send("GET", "/auth/me", { token }));
}
await until(429, () => send("GET", "/api"));
await until(429, () => send("POST", "/auth/refresh", { body: { refreshToken: forgedToken } }));
for (const { method, path, operation } of contract.operations()) {
  const { path: target, options } = validRequest(operation, path);
  if ("429" in operation.responses) await expect(429, method, target, options);
}

contract.checkAllSeen(UNREACHABLE);
contract.finish();

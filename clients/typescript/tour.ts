// The tour of the README with the types that openapi-typescript generates. Every response is also compared with the
// OpenAPI document.
//
//     node build/tour.js http://localhost:3000

import assert from "node:assert/strict";

import createClient, { type Middleware } from "openapi-fetch";

import { Contract, type Document } from "./contract.js";
import type { Event, EventStatus, NewEvent, ProblemDetails, Session, Violation, paths } from "./generated/api.js";

const baseUrl = process.argv[2] ?? "http://localhost:3000";
const contract = new Contract((await (await fetch(`${baseUrl}/api/openapi.json`)).json()) as Document);

const checked: Middleware = {
  async onResponse({ request, response }) {
    contract.check({
      method: request.method,
      path: new URL(request.url).pathname,
      status: response.status,
      header: (name) => response.headers.get(name),
      body: await response.clone().text(),
    });
  },
};

/** A client that sends this token. */
function client(accessToken?: string) {
  const headers = accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` };
  const client = createClient<paths>({ baseUrl, headers });
  client.use(checked);
  return client;
}

/** The data of a successful response. */
function expectData<T>({ data, error }: { data?: T; error?: unknown }): T {
  assert.ok(data !== undefined, JSON.stringify(error));
  return data;
}

/** The error of a response with this status. */
function expectProblem(reply: { error?: ProblemDetails; response: Response }, status: number): ProblemDetails {
  assert.equal(reply.response.status, status);
  assert.ok(reply.error !== undefined);
  assert.equal(reply.error.status, status);
  return reply.error;
}

const anonymous = client();

async function logIn(email: string): Promise<Session> {
  return expectData(await anonymous.POST("/auth/login", { body: { email, password: "Password123!" } }));
}

const { accessToken, user: moderatorUser } = await logIn("moderator@acme.com");
const moderator = client(accessToken);
const email = `tour-${Date.now()}@example.org`;
const password = "Password123!";
const { organizationId } = moderatorUser;
const newUser = { email, password, firstName: "Grace", lastName: "Hopper", organizationId };
const session = expectData(await anonymous.POST("/auth/signup", { body: newUser }));
assert.equal(session.user.role, "USER");
expectProblem(await anonymous.POST("/auth/signup", { body: newUser }), 409);
const member = client((await logIn(email)).accessToken);
const me = expectData(await member.GET("/auth/me"));
assert.equal(me.organization.name, "Acme Corporation");

const newEvent: NewEvent = {
  title: "Autumn hackathon",
  description: "Two days of building things together",
  location: "Office",
  startDate: "2027-10-01T09:00:00Z",
  endDate: "2027-10-02T17:00:00Z",
};
const key = { params: { header: { "Idempotency-Key": `tour-${Date.now()}` } } };
const created = await member.POST("/events", { ...key, body: newEvent });
const event: Event = expectData(created);
assert.equal(created.response.status, 201);
assert.equal(created.response.headers.get("Location"), `/events/${event.id}`);
const replay = await member.POST("/events", { ...key, body: newEvent });
assert.equal(replay.response.headers.get("Idempotency-Replayed"), "true");
assert.deepEqual(expectData(replay), event);
expectProblem(await member.POST("/events", { ...key, body: { ...newEvent, title: "Another title" } }), 422);

/** The parameters of an operation on the event. */
function onEvent<H extends object>(header: H) {
  return { params: { path: { id: event.id }, header } };
}
const id = onEvent({});
const statusOf = (reply: { data?: Event; error?: ProblemDetails }): EventStatus => expectData(reply).status;

assert.equal(statusOf(await member.POST("/events/{id}/submit", id)), "SUBMITTED");
const reason = { ...id, body: { reason: "Please name a person in charge" } };
expectProblem(await member.POST("/events/{id}/reject", reason), 403);
const rejected = expectData(await moderator.POST("/events/{id}/reject", reason));
assert.equal(rejected.rejectionReason, "Please name a person in charge");

const found = await member.GET("/events/{id}", id);
assert.equal(expectData(found).status, "REJECTED");
const etag = found.response.headers.get("ETag");
assert.ok(etag !== null);
const unchanged = await member.GET("/events/{id}", onEvent({ "If-None-Match": etag }));
assert.equal(unchanged.response.status, 304);

const body = { description: "Two days of building things; ask for Ada", location: null };
const stale = expectProblem(await member.PATCH("/events/{id}", { ...onEvent({ "If-Match": '"1"' }), body }), 412);
assert.equal(stale.type, "urn:eventboard:problem:stale-version");
const updated = expectData(await member.PATCH("/events/{id}", { ...onEvent({ "If-Match": etag }), body }));
assert.equal(updated.location, null);

assert.equal(statusOf(await member.POST("/events/{id}/submit", id)), "SUBMITTED");
assert.equal(statusOf(await moderator.POST("/events/{id}/approve", id)), "APPROVED");
expectProblem(await moderator.POST("/events/{id}/approve", id), 409);
const query = { search: "HACKATHON", status: "APPROVED", sortBy: "createdAt", sortOrder: "desc", limit: 1 } as const;
const page = expectData(await member.GET("/events", { params: { query } }));
assert.equal(page.data[0]?.id, event.id);
if (page.meta.nextCursor !== null) {
  const next = { ...query, cursor: page.meta.nextCursor };
  assert.equal(expectData(await member.GET("/events", { params: { query: next } })).meta.page, null);
}

// What the types forbid still gets a response with their types.
const invalid = { title: "ab", description: 7, startDate: "tomorrow", color: "red" } as unknown as NewEvent;
const problem = expectProblem(await member.POST("/events", { body: invalid }), 400);
const violations: Violation[] = problem.errors ?? [];
assert.deepEqual(
  violations.map(({ field }) => field),
  ["title", "description", "startDate", "endDate", "color"],
);

const draft = expectData(await member.POST("/events", { body: newEvent }));
const deleted = await member.DELETE("/events/{id}", { params: { path: { id: draft.id } } });
assert.equal(deleted.response.status, 204);
expectProblem(await member.GET("/events/{id}", { params: { path: { id: draft.id } } }), 404);
expectProblem(await anonymous.GET("/auth/me"), 401);
assert.equal(expectData(await anonymous.GET("/health")).status, "ok");

contract.finish();

// The harness itself: that it reaches the system, and that it notices what is wrong with a page.

import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { test } from "node:test";

import { axeFindings } from "../support/axe.js";
import { browserTest, sourceOf } from "../support/browser.js";
import { findingsIn } from "../support/html.js";
import { layoutFindings } from "../support/layout.js";
import { crawl } from "../support/links.js";
import { mailTo, parse } from "../support/mail.js";
import { photograph } from "../support/shots.js";
import { approved, baseUrl, found, join, rejected, team } from "../support/stack.js";

/** @typedef {import("playwright-core").Page} Page */

browserTest("the documentation of the API loads without errors", async ({ page }) => {
  await page.goto("/api");
  assert.match(await sourceOf(page), /<title>/);
  assert.deepEqual((await crawl(page, "/api")).findings, []);
});

test("signing up delivers a mail with a link to this system", async () => {
  const admin = await found();
  const mail = await mailTo(admin.email);
  assert.ok(mail.link.startsWith(`${baseUrl}/`), mail.link);
  assert.ok(mail.html.includes("</"), "there is no HTML");
});

test("an invited member has the role of the invitation", async () => {
  const moderator = await join(await found(), "MODERATOR");
  assert.equal((await moderator.request("GET", "/auth/me")).role, "MODERATOR");
});

test("events are approved and rejected through the API", async () => {
  const people = await team();
  const [published, sentBack] = await Promise.all([approved(people), rejected(people, "Name a person in charge")]);
  assert.equal(published.status, "APPROVED");
  assert.equal(sentBack.rejectionReason, "Name a person in charge");
});

test("encoded subjects, soft line breaks and both parts of a mail are read", () => {
  const mail = parse(
    [
      "To: Grace <grace@example.org>",
      "Subject: =?utf-8?b?R3LDvMOf?=",
      " =?utf-8?q?e_to?= all",
      'Content-Type: multipart/alternative; boundary="b"',
      "",
      "--b",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "F=C3=BCr dich: https://example.org/verify?token=3Dab=",
      "cd",
      "--b",
      "Content-Type: text/html; charset=utf-8",
      "Content-Transfer-Encoding: base64",
      "",
      "PGI+w7w8L2I+",
      "--b--",
    ].join("\r\n"),
  );
  assert.deepEqual([mail.to, mail.subject, mail.html], ["grace@example.org", "Grüße to all", "<b>ü</b>"]);
  assert.equal(mail.link, "https://example.org/verify?token=abcd");
});

/**
 * Opens a page that the system does not have, under a strict policy.
 *
 * @param {Page} page
 * @param {string} body
 * @param {number} [status]
 */
async function openFake(page, body, status = 200) {
  const head = '<!DOCTYPE html><html lang="en"><head><title>A page</title></head>';
  const html = `${head}<body><main>${body}</main></body></html>`;
  const headers = { "Content-Security-Policy": "default-src 'self'" };
  await page.route("**/fake", (route) => route.fulfill({ status, contentType: "text/html", headers, body: html }));
  await page.goto("/fake");
}

const everything = { expected: [/./] };

browserTest("what the policy forbids is a problem", everything, async ({ page, problems }) => {
  await openFake(page, "<h1>A page</h1><p style='color: red'>Red</p><script>document.title = 'Changed'</script>");
  assert.equal(await page.title(), "A page");
  const reports = problems.filter((problem) => problem.includes("Content Security Policy"));
  assert.equal(reports.length, 2, problems.join("\n"));
});

browserTest("an image that is not there is a problem", everything, async ({ page, problems }) => {
  await openFake(page, "<h1>A page</h1><img src='/missing.png' alt=''>");
  assert.deepEqual(problems, ["response: GET /missing.png: 404"]);
});

browserTest("a page that says what is not found is no problem", async ({ page }) => {
  await openFake(page, "<h1>Not found</h1>", 404);
});

browserTest("a page that fails is a problem", everything, async ({ page, problems }) => {
  await openFake(page, "<h1>Later</h1>", 503);
  assert.deepEqual(problems, ["response: GET /fake: 503"]);
});

browserTest("a page without scripts runs none", { scripts: false }, async ({ page }) => {
  await page.route("**/fake", (route) =>
    route.fulfill({ contentType: "text/html", body: "<title>Before</title><script>document.title = 'After'</script>" }),
  );
  await page.goto("/fake");
  assert.equal(await page.title(), "Before");
});

browserTest("what has no name is found in light and in dark", async ({ page }) => {
  await openFake(page, "<h1>A page</h1><img src='/favicon.svg'><button></button>");
  const findings = await axeFindings(page);
  for (const rule of ["image-alt", "button-name"]) {
    const found = findings.filter((finding) => finding.startsWith(`axe ${rule} `));
    assert.equal(found.length, 1, findings.join("\n"));
    assert.match(found.join(), /\(light and dark\)$/);
  }
});

browserTest("a page that scrolls sideways on a phone is found", async ({ page }) => {
  await openFake(page, `<h1>${"W".repeat(20)}</h1>`);
  const findings = await layoutFindings(page);
  assert.match(findings.join("\n"), /^layout: scrolls sideways at 320 px: <h1>W+<\/h1>$/);
});

browserTest("a link that leads nowhere is found", async ({ page }) => {
  assert.deepEqual(await crawl(page, "/nowhere"), {
    findings: ["/nowhere: 404, linked from the start"],
    visited: ["/nowhere"],
  });
});

browserTest("a page is photographed narrow and wide, light and dark", { scripts: false }, async ({ page }) => {
  await openFake(page, "<h1>A page</h1>");
  const folder = await mkdtemp(`${tmpdir()}/screenshots-`);
  assert.deepEqual(await photograph(page, "fake", folder), []);
  const taken = ["fake-1280-dark.png", "fake-1280-light.png", "fake-320-dark.png", "fake-320-light.png"];
  assert.deepEqual((await readdir(folder)).sort(), taken);
  await rm(folder, { recursive: true });
});

test("HTML that breaks a rule is found", async () => {
  const findings = await findingsIn("<p><button><a href='/'>A link in a button</a></button></p>");
  assert.match(findings.join("\n"), /^html element-permitted-content: line 1, /m);
});

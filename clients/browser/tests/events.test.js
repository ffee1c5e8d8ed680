// Finding what is on, and reading it.

import assert from "node:assert/strict";

import { browserTest } from "../support/browser.js";
import { expectSoundPage } from "../support/checks.js";
import { overflow } from "../support/layout.js";
import { mailTo } from "../support/mail.js";
import { signIn } from "../support/pages.js";
import { approve, approved, draft, found, inDays, reject, rejected, submitted, team } from "../support/stack.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").Locator} Locator */

/** @type {ReturnType<typeof team> | undefined} */
let shared;

/** The people of the tests that only look at events of their own. */
function people() {
  shared ??= team();
  return shared;
}

/**
 * A day, as pages write it: with the year if it is not the present one.
 *
 * @param {string | Date} at
 * @param {string} [timeZone]
 */
function dayName(at, timeZone = "UTC") {
  /** @param {Date} date @param {Intl.DateTimeFormatOptions} options */
  const part = (date, options) => date.toLocaleDateString("en-GB", { timeZone, ...options });
  const date = new Date(at);
  const year = part(date, { year: "numeric" });
  const words = [part(date, { weekday: "short" }), part(date, { day: "numeric" }), part(date, { month: "long" })];
  return [...words, ...(year === part(new Date(), { year: "numeric" }) ? [] : [year])].join(" ");
}

/** The texts of elements, on one line each. @param {Locator} elements */
async function textsOf(elements) {
  return (await elements.allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim());
}

/** The titles of the events in a list, in its order. @param {Page} page */
function titles(page) {
  return textsOf(page.locator(".event h3"));
}

/** What the address of a page filters. @param {Page} page */
function filters(page) {
  return Object.fromEntries([...new URL(page.url()).searchParams].filter(([, value]) => value !== ""));
}

browserTest("today comes first, then each day, and the past is behind a link", async ({ page }) => {
  const team_ = await team();
  const { owner } = team_;
  await Promise.all([
    approved(team_, { title: "Open day", startDate: inDays(0, "00:00"), endDate: inDays(1, "00:00") }),
    approved(team_, { title: "Breakfast", startDate: inDays(1, "07:00"), endDate: inDays(1, "08:30") }),
    approved(team_, { title: "Evening choir", startDate: inDays(5, "18:00"), endDate: inDays(5, "20:00") }),
    approved(team_, { title: "Morning run", startDate: inDays(5, "06:00"), endDate: inDays(7, "12:00"), location: null }),
    approved(team_, { title: "Exhibition", startDate: inDays(-3), endDate: inDays(1, "17:00") }),
    approved(team_, { title: "Retrospective", startDate: inDays(-10), endDate: inDays(-10, "10:00") }),
    draft(owner, { title: "Not ready yet" }),
  ]);
  await signIn(page, owner);
  assert.equal(new URL(page.url()).pathname, "/board/events");
  const [today, tomorrow, later] = [0, 1, 5].map((days) => dayName(inDays(days)));
  const headings = ["In progress", `Today ${today}`, `Tomorrow ${tomorrow}`, later];
  assert.deepEqual(await textsOf(page.locator("main h2")), headings);
  assert.deepEqual(await titles(page), ["Exhibition", "Open day", "Breakfast", "Morning run", "Evening choir"]);
  const times = [
    `until ${tomorrow}, 17:00`,
    "all day",
    "07:00–08:30",
    `06:00 until ${dayName(inDays(7))}`,
    "18:00–20:00",
  ];
  assert.deepEqual(await textsOf(page.locator(".event-time")), times);
  await expectSoundPage(page);

  await page.getByRole("link", { name: "Earlier events" }).click();
  await page.getByRole("heading", { name: dayName(inDays(-10)) }).waitFor();
  assert.deepEqual(await titles(page), ["Exhibition", "Retrospective"]);
  await expectSoundPage(page);
  await page.getByRole("link", { name: "Retrospective" }).click();
  await page.getByRole("heading", { name: "Retrospective", level: 1 }).waitFor();
  await page.goBack();
  assert.deepEqual(await titles(page), ["Exhibition", "Retrospective"]);
  await page.getByRole("link", { name: "Upcoming events" }).click();
  await page.getByRole("heading", { name: /^Today/ }).waitFor();
});

browserTest("a list without events says what to do next", async ({ page }) => {
  const admin = await found();
  await signIn(page, admin);
  await page.getByText("Nothing is planned yet. Draft the first event.").waitFor();
  assert.equal(await page.getByRole("main").getByRole("link", { name: "New event" }).count(), 1);
  await expectSoundPage(page);
  await page.goto("/board/my-events");
  const steps = await textsOf(page.locator(".steps li"));
  assert.deepEqual(steps.map((step) => step.split(" ")[0]), ["Draft", "In", "Sent", "Published"]);
  await expectSoundPage(page);
  await page.goto("/board/events/month");
  await page.getByText(/^Nothing begins in /).waitFor();
  await expectSoundPage(page);
});

browserTest("filters live in the address, which others can open, and the back button goes through them", async ({ page, open }) => {
  const team_ = await team();
  const { owner, moderator } = team_;
  await Promise.all([
    approved(team_, { title: "Chess evening", startDate: inDays(3), endDate: inDays(3, "20:00") }),
    approved(team_, { title: "Chess finals", startDate: inDays(12), endDate: inDays(12, "20:00") }),
    approved({ owner: moderator, moderator }, { title: "Garden day", startDate: inDays(3, "10:00"), endDate: inDays(3, "20:00") }),
    draft(owner, { title: "Chess for beginners", startDate: inDays(4), endDate: inDays(4, "20:00") }),
    draft(moderator, { title: "Draft of a moderator" }),
  ]);
  await signIn(page, owner);
  await page.getByLabel("Find events").fill("chess");
  await page.keyboard.press("Enter");
  await page.getByText("Published events with “chess” from today on.").waitFor();
  assert.deepEqual(filters(page), { search: "chess" });
  assert.deepEqual(await titles(page), ["Chess evening", "Chess finals"]);

  await page.getByText("More filters").click();
  await page.getByLabel("Status").selectOption("Any");
  await page.getByLabel("From").fill(inDays(2).slice(0, 10));
  await page.getByLabel("To").fill(inDays(8).slice(0, 10));
  await page.getByRole("button", { name: "Find" }).click();
  const days = `from ${dayName(inDays(2))} to ${dayName(inDays(8))}`;
  await page.getByText(`Events of any status with “chess” ${days}.`).waitFor();
  assert.deepEqual(await titles(page), ["Chess evening", "Chess for beginners"]);
  // What is not published says so, in words.
  assert.deepEqual(await textsOf(page.locator(".event .status")), ["Draft"]);
  assert.equal(await page.getByLabel("To").inputValue(), inDays(8).slice(0, 10));
  await expectSoundPage(page);

  // Somebody else opens the address, and has to sign in first.
  const others = await open();
  await others.goto(page.url());
  await others.getByLabel("E-mail").fill(moderator.email);
  await others.getByLabel("Password", { exact: true }).fill(moderator.password);
  await others.getByRole("button", { name: "Sign in", exact: true }).click();
  await others.getByText(`Events of any status with “chess” ${days}.`).waitFor();
  assert.deepEqual(await titles(others), ["Chess evening", "Chess for beginners"]);

  await page.goto("/board/events");
  await page.getByText("More filters").click();
  await page.getByLabel("Only mine").check();
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText("Your events from today on.").waitFor();
  assert.deepEqual(await titles(page), ["Chess evening", "Chess for beginners", "Chess finals"]);
  await page.getByRole("link", { name: "Month" }).click();
  await page.getByText("Your events.").waitFor();
  assert.equal(filters(page).mine, "1");
  await page.goBack();
  await page.getByText("Your events from today on.").waitFor();
  await page.goBack();
  assert.deepEqual(await titles(page), ["Chess evening", "Garden day", "Chess finals"]);
  await page.goForward();
  await page.getByText("Your events from today on.").waitFor();
  await page.getByRole("link", { name: "Drop filters" }).click();
  await page.getByRole("link", { name: "Garden day" }).waitFor();
  assert.equal(new URL(page.url()).search, "");
});

browserTest("a filter that finds nothing is named, and one that is not understood is told at its field", async ({ page }) => {
  const { owner } = await people();
  await signIn(page, owner);
  await page.goto("/board/events?search=zebra&status=rejected");
  await page.getByText(/^No .* with “zebra” from today on\.$/).waitFor();
  await expectSoundPage(page);
  await page.goto("/board/events?from=tomorrow&to=2026-02-30&search=zebra");
  await page.getByRole("heading", { name: "2 things to change" }).waitFor();
  await page.getByRole("link", { name: "Write the first day like 2026-03-31." }).click();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "from");
  assert.equal(await page.getByLabel("Find events").inputValue(), "zebra");
  await expectSoundPage(page);
  for (const query of ["cursor=no-cursor", "status=nothing", "month=2026-13", "search=%00", "from=2026-03-02&to=2026-03-01"]) {
    for (const path of ["/board/events", "/board/events/month"]) {
      const response = await page.goto(`${path}?${query}`);
      assert.ok([200, 400].includes(response?.status() ?? 0), `${path}?${query}: ${response?.status()}`);
    }
  }
  await page.goto(`/board/events?search=${"long ".repeat(60)}`);
  await page.getByRole("heading", { name: "1 thing to change" }).waitFor();
});

browserTest("more than a hundred events are shown in pages, and a full day leads to its list", async ({ page }) => {
  const { owner } = await team();
  const day = new Date(Date.now() + 32 * 86_400_000);
  day.setUTCDate(15);
  const date = day.toISOString().slice(0, 10);
  const times = { startDate: `${date}T09:00:00Z`, endDate: `${date}T10:00:00Z` };
  for (let from = 1; from <= 104; from += 13) {
    const numbers = Array.from({ length: 13 }, (_, index) => from + index);
    await Promise.all(numbers.map((number) => draft(owner, { title: `Session ${number}`, ...times })));
  }
  await signIn(page, owner);
  await page.goto("/board/events?mine=1");
  const first = await titles(page);
  assert.equal(first.length, 100);
  await expectSoundPage(page);
  await page.getByRole("link", { name: "Show more" }).click();
  await page.getByRole("link", { name: "Back to the beginning of the list" }).waitFor();
  const rest = await titles(page);
  assert.equal(new Set([...first, ...rest]).size, 104);
  await page.goBack();
  assert.deepEqual(await titles(page), first);

  await page.goto(`/board/events/month?mine=1&month=${date.slice(0, 7)}`);
  const more = page.getByRole("link", { name: `more than 97 more on ${dayName(day)}` });
  await more.focus();
  await page.keyboard.press("Enter");
  await page.getByText(`Your events on ${dayName(day)}.`).waitFor();
  assert.deepEqual(filters(page), { mine: "1", from: date, to: date });
  assert.equal((await titles(page)).length, 100);
});

browserTest("the month is read by keyboard, each event with its day, and is a list on a phone", async ({ page }) => {
  const team_ = await team();
  // Far enough from the ends of the month, so that only one cell has it.
  const month = new Date(Date.now() + 32 * 86_400_000).toISOString().slice(0, 7);
  const at = (/** @type {number} */ hour) => ({
    startDate: `${month}-15T${String(hour).padStart(2, "0")}:00:00Z`,
    endDate: `${month}-15T${String(hour).padStart(2, "0")}:30:00Z`,
  });
  const hours = [8, 9, 10, 11, 12, 13, 14, 15];
  await Promise.all(hours.map((hour) => approved(team_, { title: `Talk at ${hour}`, ...at(hour) })));
  await signIn(page, team_.owner);
  await page.goto("/board/events/month");
  const today = page.locator('[aria-current="date"]');
  assert.equal(await today.getAttribute("datetime"), inDays(0).slice(0, 10));
  await page.getByRole("link", { name: /^Next: / }).click();
  await page.getByRole("link", { name: /^Talk at 8|Talk at 8$/ }).waitFor();
  assert.equal(filters(page).month, month);
  assert.equal(await today.count(), 0);

  const name = dayName(`${month}-15T00:00:00Z`);
  await page.getByRole("link", { name: /^Next: / }).focus();
  for (const [hour, time] of [[8, "08:00"], [9, "09:00"], [10, "10:00"]]) {
    await page.keyboard.press("Tab");
    const focused = page.locator(":focus");
    assert.deepEqual(await textsOf(focused.locator("time")), [`${name}, ${time}`]);
    assert.match((await textsOf(focused))[0], new RegExp(`Talk at ${hour}$`));
  }
  await page.keyboard.press("Tab");
  assert.equal(await page.locator(":focus").getAttribute("aria-label"), `5 more on ${name}`);
  await expectSoundPage(page);

  await page.setViewportSize({ width: 320, height: 640 });
  assert.deepEqual(await textsOf(page.locator("td .date:visible")), [name]);
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.keyboard.press("Enter");
  await page.getByText(`Published events on ${name}.`).waitFor();
  assert.equal((await titles(page)).length, hours.length);
  await page.goBack();
  await page.getByRole("link", { name: /^Previous: / }).click();
  await today.waitFor();
  await page.goto("/board/events/month?month=1970-01");
  assert.equal(await page.getByRole("link", { name: /^Previous: / }).count(), 0);
  await page.getByRole("link", { name: "Today" }).click();
  await today.waitFor();
});

browserTest("times are the reader's, and the organization's where they differ, also across a change of the clocks", async ({ page, open }) => {
  const team_ = await team();
  const { admin, owner, moderator } = team_;
  await Promise.all([
    admin.request("PATCH", "/organization", { timeZone: "Europe/Berlin" }),
    moderator.request("PATCH", "/auth/me", { timeZone: "America/New_York" }),
  ]);
  // In the night of 28 March 2027 the clocks of Berlin go from 2 to 3. Those of New York went forward two weeks before.
  const night = await approved(team_, {
    title: "Night shift",
    startDate: "2027-03-28T00:30:00Z",
    endDate: "2027-03-28T01:30:00Z",
  });
  // 25 hours, but one day in Berlin.
  const long = await approved(team_, {
    title: "The longest day",
    startDate: "2027-10-30T22:00:00Z",
    endDate: "2027-10-31T23:00:00Z",
  });
  await signIn(page, owner);
  const americans = await open();
  await signIn(americans, moderator);
  /** @param {Page} reader @param {{ id: string }} event */
  const when = async (reader, event) => {
    await reader.goto(`/board/events/${event.id}`);
    return textsOf(reader.locator(".facts dd").first());
  };
  assert.deepEqual(await when(page, night), ["Sun 28 March 2027, 01:30–03:30"]);
  assert.deepEqual(await when(page, long), ["Sun 31 October 2027, all day"]);
  const american = ["Sat 27 March 2027, 20:30–21:30 Sun 28 March 2027, 01:30–03:30 (Berlin time)"];
  assert.deepEqual(await when(americans, night), american);
  assert.match((await when(americans, long))[0], /^Sat 30 October 2027, 18:00 – Sun 31 October 2027, 19:00 /);
  await expectSoundPage(americans);
  assert.equal(await americans.locator(".facts time").getAttribute("datetime"), "2027-10-30T18:00:00-04:00");

  /** @param {Page} reader @param {string} month */
  const cellOf = async (reader, month) => {
    await reader.goto(`/board/events/month?month=${month}`);
    const cell = reader.locator("td:not(.outside)", { has: reader.getByRole("link") });
    return cell.locator(".date").getAttribute("datetime");
  };
  assert.equal(await cellOf(page, "2027-03"), "2027-03-28");
  assert.equal(await cellOf(americans, "2027-03"), "2027-03-27");
  for (const [reader, day] of /** @type {const} */ ([[page, "2027-03-28"], [americans, "2027-03-27"]])) {
    await reader.goto(`/board/events?from=${day}&to=${day}`);
    assert.deepEqual(await titles(reader), ["Night shift"]);
  }
});

/** What must stay text wherever it is shown. */
const MARKUP = [
  `<b>bold</b><img src=x onerror="document.title='hacked'">`,
  `"><script>document.title='hacked'</script>`,
  `'><svg/onload=document.title='hacked'>`,
  `</title></textarea></option></dl><h1>Hacked</h1>`,
  `<a href="javascript:document.title='hacked'">x</a> {{ 7*7 }} \${7*7} &lt;i&gt; &amp;amp;`,
];

/** Nothing of what people have typed may become an element. @param {Page} page */
async function expectNoMarkup(page) {
  const found = await page.evaluate(() => {
    const scripts = [...document.scripts].filter((script) => script.src === "");
    const strange = document.querySelectorAll("main img, main b:not(.queue b), main i, svg[onload], [onerror], iframe, object");
    const links = [...document.querySelectorAll("a[href], form[action]")].filter(
      (link) => !/^(https?:|\/|#|\?)/.test(link.getAttribute("href") ?? link.getAttribute("action") ?? ""),
    );
    return [...scripts, ...strange, ...links].map((element) => element.outerHTML.slice(0, 200));
  });
  assert.deepEqual(found, [], page.url());
  assert.doesNotMatch(await page.title(), /^hacked/);
  const headings = await page.getByRole("heading", { name: "Hacked", exact: true }).count();
  assert.equal(headings, 0, page.url());
}

browserTest("markup in what people type stays text in every page and mail", async ({ page, open }) => {
  const admin = await found({ organizationName: `<i>Office</i> ${Date.now()}`, firstName: "<b>Al</b>", lastName: `"><img src=x>` });
  const text = MARKUP.join("\n");
  await signIn(page, admin);
  const events = await Promise.all(
    MARKUP.map((markup, index) => {
      const times = { startDate: inDays(index + 1), endDate: inDays(index + 1, "20:00") };
      return draft(admin, { title: markup, description: text, location: markup, ...times });
    }),
  );
  const [first] = events;
  for (const path of ["", "/edit", "/delete"]) {
    await page.goto(`/board/events/${first.id}${path}`);
    await expectNoMarkup(page);
    assert.match((await page.getByRole("main").innerText()).replace(/\s+/g, " "), path === "/edit" ? /<b>bold/ : /<img src=x onerror=/);
  }
  for (const event of events) {
    await page.goto(`/board/events/${event.id}`);
    assert.equal(await page.locator("h1").innerText(), event.title);
    assert.equal(await page.locator(".description").innerText(), text);
    await expectNoMarkup(page);
  }
  await page.goto(`/board/events/${first.id}/edit`);
  assert.equal(await page.getByLabel("Description").inputValue(), text);
  await page.getByRole("button", { name: "Preview" }).click();
  await page.getByRole("button", { name: "Back to editing" }).waitFor();
  await expectNoMarkup(page);
  assert.equal(await page.locator(".description").innerText(), text);
  await page.getByRole("button", { name: "Back to editing" }).click();
  assert.equal(await page.getByLabel("Description").inputValue(), text);
  await page.goto(`/board/events/new?from=${first.id}`);
  assert.equal(await page.getByLabel("Title").inputValue(), first.title);
  await expectNoMarkup(page);
  const month = inDays(1).slice(0, 7);
  const lists = ["/board/events?mine=1", `/board/events/month?mine=1&month=${month}`, "/board/my-events"];
  for (const path of lists) {
    await page.goto(path);
    await page.getByText(MARKUP[0]).first().waitFor();
    await expectNoMarkup(page);
  }
  const reflected = encodeURIComponent(MARKUP.join(" "));
  for (const name of ["search", "from", "to", "status", "mine", "cursor", "earlier"]) {
    await page.goto(`/board/events?${name}=${reflected.slice(0, 900)}`);
    await expectNoMarkup(page);
  }
  for (const path of [`/board/events/month?month=${reflected}`, `/board/${reflected}`, `/board/events/${reflected}`]) {
    await page.goto(path);
    await expectNoMarkup(page);
  }
  const visitor = await open();
  for (const query of ["next", "email", "token"]) {
    await visitor.goto(`/board/sign-in?${query}=${reflected}`);
    await expectNoMarkup(visitor);
  }
});

browserTest("markup stays text in Review, and in the mails about a decision", async ({ page }) => {
  const { owner, moderator } = await people();
  const fields = { title: MARKUP[0], description: MARKUP.join("\n"), location: MARKUP[1] };
  const event = await submitted(owner, fields);
  await signIn(page, moderator);
  for (const path of [`/board/review?event=${event.id}`, `/board/events/${event.id}/reject`]) {
    await page.goto(path);
    await expectNoMarkup(page);
    await page.getByText(MARKUP[0]).first().waitFor();
  }
  await page.getByLabel("What should change?").fill(`<b>${"x".repeat(600)}`);
  await page.getByRole("button", { name: "Send back", exact: true }).click();
  await page.getByRole("heading", { name: "1 thing to change" }).waitFor();
  await expectNoMarkup(page);
  await reject(moderator, event, MARKUP[3]);
  // It was decided meanwhile: what was typed is there to copy.
  await page.getByLabel("What should change?").fill(`${MARKUP[2]} and more`);
  await page.getByRole("button", { name: "Send back", exact: true }).click();
  await page.getByRole("heading", { name: "It was decided meanwhile" }).waitFor();
  await expectNoMarkup(page);
  assert.equal(await page.getByLabel("What you typed, to copy").inputValue(), `${MARKUP[2]} and more`);
  await page.goto(`/board/events/${event.id}`);
  assert.equal(await page.locator("blockquote").innerText(), MARKUP[3]);
  await expectNoMarkup(page);
  const mail = await mailTo(owner.email, { subject: /bold/ });
  assert.ok(mail.text.includes(MARKUP[3]), mail.text);
  for (const raw of ["<b>bold", "<img src=x", "<h1>Hacked", "<script>"]) assert.ok(!mail.html.includes(raw), raw);
  assert.ok(mail.html.includes("&lt;h1&gt;Hacked") || mail.html.includes("&#60;h1&#62;Hacked"), mail.html);
});

browserTest("addresses in a description are links that pass nothing on, and nothing else is", async ({ page }) => {
  const people_ = await people();
  const description = [
    "See https://example.org/programme?day=1&hour=2. Also (http://example.com/a_(b)),",
    "javascript:alert(1) data:text/html,x ftp://example.net mailto:a@example.org //example.org www.example.org",
    "",
    "Second paragraph: https://example.org/x\"onclick=\"alert(1) <https://example.org/y>",
  ].join("\n");
  const event = await approved(people_, { title: "With links", description });
  await signIn(page, people_.owner);
  await page.goto(`/board/events/${event.id}`);
  const links = page.locator(".description a");
  const expected = [
    "https://example.org/programme?day=1&hour=2",
    "http://example.com/a_(b)",
    "https://example.org/x",
    "https://example.org/y",
  ];
  assert.deepEqual(await links.evaluateAll((all) => all.map((link) => link.getAttribute("href"))), expected);
  const rels = await links.evaluateAll((all) => all.map((link) => link.getAttribute("rel")));
  assert.deepEqual([...new Set(rels)], ["nofollow ugc noopener"]);
  assert.equal(await page.locator(".description p").count(), 2);
  await expectSoundPage(page);
});

browserTest("an event says at the top what its status means and what to do next", async ({ page, open }) => {
  const people_ = await people();
  const { owner, moderator, admin } = people_;
  const reason = "Name somebody who is responsible.";
  const [own, waiting, sentBack, published] = await Promise.all([
    draft(owner, { title: "A draft" }),
    submitted(owner, { title: "It waits" }),
    rejected(people_, reason, { title: "It came back" }),
    approved(people_, { title: "It is on" }),
  ]);
  await signIn(page, owner);
  const moderators = await open();
  await signIn(moderators, moderator);
  const admins = await open();
  await signIn(admins, admin);
  const [main, others] = [".button-main", ".actions .button:not(.button-main)"];
  for (const [reader, event, note, next, rest] of /** @type {const} */ ([
    [page, own, /^Draft Only you and the moderators see it/, "Submit for review", ["Edit", "Copy", "Delete…"]],
    [page, waiting, /^In review Since .* you will get a mail/, undefined, ["Copy"]],
    [page, sentBack, /^Sent back What should change: Name somebody/, "Edit", ["Submit for review", "Copy", "Delete…"]],
    [page, published, undefined, undefined, []],
    [moderators, waiting, /^In review Since .*: (just arrived|waiting)/, "Publish", ["Send back…", "Edit", "Copy"]],
    [moderators, published, undefined, undefined, ["Edit", "Copy"]],
    [admins, published, undefined, undefined, ["Edit", "Copy", "Delete…"]],
  ])) {
    await reader.goto(`/board/events/${event.id}`);
    if (note !== undefined) assert.match((await textsOf(reader.locator(".note").first()))[0], note);
    assert.deepEqual(await textsOf(reader.locator(main)), next === undefined ? [] : [next]);
    assert.deepEqual(await textsOf(reader.locator(others)), rest);
    await expectSoundPage(reader);
  }
  // The event of somebody else that is not published is not there for a member.
  const strangers = await draft(moderator, { title: "Not for members" });
  assert.equal((await page.goto(`/board/events/${strangers.id}`))?.status(), 404);
  await page.getByRole("heading", { name: "There is nothing here" }).waitFor();
  await expectSoundPage(page);
  await page.goto("/board/my-events");
  const headings = await textsOf(page.locator("main h2"));
  assert.deepEqual(headings.slice(0, 2), ["Sent back They need you", "Drafts Not submitted yet"]);
  await page.getByText(`“${reason}”`).first().waitFor();
  await expectSoundPage(page);
});

browserTest("an open event shows by itself what has become of it", async ({ page }) => {
  const { owner, moderator } = await people();
  const event = await submitted(owner, { title: "Decided while looking" });
  await page.clock.install();
  await signIn(page, owner);
  await page.goto(`/board/events/${event.id}`);
  await page.getByText("In review", { exact: true }).waitFor();
  const asked = () => page.waitForResponse((response) => response.url().endsWith(event.id));
  let [response] = await Promise.all([asked(), page.clock.runFor(20_000)]);
  assert.equal(response.status(), 304);
  await approve(moderator, event);
  [response] = await Promise.all([asked(), page.clock.runFor(20_000)]);
  assert.equal(response.status(), 200);
  await page.getByText("Published", { exact: true }).waitFor();
  await expectSoundPage(page);
});

const zoomed = { viewport: { width: 640, height: 400 } };

browserTest("at twice the size everything is there, and nothing covers what has the focus", zoomed, async ({ page }) => {
  const people_ = await people();
  const event = await approved(people_, { title: "W".repeat(200), description: `${"Donaudampfschiff".repeat(30)}\n\nEnd.` });
  await signIn(page, people_.owner);
  for (const path of [`/board/events/${event.id}`, "/board/events", "/board/events/month", "/board/my-events", "/board/events/new"]) {
    await page.goto(path);
    assert.deepEqual(await overflow(page), [], path);
    const total = await page.locator("a:visible, button:visible, input:visible, select:visible, summary:visible").count();
    for (let step = 0; step < Math.min(total, 25); step++) {
      await page.keyboard.press("Tab");
      // A line of it can be seen, and is not below a bar that stays in its place.
      const covered = await page.evaluate(() => {
        const focused = document.activeElement;
        if (!(focused instanceof HTMLElement) || focused === document.body) return undefined;
        const isSeen = [...focused.getClientRects()].some(({ left, top, width, height }) => {
          const above = document.elementFromPoint(left + Math.min(width, innerWidth - left) / 2, top + height / 2);
          return above !== null && (focused.contains(above) || above.contains(focused));
        });
        return isSeen ? undefined : `${focused.outerHTML.slice(0, 120)} at ${JSON.stringify(focused.getBoundingClientRect())}`;
      });
      assert.equal(covered, undefined, path);
    }
  }
});

browserTest("print has full dates and no buttons", async ({ page }) => {
  const people_ = await people();
  const event = await approved(people_, { title: "On paper", description: "More at https://example.org/paper." });
  await signIn(page, people_.owner);
  const year = event.startDate.slice(0, 4);
  for (const path of ["/board/events?search=paper", `/board/events/${event.id}`, "/board/events/month", "/board/my-events"]) {
    await page.goto(path);
    await page.emulateMedia({ media: "print" });
    const chrome = page.locator("header, nav:visible, button, form, input, .button");
    for (const element of await chrome.all()) {
      assert.equal(await element.isVisible(), false, `${path}: ${await element.evaluate((shown) => shown.outerHTML)}`);
    }
    const text = await page.getByRole("main").innerText();
    assert.match(text, path === "/board/events/month" ? /[A-Z][a-z]+ 20\d\d/ : /On paper/, path);
    if (path.includes("search") || path.endsWith(event.id)) assert.match(text, new RegExp(`[A-Z][a-z]+ ${year}`), path);
    await page.emulateMedia({ media: "screen" });
  }
});

browserTest("finding and reading works without scripts", { scripts: false }, async ({ page }) => {
  const people_ = await people();
  await approved(people_, { title: "Without scripts" });
  await signIn(page, people_.owner);
  await page.getByLabel("Find events").fill("without scripts");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText("More filters").click();
  await page.getByLabel("Only mine").check();
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByRole("link", { name: "Without scripts" }).click();
  await page.getByRole("heading", { name: "Without scripts", level: 1 }).waitFor();
  await page.getByRole("link", { name: "Events" }).first().click();
  await page.getByRole("link", { name: "Month" }).click();
  await page.getByRole("link", { name: /^Next: / }).click();
  await page.getByRole("link", { name: "Today" }).click();
  await page.locator('[aria-current="date"]').waitFor();
});

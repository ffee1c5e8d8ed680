// All screenshots: see scripts/board-screenshots. A page that scrolls sideways fails.

import assert from "node:assert/strict";

import { browserTest } from "../support/browser.js";
import { signIn } from "../support/pages.js";
import { takeScreenshots } from "../support/shots.js";
import { everyPage } from "./pages.js";

const visits = everyPage({ organization: "Lindenhof Works", domain: "lindenhof.example" });

for (const who of ["nobody", "the first member", "a member", "a moderator", "an admin"]) {
  browserTest(`what ${who} sees`, async ({ page }) => {
    const visit = (await visits).find((visit) => visit.who === who);
    assert.ok(visit);
    if (visit.user !== undefined) await signIn(page, visit.user);
    assert.deepEqual(await takeScreenshots(page, visit.shots), []);
  });
}

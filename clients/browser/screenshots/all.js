// All screenshots: see scripts/board-screenshots. A page that scrolls sideways fails.

import assert from "node:assert/strict";

import { browserTest } from "../support/browser.js";
import { takeScreenshots } from "../support/shots.js";

browserTest("pages of signed-out readers", async ({ page }) => {
  const findings = await takeScreenshots(page, [{ name: "api", path: "/api" }]);
  assert.deepEqual(findings, []);
});

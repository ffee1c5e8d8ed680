// The screenshots in docs/board: what one sees first of each page, on a usual screen in light and on a phone in dark.
//
//     BOARD_SCREENSHOTS=$PWD/docs/board scripts/check-board TOOLS-FOLDER screenshots/docs.js
//     pngquant --force --ext .png --speed 1 docs/board/*.png

import assert from "node:assert/strict";

import { browserTest } from "../support/browser.js";
import { screenshotsFolder } from "../support/environment.js";
import { signIn } from "../support/pages.js";
import { everyPage } from "./pages.js";

/** One state of each page. */
const NAMES = [
  ["home", "sign-in", "sign-up", "join", "forgot-password", "reset-password", "verify", "not-found"],
  ["events", "month", "event-sent-back", "event-new", "event-new-errors", "event-preview", "my-events", "account"],
  ["review", "review-keys", "send-back", "send-back-decided"],
  ["members", "member", "hand-over", "invitations", "invite", "organization", "audit"],
].flat();

const SCREENS = /** @type {const} */ ([
  { suffix: "", colorScheme: "light", width: 1280, height: 720 },
  { suffix: "-phone", colorScheme: "dark", width: 320, height: 640 },
]);

/** @param {import("playwright-core").Page} page @param {string} name */
async function photograph(page, name) {
  for (const { suffix, colorScheme, width, height } of SCREENS) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.screenshot({ path: `${screenshotsFolder}/${name}${suffix}.png` });
  }
}

browserTest("each page is photographed", async ({ open }) => {
  const photographed = [];
  for (const { user, shots } of await everyPage({ organization: "Lindenhof Works", domain: "lindenhof.example" })) {
    const page = await open();
    if (user !== undefined) await signIn(page, user);
    for (const { name, path, prepare } of shots.filter(({ name }) => NAMES.includes(name))) {
      await page.goto(path);
      await prepare?.(page);
      await photograph(page, name);
      photographed.push(name);
    }
  }
  assert.deepEqual(photographed.sort(), NAMES.sort());
});

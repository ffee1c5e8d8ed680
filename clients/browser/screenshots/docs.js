// The screenshots in docs/board: what one sees first of each page, on a usual screen in light and on a phone in dark.
//
//     BOARD_SCREENSHOTS=$PWD/docs/board scripts/check-board TOOLS-FOLDER screenshots/docs.js

import assert from "node:assert/strict";
import { mkdir, stat } from "node:fs/promises";

import { browserTest } from "../support/browser.js";
import { screenshotsFolder } from "../support/environment.js";
import { signIn } from "../support/pages.js";
import { everyPage } from "./pages.js";

/** The repository keeps small pictures, in bytes. */
const MAX_SIZE = 60_000;

/** One state of each page. */
const NAMES = [
  ["home", "sign-in", "sign-up", "join", "forgot-password", "reset-password", "verify", "not-found"],
  ["events", "month", "event-sent-back", "event-new", "event-new-errors", "event-preview", "my-events", "account"],
  ["review", "review-keys", "send-back", "send-back-decided"],
  ["members", "member", "hand-over", "invitations", "invite", "organization", "audit"],
].flat();

/** A lower picture is taken if the one before is too large. */
const SCREENS = /** @type {const} */ ([
  { suffix: "", colorScheme: "light", width: 1280, heights: [720, 600, 480] },
  { suffix: "-phone", colorScheme: "dark", width: 320, heights: [640, 480] },
]);

/** Returns what is too large. @param {import("playwright-core").Page} page @param {string} name */
async function photograph(page, name) {
  const tooLarge = [];
  for (const { suffix, colorScheme, width, heights } of SCREENS) {
    const path = `${screenshotsFolder}/${name}${suffix}.png`;
    await page.emulateMedia({ colorScheme });
    let size = Infinity;
    for (const height of heights) {
      if (size <= MAX_SIZE) break;
      await page.setViewportSize({ width, height });
      await page.evaluate(() => window.scrollTo(0, 0));
      await page.screenshot({ path });
      size = (await stat(path)).size;
    }
    if (size > MAX_SIZE) tooLarge.push(`${path}: ${size} bytes`);
  }
  return tooLarge;
}

browserTest("each page is photographed, in small pictures", async ({ open }) => {
  await mkdir(screenshotsFolder, { recursive: true });
  const tooLarge = [];
  for (const { user, shots } of await everyPage({ organization: "Lindenhof Works", domain: "lindenhof.example" })) {
    const page = await open();
    if (user !== undefined) await signIn(page, user);
    for (const { name, path, prepare } of shots.filter(({ name }) => NAMES.includes(name))) {
      await page.goto(path);
      await prepare?.(page);
      tooLarge.push(...(await photograph(page, name)));
    }
  }
  assert.deepEqual(tooLarge, []);
});

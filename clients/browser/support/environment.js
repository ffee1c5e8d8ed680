// What scripts/check-board tells the tests.

/** @param {string} name */
function required(name) {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`${name} is not set: see scripts/check-board`);
  return value;
}

/** Where the gateway listens, without a slash at the end. */
export const baseUrl = required("BOARD_URL").replace(/\/$/, "");

/** The folder in which a file is written for each mail. */
export const mailFolder = required("BOARD_MAILS");

/** The folder for what failed tests leave behind. */
export const resultsFolder = process.env.BOARD_RESULTS ?? "target/board";

/** The folder for screenshots of pages. */
export const screenshotsFolder = process.env.BOARD_SCREENSHOTS ?? `${resultsFolder}/screenshots`;

/** The browser: the one of the operating system, never a downloaded one. */
export const chromiumPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

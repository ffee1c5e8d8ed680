// The HTML as the server sent it, with html-validate.

import { HtmlValidate } from "html-validate";

import { sourceOf } from "./browser.js";

const validator = new HtmlValidate({
  root: true,
  extends: ["html-validate:recommended"],
  rules: {
    // Matters of taste, which templates decide.
    "attribute-boolean-style": "off",
    "attribute-empty-style": "off",
    "doctype-style": "off",
    // A button of a form submits it. Several of one name need the type, so that they are no duplicates.
    "no-implicit-button-type": "off",
    "form-dup-name": ["error", { shared: ["radio", "checkbox", "submit", "button"] }],
    "no-trailing-whitespace": "off",
    "void-style": "off",
    // Titles contain what people have typed.
    "long-title": "off",
    "no-raw-characters": ["error", { relaxed: true }],
    "tel-non-breaking": "off",
    // Ids contain those of events.
    "valid-id": ["error", { relaxed: true }],
    // Nothing is loaded from elsewhere.
    "require-sri": "off",
  },
});

/**
 * What html-validate finds in the page.
 *
 * @param {import("playwright-core").Page} page
 * @returns {Promise<string[]>}
 */
export async function htmlFindings(page) {
  return findingsIn(await sourceOf(page));
}

/**
 * What html-validate finds in this HTML.
 *
 * @param {string} html
 * @returns {Promise<string[]>}
 */
export async function findingsIn(html) {
  const { results } = await validator.validateString(html);
  return results
    .flatMap(({ messages }) => messages)
    .map(({ ruleId, line, selector, message }) => `html ${ruleId}: line ${line}, ${selector}: ${message}`);
}

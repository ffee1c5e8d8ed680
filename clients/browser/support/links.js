// Follows all links of the board, as one user.

import { baseUrl } from "./environment.js";

/** So many links of one kind are followed: a calendar has no last month. */
const MAX_PER_KIND = 3;

/** @typedef {{ path: string, from: string }} Link */

/**
 * Gets every page and every asset of this origin that can be reached from a path, with the cookies of the page. Returns
 * what answers with an error, and how many links it has followed.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} [start]
 * @returns {Promise<{ findings: string[], visited: string[] }>}
 */
export async function crawl(page, start = "/board") {
  /** @type {Link[]} */
  const queue = [{ path: start, from: "the start" }];
  const seen = new Set([start]);
  /** @type {Map<string, number>} */
  const kinds = new Map();
  const findings = [];
  const visited = [];
  for (let link = queue.shift(); link !== undefined; link = queue.shift()) {
    const response = await page.context().request.get(baseUrl + link.path, { headers: { Accept: "text/html,*/*" } });
    visited.push(link.path);
    if (response.status() >= 400) findings.push(`${link.path}: ${response.status()}, linked from ${link.from}`);
    if (!response.headers()["content-type"]?.startsWith("text/html")) continue;
    for (const path of linksIn(await response.text(), response.url())) {
      const kind = kindOf(path);
      const count = kinds.get(kind) ?? 0;
      if (seen.has(path) || count >= MAX_PER_KIND) continue;
      seen.add(path);
      kinds.set(kind, count + 1);
      queue.push({ path, from: link.path });
    }
  }
  return { findings, visited };
}

/**
 * The paths and queries of all links to this origin.
 *
 * @param {string} html
 * @param {string} address
 */
function linksIn(html, address) {
  const base = new URL(/<base\s[^>]*href="([^"]*)"/i.exec(html)?.[1] ?? "", address);
  const attributes = [...html.matchAll(/<[a-z][^>]*?\s(?:href|src|hx-get)\s*=\s*"([^"]*)"/gi)];
  return attributes
    .map(([, value = ""]) => new URL(value.replaceAll("&amp;", "&"), base))
    .filter((url) => url.origin === new URL(baseUrl).origin)
    .map((url) => url.pathname + url.search);
}

/**
 * Links of one kind differ only in ids and in the values of the query.
 *
 * @param {string} path
 */
function kindOf(path) {
  const { pathname, searchParams } = new URL(path, baseUrl);
  const names = [...searchParams.keys()].sort().join("&");
  return `${pathname.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "{id}").replace(/\d{4}-\d\d(-\d\d)?/g, "{date}")}?${names}`;
}

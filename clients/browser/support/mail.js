// The mails that the system has sent. Each is a file, whose name sorts by time.

import { readdir, readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

import { mailFolder } from "./environment.js";

/** How long a mail may take, in milliseconds. */
const TIMEOUT = 30_000;

/**
 * A mail as its reader sees it.
 *
 * @typedef {object} Mail
 * @property {string} to
 * @property {string} subject
 * @property {string} text the plain text
 * @property {string} html the HTML, or "" if it has none
 * @property {string} link the first link of the plain text, or "" if it has none
 */

/**
 * Waits for a mail to this address, and returns the newest one.
 *
 * @param {string} address
 * @param {{ subject?: RegExp, text?: RegExp }} [matching] which mail, if the address gets several
 * @returns {Promise<Mail>}
 */
export async function mailTo(address, matching = {}) {
  for (const end = Date.now() + TIMEOUT; Date.now() < end; await setTimeout(50)) {
    const found = (await mailsTo(address)).filter((mail) => matches(mail, matching)).at(-1);
    if (found !== undefined) return found;
  }
  const subjects = (await mailsTo(address)).map((mail) => mail.subject);
  throw new Error(`no such mail to ${address}; the subjects of the others: ${JSON.stringify(subjects)}`);
}

/**
 * All mails to this address so far, the oldest first.
 *
 * @param {string} address
 * @returns {Promise<Mail[]>}
 */
export async function mailsTo(address) {
  const names = (await readdir(mailFolder)).filter((name) => name.endsWith(".eml")).sort();
  const mails = await Promise.all(names.map(read));
  return mails.filter((mail) => mail.to.toLowerCase() === address.toLowerCase());
}

/** @type {Map<string, Promise<Mail>>} */
const parsed = new Map();

/** @param {string} name */
function read(name) {
  let mail = parsed.get(name);
  if (mail === undefined) {
    mail = readFile(`${mailFolder}/${name}`, "latin1").then(parse);
    parsed.set(name, mail);
  }
  return mail;
}

/** @param {Mail} mail @param {{ subject?: RegExp, text?: RegExp }} matching */
function matches(mail, { subject, text }) {
  return (subject?.test(mail.subject) ?? true) && (text?.test(mail.text) ?? true);
}

/**
 * Parses a mail (RFC 5322) of one part or with alternatives (RFC 2046).
 *
 * @param {string} source a character for each byte
 * @returns {Mail}
 */
export function parse(source) {
  const mail = entity(source);
  const parts = partsOf(mail);
  const text = contentOf(parts, "text/plain");
  return {
    to: /<(.*)>/.exec(mail.header("to"))?.[1] ?? mail.header("to"),
    subject: decodeWords(mail.header("subject")),
    text,
    html: contentOf(parts, "text/html"),
    link: /https?:\/\/[^\s<>"]+/.exec(text)?.[0] ?? "",
  };
}

/** @typedef {{ header: (name: string) => string, body: string }} Entity */

/** @param {string} source @returns {Entity} */
function entity(source) {
  const [, head = "", body = ""] = /^(.*?\r?\n)\r?\n(.*)$/s.exec(source) ?? [];
  const lines = head.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/);
  const headers = new Map(lines.map((line) => [line.split(":")[0].toLowerCase(), line.replace(/^[^:]*:\s*/, "")]));
  return { header: (name) => headers.get(name) ?? "", body };
}

/** @param {Entity} mail @returns {Entity[]} */
function partsOf(mail) {
  const boundary = /boundary="?([^";]+)/i.exec(mail.header("content-type"))?.[1];
  if (boundary === undefined) return [mail];
  const pieces = mail.body.split(`--${boundary}`).slice(1, -1);
  return pieces.map((piece) => entity(piece.replace(/^\r?\n/, ""))).flatMap(partsOf);
}

/** @param {Entity[]} parts @param {string} type */
function contentOf(parts, type) {
  const part = parts.find((part) => part.header("content-type").toLowerCase().startsWith(type));
  return part === undefined ? "" : decode(part.body, part.header("content-transfer-encoding")).replaceAll("\r\n", "\n");
}

/** @param {string} body @param {string} encoding */
function decode(body, encoding) {
  if (/^base64$/i.test(encoding)) return Buffer.from(body, "base64").toString();
  const bytes = /^quoted-printable$/i.test(encoding) ? unquote(body.replace(/=\r?\n/g, "")) : body;
  return Buffer.from(bytes, "latin1").toString();
}

/** @param {string} text */
function unquote(text) {
  return text.replace(/=([0-9A-F]{2})/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
}

/**
 * Decodes the encoded words of a header (RFC 2047). White space between two of them does not count.
 *
 * @param {string} header
 */
function decodeWords(header) {
  const joined = header.replace(/\?=\s+=\?/g, "?==?");
  return joined.replace(/(=\?utf-8\?[bq]\?[^?]*\?=)+/gi, (words) => {
    const bytes = words.replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, encoding, text) =>
      /b/i.test(encoding) ? Buffer.from(text, "base64").toString("latin1") : unquote(text.replaceAll("_", " ")),
    );
    return Buffer.from(bytes, "latin1").toString();
  });
}

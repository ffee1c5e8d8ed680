// A system with settings of its own, for a test that makes it slow or uses up its limits.

import { spawn } from "node:child_process";
import { chmod, mkdtemp, open, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { setTimeout } from "node:timers/promises";

/** How long the system may take to start, in milliseconds. */
const TIMEOUT = 60_000;

/** What belongs to the system that scripts/check-board has started, or to none of ours. */
const NOT_INHERITED = ["DATABASE_URL", "DATABASE_URL_FILE", "SMTP_URL", "SMTP_URL_FILE"];

/**
 * Starts a system with these settings, and makes it the one that the modules in this folder talk to: import them
 * afterwards.
 *
 * @param {Record<string, string>} settings
 */
export async function startSystem(settings) {
  const folder = await mkdtemp(`${tmpdir()}/system-`);
  // PostgreSQL may run as another user.
  await chmod(folder, 0o755);
  const port = String(await freePort());
  const url = `http://127.0.0.1:${port}`;
  const own = {
    EVENTBOARD_HOME: `${folder}/home`,
    MAIL_FOLDER: `${folder}/mails`,
    PUBLIC_URL: url,
    GATEWAY_PORT: port,
    AUTH_SERVICE_PORT: "0",
    EVENTS_SERVICE_PORT: "0",
    NOTIFICATION_SERVICE_PORT: "0",
    METRICS_PORT: "0",
  };
  const inherited = Object.entries(process.env).filter(([name]) => !NOT_INHERITED.includes(name));
  const log = await open(`${folder}/log`, "w");
  const program = spawn(process.env.EVENTBOARD ?? "eventboard", ["up"], {
    env: { ...Object.fromEntries(inherited), ...own, ...settings },
    stdio: ["ignore", log.fd, log.fd],
  });
  const ended = new Promise((resolve) => program.once("exit", resolve).once("error", resolve));
  const stop = async () => {
    program.kill("SIGINT");
    await ended;
    await log.close();
    await rm(folder, { recursive: true, force: true });
  };
  await readyLine(program, `${folder}/log`);
  Object.assign(process.env, { BOARD_URL: url, BOARD_MAILS: own.MAIL_FOLDER });
  return {
    stop,
    /** Stops the database, as if its disk no longer answered. */
    pauseDatabase: () => signalDatabase(own.EVENTBOARD_HOME, "SIGSTOP"),
    resumeDatabase: () => signalDatabase(own.EVENTBOARD_HOME, "SIGCONT"),
  };
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}

/** @param {import("node:child_process").ChildProcess} program @param {string} log */
async function readyLine(program, log) {
  for (const end = Date.now() + TIMEOUT; Date.now() < end; await setTimeout(100)) {
    const text = await readFile(log, "utf8");
    // The startup banner follows the demo data.
    if (/^EventBoard is ready/m.test(text)) return;
    if (program.exitCode !== null) throw new Error(`the system has ended:\n${text}`);
  }
  throw new Error(`the system does not start:\n${await readFile(log, "utf8")}`);
}

/**
 * Signals the server of the private PostgreSQL and the processes of its connections.
 *
 * @param {string} home
 * @param {"SIGSTOP" | "SIGCONT"} signal
 */
async function signalDatabase(home, signal) {
  const server = Number.parseInt(await readFile(`${home}/postgres/postmaster.pid`, "utf8"), 10);
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const process_ of [server, ...processes]) {
    if (process_ === server || (await parentOf(process_)) === server) process.kill(process_, signal);
  }
}

/** @param {number} process_ */
async function parentOf(process_) {
  // The name of the program, in parentheses, can contain spaces.
  const stat = await readFile(`/proc/${process_}/stat`, "utf8").catch(() => "");
  return Number(stat.split(") ").at(-1)?.split(" ")[1]);
}

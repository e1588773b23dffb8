/** What `npm start` and its siblings start: exit codes, signals, and nothing left behind. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Program } from "@porchlight/testkit/program";
import { temporaryFolder, type TemporaryFolder } from "@porchlight/testkit/temporary-folder";
import { until } from "@porchlight/testkit/until";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Says its process id, ends with 7 on SIGTERM. */
const SCRIPT = `
process.once("SIGTERM", () => process.exit(7));
setInterval(() => undefined, 1000);
console.log(\`pid \${process.pid}\`);
`;

async function bootstrapped(folder: TemporaryFolder): Promise<{ program: Program; pid: number }> {
  const file = join(folder.path, "script.ts");
  await writeFile(file, SCRIPT);
  const program = new Program({
    name: "bootstrap",
    args: ["scripts/bootstrap.mjs", file],
    cwd: ROOT,
  });
  await program.ready("pid ");
  return { program, pid: Number(/pid (\d+)/.exec(program.logs.text)?.[1]) };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function isListening(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
  const listening = await promise;
  socket.destroy();
  return listening;
}

function start(folder: TemporaryFolder, ...args: readonly string[]): Program {
  return new Program({
    name: "start",
    args: ["scripts/start.ts", ...args],
    cwd: ROOT,
    env: { ORCH_DATA_DIR: folder.path },
  });
}

function portOf(program: Program): number {
  return Number(/127\.0\.0\.1:(\d+)/.exec(program.logs.text)?.[1]);
}

test("bootstrap passes SIGTERM on and ends with the script's exit code", async () => {
  await using folder = await temporaryFolder();
  const { program, pid } = await bootstrapped(folder);
  program.kill("SIGTERM");
  assert.equal((await program.ended).code, 7);
  assert.equal(isAlive(pid), false);
});

test("bootstrap killed outright leaves no script behind", async () => {
  await using folder = await temporaryFolder();
  const { program, pid } = await bootstrapped(folder);
  program.kill("SIGKILL");
  await until("the script to end", () => !isAlive(pid), 5_000);
});

test("npm start -- --once answers a request through an agent and ends with 0", async () => {
  await using folder = await temporaryFolder();
  const program = start(folder, "--once");
  const { code } = await program.ended;
  assert.equal(code, 0, program.logs.text);
  assert.match(program.logs.text, /answer +200 {"ip":"127\.0\.0\.1"/);
  assert.equal(await isListening(portOf(program)), false);
});

test("npm start stops what it started on Ctrl-C, which a terminal and npm both send", async () => {
  await using folder = await temporaryFolder();
  const program = start(folder);
  await program.ready("Ctrl-C stops everything", 30_000);
  program.kill("SIGINT");
  program.kill("SIGINT");
  assert.equal((await program.ended).code, 0);
  assert.match(program.logs.text, /Stopping/);
  assert.equal(await isListening(portOf(program)), false);
});

test("npm start killed outright leaves no orchestrator behind", async () => {
  await using folder = await temporaryFolder();
  const program = start(folder);
  await program.ready("Ctrl-C stops everything", 30_000);
  program.kill("SIGKILL");
  await until("the orchestrator to end", async () => !(await isListening(portOf(program))), 10_000);
});

test("npm start says that its port is taken and takes another", async () => {
  await using folder = await temporaryFolder();
  const first = start(folder);
  await first.ready("Ctrl-C stops everything", 30_000);
  const second = start(folder, "--once");
  assert.equal((await second.ended).code, 0, second.logs.text);
  assert.match(second.logs.text, /\(8080 is taken\)/);
  first.kill("SIGTERM");
  await first.ended;
});

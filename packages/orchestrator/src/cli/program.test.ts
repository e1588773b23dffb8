import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { test, type TestContext } from "node:test";
import { checkKeyFormat } from "@porchlight/protocol/key-format";
import { openSqliteState } from "../state/sqlite-state.ts";
import { runProgram } from "./program.ts";

const DAY_MS = 86_400_000;

function collector() {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

function setup(t: TestContext) {
  const dataDir = mkdtempSync(join(tmpdir(), "porchlight-cli-"));
  t.after(() => rmSync(dataDir, { recursive: true }));
  const clock = { nowMs: Date.UTC(2030, 0, 1) };
  const started: (readonly string[])[] = [];
  const run = async (...argv: string[]) => {
    const [stdout, stderr] = [collector(), collector()];
    const code = await runProgram(argv, {
      context: {
        env: { ORCH_DATA_DIR: dataDir },
        stdin: Readable.from([]),
        stdout: stdout.stream,
        stderr: stderr.stream,
        now: () => clock.nowMs,
        openState: async (dir) => openSqliteState(dir),
      },
      version: "1.2.3",
      startOrchestrator: async (flags) => {
        started.push(flags);
        return 2;
      },
    });
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  };
  return { run, clock, started };
}

test("keys create: the key alone on the first line, then how to use it", async (t) => {
  const { run } = setup(t);
  const { code, stdout } = await run("keys", "create", "--role", "agent", "--name", "attic");
  assert.equal(code, 0);
  const [key = "", ...rest] = stdout.split("\n");
  assert.equal(checkKeyFormat(key), "ok");
  assert.match(key, /^porch_agent_/);
  assert.match(rest.join("\n"), /Shown only this once.*role agent, name attic\n.*AGENT_KEY=KEY/s);
  assert.ok(!rest.join("\n").includes(key));
});

test("keys list: a table and JSON, never with a secret or its hash", async (t) => {
  const { run, clock } = setup(t);
  const made = await run(
    "keys",
    "create",
    "--role",
    "client",
    "--name",
    "lambda",
    "--expires",
    "30d",
    "--json",
  );
  const { key, id } = JSON.parse(made.stdout) as { key: string; id: string };
  const table = await run("keys", "list");
  assert.match(
    table.stdout,
    /^ID +ROLE +NAME +STATE +CREATED +EXPIRES\nkey_\w+ +client +lambda +valid +2030-01-01\S+ +2030-01-31/,
  );
  const list = await run("keys", "list", "--json");
  assert.deepEqual(JSON.parse(list.stdout), [
    {
      id,
      name: "lambda",
      role: "client",
      createdAt: "2030-01-01T00:00:00.000Z",
      expiresAt: "2030-01-31T00:00:00.000Z",
      revokedAt: null,
    },
  ]);
  for (const shown of [table.stdout, list.stdout]) assert.ok(!shown.includes(key.slice(13)));
  clock.nowMs += 30 * DAY_MS;
  assert.match((await run("keys", "list")).stdout, /lambda +expired/);
});

test("keys revoke: by name, then it is gone", async (t) => {
  const { run } = setup(t);
  await run("keys", "create", "--role", "client", "--name", "lambda");
  assert.match(
    (await run("keys", "revoke", "lambda")).stdout,
    /^Revoked key_\w+ \(client lambda\)\n$/,
  );
  assert.match((await run("keys", "list")).stdout, /lambda +revoked/);
  const again = await run("keys", "revoke", "lambda");
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^porchlight: not_found: No valid key has the id or name lambda\n$/);
});

test("keys create: a missing or wrong option is exit 2 and says so", async (t) => {
  const { run } = setup(t);
  const wrong: Record<string, string[]> = {
    "--role": ["--name", "x"],
    "agent, client, admin": ["--role", "root", "--name", "x"],
    "such as 12h or 30d": ["--role", "agent", "--name", "x", "--expires", "soon"],
    "printable characters": ["--role", "agent", "--name", "a\nb"],
  };
  for (const [message, options] of Object.entries(wrong)) {
    const { code, stderr, stdout } = await run("keys", "create", ...options);
    assert.equal(code, 2, message);
    assert.ok(stderr.includes(message), stderr);
    assert.equal(stdout, "");
  }
  assert.match((await run("keys", "list")).stdout, /^No keys yet/);
});

test("runProgram: an unknown command is exit 2 with the help", async (t) => {
  const { run } = setup(t);
  const { code, stderr } = await run("agnets");
  assert.equal(code, 2);
  assert.match(stderr, /unknown command 'agnets'.*Usage: porchlight/s);
  assert.equal((await run()).code, 2);
});

test("runProgram: --help and --version", async (t) => {
  const { run } = setup(t);
  const help = await run("--help");
  assert.equal(help.code, 0);
  assert.match(help.stdout, /orchestrator.*keys.*agents.*request.*PORCHLIGHT_KEY/s);
  assert.deepEqual(await run("--version"), { code: 0, stdout: "1.2.3\n", stderr: "" });
});

test("runProgram: the orchestrator gets its flags as they are, and gives the exit code", async (t) => {
  const { run, started } = setup(t);
  const flags = ["--listen", "127.0.0.1:0", "--help", "--version", "-x", "stray"];
  assert.equal((await run("orchestrator", ...flags)).code, 2);
  assert.deepEqual(started, [flags]);
});

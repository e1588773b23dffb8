import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import type { StoredKey } from "./key-store.ts";
import { DATABASE_FILE } from "./sqlite-database.ts";
import { openSqliteState } from "./sqlite-state.ts";

const KEY: StoredKey = {
  id: "key_1",
  name: "laptop",
  role: "agent",
  hash: "ab".repeat(32),
  createdAtMs: 1,
  expiresAtMs: undefined,
  revokedAtMs: undefined,
};

function temporaryDir(context: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "porchlight-sqlite-"));
  context.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test(
  "openSqliteState: makes the directory, and files only their owner reads",
  { skip: process.platform === "win32" },
  async (t) => {
    const dir = join(temporaryDir(t), "a", "b");
    const state = openSqliteState(dir);
    await state.keys.create(KEY);
    assert.equal(statSync(dir).mode & 0o777, 0o700);
    const files = readdirSync(dir);
    assert.ok(files.length >= 2, "the write-ahead log is there too");
    for (const file of files) assert.equal(statSync(join(dir, file)).mode & 0o777, 0o600, file);
    state.close();
  },
);

test("openSqliteState: what was kept is there after closing and opening again", async (t) => {
  const dir = temporaryDir(t);
  const before = openSqliteState(dir);
  await before.keys.create(KEY);
  before.pauses.setPaused("agent_1", true);
  before.close();
  const after = openSqliteState(dir);
  assert.deepEqual(await after.keys.list(), [KEY]);
  assert.equal(after.pauses.isPaused("agent_1"), true);
  after.close();
});

test("faults G13: changesSince sees what another process revoked", async (t) => {
  const dir = temporaryDir(t);
  const [node, tool] = [openSqliteState(dir), openSqliteState(dir)];
  await tool.keys.create(KEY);
  const { revision } = node.keys.changesSince(0);
  await tool.keys.revoke("key_1", 9);
  const { keys } = node.keys.changesSince(revision);
  assert.deepEqual(keys, [{ ...KEY, revokedAtMs: 9 }]);
  node.close();
  tool.close();
});

test("openSqliteState: refuses a store written by a newer version", (t) => {
  const dir = temporaryDir(t);
  openSqliteState(dir).close();
  const database = new DatabaseSync(join(dir, DATABASE_FILE));
  database.exec("PRAGMA user_version = 99");
  database.close();
  assert.throws(() => openSqliteState(dir), /schema 99/);
});

test("openSqliteState: refuses a file that is no database, and a directory in its place", (t) => {
  const dir = temporaryDir(t);
  writeFileSync(join(dir, DATABASE_FILE), "not a database ".repeat(100));
  assert.throws(() => openSqliteState(dir), /Could not open the store .*: file is not a database/);
  const other = temporaryDir(t);
  mkdirSync(join(other, DATABASE_FILE));
  assert.throws(() => openSqliteState(other), /Could not open the store .*EISDIR/);
});

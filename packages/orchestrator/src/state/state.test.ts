/** One contract suite over every adapter of the state ports. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import type { StoredKey } from "./key-store.ts";
import { memoryState } from "./memory-state.ts";
import { openSqliteState } from "./sqlite-state.ts";
import type { State } from "./state.ts";

const ADAPTERS: Record<string, (context: TestContext) => State> = {
  memory: () => memoryState(),
  sqlite(context) {
    const dir = mkdtempSync(join(tmpdir(), "porchlight-state-"));
    const state = openSqliteState(dir);
    context.after(() => {
      state.close();
      rmSync(dir, { recursive: true });
    });
    return state;
  },
};

function key(n: number, more?: Partial<StoredKey>): StoredKey {
  return {
    id: `key_${n}`,
    name: `name ${n}`,
    role: "client",
    hash: String(n).repeat(64).slice(0, 64),
    createdAtMs: 1_000 + n,
    expiresAtMs: undefined,
    revokedAtMs: undefined,
    ...more,
  };
}

for (const [adapter, open] of Object.entries(ADAPTERS)) {
  suite(`State over ${adapter}`, () => {
    test("create and list: every key as it was given, oldest first", async (t) => {
      const { keys } = open(t);
      const [old, young] = [key(1), key(2, { role: "agent", expiresAtMs: 5_000 })];
      await keys.create(young);
      await keys.create(old);
      assert.deepEqual(await keys.list(), [old, young]);
    });

    test("create: refuses an id or a hash that exists", async (t) => {
      const { keys } = open(t);
      await keys.create(key(1));
      await assert.rejects(keys.create(key(2, { id: "key_1" })));
      await assert.rejects(keys.create(key(2, { hash: key(1).hash })));
      assert.deepEqual(await keys.list(), [key(1)]);
    });

    test("revoke: once, keeping the first time; false for an unknown key", async (t) => {
      const { keys } = open(t);
      await keys.create(key(1));
      assert.equal(await keys.revoke("key_1", 7), true);
      assert.equal(await keys.revoke("key_1", 8), false);
      assert.equal(await keys.revoke("key_9", 8), false);
      assert.deepEqual(await keys.list(), [key(1, { revokedAtMs: 7 })]);
    });

    test("changesSince: all from 0, then only what was created or revoked since", async (t) => {
      const { keys } = open(t);
      await keys.create(key(1));
      await keys.create(key(2));
      const first = keys.changesSince(0);
      assert.deepEqual(first.keys, [key(1), key(2)]);
      assert.deepEqual(keys.changesSince(first.revision), {
        revision: first.revision,
        keys: [],
      });
      await keys.revoke("key_1", 7);
      await keys.create(key(3));
      const second = keys.changesSince(first.revision);
      assert.deepEqual(second.keys, [key(1, { revokedAtMs: 7 }), key(3)]);
    });

    test("isPaused and setPaused: what was set last", (t) => {
      const { pauses } = open(t);
      assert.equal(pauses.isPaused("agent_1"), false);
      pauses.setPaused("agent_1", true);
      pauses.setPaused("agent_1", true);
      assert.equal(pauses.isPaused("agent_1"), true);
      assert.equal(pauses.isPaused("agent_2"), false);
      pauses.setPaused("agent_1", false);
      assert.equal(pauses.isPaused("agent_1"), false);
    });

    test("close: idempotent", (t) => {
      const state = open(t);
      state.close();
      state.close();
    });
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkKeyFormat, roleOfKey } from "@porchlight/protocol/key-format";
import { memoryState } from "../state/memory-state.ts";
import { createKey, hashOfKey, isKeyName, revokeKey } from "./keys.ts";

test("createKey: a well-formed key is shown, only its hash is kept", async () => {
  const store = memoryState().keys;
  const { secret, key } = await createKey(store, { name: "lambda", role: "client", nowMs: 5 });
  assert.equal(checkKeyFormat(secret), "ok");
  assert.equal(roleOfKey(secret), "client");
  assert.match(key.id, /^key_[0-9a-z]{24}$/);
  assert.deepEqual(await store.list(), [key]);
  assert.equal(key.hash, hashOfKey(secret));
  assert.doesNotMatch(JSON.stringify(await store.list()), new RegExp(secret.slice(13)));
});

test("createKey: refuses a name that would break a table or a log", async () => {
  const store = memoryState().keys;
  for (const name of ["", " ", "a\nb", "\u001b[31m", "x".repeat(65), " padded"]) {
    const order = { name, role: "agent", nowMs: 0 } as const;
    await assert.rejects(createKey(store, order), { code: "invalid_request" });
  }
  assert.equal(isKeyName("Küche 2 – oben"), true);
});

test("revokeKey: by id or by unique name, once", async () => {
  const store = memoryState().keys;
  const one = await createKey(store, { name: "one", role: "agent", nowMs: 1 });
  await createKey(store, { name: "two", role: "agent", nowMs: 2 });
  assert.equal((await revokeKey(store, one.key.id, 9)).revokedAtMs, 9);
  await assert.rejects(revokeKey(store, one.key.id, 10), { code: "not_found" });
  assert.equal((await revokeKey(store, "two", 9)).name, "two");
  await assert.rejects(revokeKey(store, "two", 10), { code: "not_found" });
});

test("revokeKey: a name that several valid keys have is refused with their ids", async () => {
  const store = memoryState().keys;
  const first = await createKey(store, { name: "same", role: "agent", nowMs: 1 });
  const second = await createKey(store, { name: "same", role: "client", nowMs: 2 });
  await assert.rejects(revokeKey(store, "same", 9), (err: Error) =>
    [first, second].every(({ key }) => err.message.includes(key.id)),
  );
  await revokeKey(store, first.key.id, 9);
  assert.equal((await revokeKey(store, "same", 9)).id, second.key.id);
});

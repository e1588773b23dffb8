import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Role } from "@porchlight/protocol/key-format";
import type { KeyStore } from "../state/key-store.ts";
import { memoryState } from "../state/memory-state.ts";
import { Authenticator, KEY_POLL_MS } from "./authenticator.ts";
import { createKey } from "./keys.ts";
import { parseStaticKeys } from "./static-keys.ts";

const STATIC_SECRET = "a-static-secret-of-an-agent";

function setup(store: KeyStore = memoryState().keys) {
  const clock = { nowMs: 1_000 };
  const warnings: unknown[] = [];
  const authenticator = new Authenticator({
    staticKeys: parseStaticKeys("agent", `home:${STATIC_SECRET}`),
    store,
    logger: { warn: (...line: unknown[]) => void warnings.push(line) },
    now: () => clock.nowMs,
  });
  const create = async (role: Role, expiresAtMs?: number) => {
    const made = await createKey(store, { name: "k", role, nowMs: clock.nowMs, expiresAtMs });
    authenticator.refresh();
    return made;
  };
  return { store, clock, warnings, authenticator, create };
}

test("authenticate: a static key's principal", async () => {
  const { authenticator } = setup();
  assert.deepEqual(authenticator.authenticate(STATIC_SECRET), {
    keyId: "static:agent:home",
    account: "static:agent:home",
    name: "home",
    role: "agent",
  });
});

test("authenticate: a stored key's principal, also of one created after the start", async () => {
  const { authenticator, create } = setup();
  const { secret, key } = await create("client");
  const principal = { keyId: key.id, account: key.id, name: "k", role: "client" };
  assert.deepEqual(authenticator.authenticate(secret), principal);
});

test("faults A19: no, wrong, revoked and expired keys are all unknown", async () => {
  const { authenticator, create, store, clock } = setup();
  const revoked = await create("client");
  await store.revoke(revoked.key.id, clock.nowMs);
  authenticator.refresh();
  const expired = await create("client", clock.nowMs + 10);
  assert.ok(authenticator.authenticate(expired.secret));
  clock.nowMs += 10;
  const wrong = [
    undefined,
    "",
    "wrong",
    `${STATIC_SECRET} `,
    revoked.secret,
    revoked.key.hash,
    expired.secret,
  ];
  for (const presented of wrong) {
    assert.equal(authenticator.authenticate(presented), undefined);
  }
});

test("faults G13: onRevoked tells of a key revoked in the store, once", async () => {
  const { authenticator, create, store } = setup();
  const { key } = await create("agent");
  const heard: string[] = [];
  authenticator.onRevoked((keyId) => heard.push(keyId));
  authenticator.refresh();
  assert.deepEqual(heard, []);
  await store.revoke(key.id, 2_000);
  authenticator.refresh();
  authenticator.refresh();
  assert.deepEqual(heard, [key.id]);
});

test("onRevoked: tells of a key that expires; a listener that left hears nothing", async () => {
  const { authenticator, create, clock } = setup();
  const { key } = await create("agent", clock.nowMs + 10);
  const heard: string[] = [];
  authenticator.onRevoked((keyId) => heard.push(keyId));
  authenticator.onRevoked(() => heard.push("left"))();
  clock.nowMs += 10;
  authenticator.refresh();
  assert.deepEqual(heard, [key.id]);
});

test("authenticate: a key made a moment ago works at once", async () => {
  const { authenticator, store } = setup();
  const { secret } = await createKey(store, { name: "late", role: "client", nowMs: 0 });
  assert.equal(authenticator.authenticate(secret)?.name, "late");
});

test("start: asks the store once a second until close", async (t: TestContext) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { authenticator, store, create } = setup();
  const heard: string[] = [];
  const [first, second] = [await create("agent"), await create("agent")];
  authenticator.onRevoked((keyId) => heard.push(keyId));
  authenticator.start();
  await store.revoke(first.key.id, 0);
  t.mock.timers.tick(KEY_POLL_MS);
  assert.deepEqual(heard, [first.key.id]);
  authenticator.close();
  await store.revoke(second.key.id, 0);
  t.mock.timers.tick(KEY_POLL_MS * 3);
  assert.deepEqual(heard, [first.key.id]);
});

test("faults F17: a store that cannot be read leaves the known keys valid", async () => {
  const { authenticator, create, store, warnings } = setup();
  const { secret } = await create("client");
  store.changesSince = () => {
    throw new Error("Disk full");
  };
  authenticator.refresh();
  assert.ok(authenticator.authenticate(secret));
  assert.equal(authenticator.authenticate("unknown"), undefined);
  assert.equal(warnings.length, 1, "told of once");
});

test("knows: whether any valid key has the role", async () => {
  const { authenticator, create, clock } = setup();
  assert.equal(authenticator.knows("agent"), true);
  assert.equal(authenticator.knows("client"), false);
  await create("client", clock.nowMs + 10);
  assert.equal(authenticator.knows("client"), true);
  clock.nowMs += 10;
  assert.equal(authenticator.knows("client"), false);
});

import assert from "node:assert/strict";
import { afterEach, beforeEach, it, mock } from "node:test";
import { createLogger } from "@porchlight/runtime/logger";
import { completed, DispatchFixture } from "../jobs/dispatch-fixture.ts";
import type { ScriptedLink } from "../jobs/scripted-agent.ts";
import { AFFINITY_IDLE_MS } from "../routing/affinities.ts";
import type { SessionWish } from "../routing/request-options.ts";
import { REQUEST as ANY_REQUEST, ScriptedDoor } from "./door-fixture.ts";
import type { TunnelRequest } from "./tunnel-request.ts";
import { Tunnels } from "./tunnels.ts";

const SESSION: SessionWish = { id: "cart", ttlMs: 86_400_000, strict: false };

/** A tunnel of the session. */
const REQUEST: TunnelRequest = { ...ANY_REQUEST, session: SESSION };

let world: DispatchFixture;
let tunnels: Tunnels;

beforeEach(() => {
  world = new DispatchFixture();
  tunnels = new Tunnels({
    waitingLine: world.line,
    selector: world.selector,
    affinities: world.affinities,
    queueWaitMs: 1_000,
    logger: createLogger({
      name: "test",
      level: "info",
      pretty: false,
      destination: { write: (text) => void world.logged.push(text) },
    }),
    now: Date.now,
  });
});

afterEach(() => world.dispose());

/** Asks for a tunnel of the session; whoever is asked connects. */
function open(part: Partial<TunnelRequest> = {}): ScriptedDoor {
  const door = new ScriptedDoor();
  tunnels.open({ ...REQUEST, ...part }, door);
  for (const record of world.registry.records) {
    for (const tunnel of (record.link as ScriptedLink).tunnels) tunnel.connect();
  }
  return door;
}

function disconnect(name: string): void {
  const record = world.record(name);
  world.registry.dispose(record, record.link?.id ?? "");
}

it("a session of jobs goes on in tunnels with the same targeting, and the other way round", async () => {
  const [a] = world.connect(3);
  const targeting = { labels: {} };
  const first = world.run({ session: SESSION, targeting });
  a!.jobs.pop()!.answer();
  await completed(first);
  for (let turn = 0; turn < 3; turn++) {
    const { opened } = open({ targeting });
    assert.equal(opened?.exit.name, "a");
    assert.equal(opened.session?.moved, false);
    assert.equal(opened.session.id, "cart");
  }
  const last = world.run({ session: SESSION, targeting });
  a!.jobs.pop()!.answer();
  assert.equal((await completed(last)).serving.exit.name, "a");
});

it("other filters are session_mismatch for a tunnel too", () => {
  world.connect(2);
  open();
  assert.deepEqual(open({ targeting: { agent: "b" } }).heard, ["session_mismatch"]);
});

it("an open tunnel keeps its session alive for hours, and outlives its end", () => {
  world.connect(2);
  const tunnel = open();
  mock.timers.tick(7_200_000);
  assert.equal(open().opened?.exit.name, "a");
  mock.timers.tick(86_400_000);
  assert.equal(open().opened?.exit.name, "b");
  assert.deepEqual(tunnel.heard, ["open"]);
  assert.equal(world.record("a").inFlight, 2);
});

it("a minute after its last tunnel has ended, a session begins anew", () => {
  const [a] = world.connect(2);
  open().opened?.exchange.abort("cancelled", "done");
  mock.timers.tick(AFFINITY_IDLE_MS - 1);
  const again = open();
  assert.equal(again.opened?.exit.name, "a");
  a!.tunnels.at(-1)!.fail("connection_reset");
  mock.timers.tick(AFFINITY_IDLE_MS);
  const { opened } = open();
  assert.deepEqual([opened?.exit.name, opened?.session?.moved], ["b", false]);
});

it("moves when its exit is gone, and says so; strict, it is session_lost", () => {
  world.connect(2);
  open();
  disconnect("a");
  assert.deepEqual(open({ session: { ...SESSION, strict: true } }).heard, ["session_lost"]);
  const { opened } = open();
  assert.deepEqual([opened?.exit.name, opened?.session?.moved], ["b", true]);
  opened?.exchange.abort("cancelled", "done");
  const last = JSON.parse(world.logged.at(-1) ?? "") as { session: string };
  assert.equal(last.session, "moved");
});

it("is not tried on another exit after a target's failure", () => {
  const [a, b] = world.connect(2);
  const door = new ScriptedDoor();
  tunnels.open(REQUEST, door);
  a!.tunnels[0]!.fail("dns_failed");
  assert.deepEqual(door.heard, ["dns_failed"]);
  assert.equal(b!.tunnels.length, 0);
});

it("may choose again after an agent's failure before any tunnel was open, even when strict", () => {
  const [a, b] = world.connect(2);
  const door = new ScriptedDoor();
  tunnels.open({ ...REQUEST, session: { ...SESSION, strict: true } }, door);
  a!.tunnels[0]!.fail("agent_lost");
  b!.tunnels[0]!.connect();
  assert.equal(door.opened?.session?.moved, false);
});

it("an agent that breaks open tunnels cools down; a target that ends them is none of its business", () => {
  const [a] = world.connect(2);
  for (let tunnel = 0; tunnel < 6; tunnel++) open();
  for (const tunnel of a!.tunnels.slice(0, 3)) tunnel.fail("connection_reset");
  assert.deepEqual(world.selector.health.open(Date.now()), { agents: 0, targets: 0 });
  for (const tunnel of a!.tunnels.slice(3)) tunnel.fail("agent_lost");
  assert.deepEqual(world.selector.health.open(Date.now()), { agents: 1, targets: 0 });
});

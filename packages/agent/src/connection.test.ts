import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { FRAME } from "@porchlight/protocol/frame";
import type { Stream, StreamHandler } from "@porchlight/protocol/stream";
import { systemClock } from "@porchlight/runtime/clock";
import { silentLogger } from "@porchlight/runtime/logger";
import { frameJson, rawFrame } from "@porchlight/testkit/frame-socket";
import {
  type ScriptedOrchestrator,
  type ScriptedOrchestratorOptions,
  startScriptedOrchestrator,
} from "@porchlight/testkit/scripted-orchestrator";
import { until } from "@porchlight/testkit/until";
import { Connection } from "./connection.ts";

/** What waits goes on when a test says so; only the turns of the event loop are real. */
class HandClock {
  nowMs = 0;
  readonly #waiting = new Map<object, { readonly delayMs: number; readonly act: () => void }>();

  schedule(delayMs: number, act: () => void): () => void {
    const id = {};
    this.#waiting.set(id, { delayMs, act });
    return () => this.#waiting.delete(id);
  }

  next(act: () => void): void {
    systemClock.next(act);
  }

  soon(act: () => void): void {
    systemClock.soon(act);
  }

  get delaysMs(): number[] {
    return [...this.#waiting.values()].map(({ delayMs }) => delayMs);
  }

  /** Does what was scheduled for `delayMs` from then. */
  async fire(delayMs: number): Promise<void> {
    const find = (): boolean => this.delaysMs.includes(delayMs);
    await until(`a timer of ${delayMs} ms among ${this.delaysMs.join(", ")}`, find, 1_000);
    for (const [id, entry] of this.#waiting) {
      if (entry.delayMs !== delayMs) continue;
      this.#waiting.delete(id);
      entry.act();
      return;
    }
  }
}

/** Delays with `random` at one half. Milliseconds. */
const FIRST_RETRY_MS = 2_500;
const PARKED_MS = 60_000;
const UNSUPPORTED_MS = 600_000;
const CHECK_MS = 2_000;
const AWAKE_RETRY_MS = 500;

interface Scene {
  readonly orchestrator: ScriptedOrchestrator;
  readonly connection: Connection;
  readonly clock: HandClock;
  readonly streams: Stream[];
  readonly rejections: number;
}

async function setUp(t: TestContext, options?: ScriptedOrchestratorOptions): Promise<Scene> {
  const orchestrator = await startScriptedOrchestrator(options);
  const clock = new HandClock();
  const streams: Stream[] = [];
  const scene = { orchestrator, clock, streams, rejections: 0 };
  const connection = new Connection({
    dial: { url: new URL(orchestrator.url), key: "agent-secret", userAgent: "test" },
    logger: silentLogger(),
    clock,
    random: () => 0.5,
    hello: () => ({
      version: 1,
      agentVersion: "0.0.0",
      name: "home",
      os: "test",
      capabilities: [],
      maxConcurrency: 8,
      labels: {},
      policy: {},
    }),
    onOpen: (stream: Stream): StreamHandler => {
      streams.push(stream);
      const ignore = (): void => undefined;
      return { onHead: ignore, onData: ignore, onEnd: ignore, onDrain: ignore, onError: ignore };
    },
    onRejected: () => (scene.rejections += 1),
    onLinkEnded: () => undefined,
  });
  connection.start();
  t.after(async () => {
    connection.close("The test is over");
    await orchestrator[Symbol.asyncDispose]();
    await until("no link", () => connection.links === 0);
  });
  return Object.assign(scene, { connection });
}

async function untilLive({ orchestrator, connection }: Scene, count = 1) {
  const link = await orchestrator.untilLink(count);
  await until("a live link", () => connection.isLive);
  return link;
}

function takeoverOf(scene: Scene, count: number): unknown {
  const hello = scene.orchestrator.links[count - 1]?.received("hello")[0];
  return hello === undefined ? undefined : (frameJson(hello) as { takeover: unknown }).takeover;
}

const TCP = { kind: "tcp", jobId: "job_1", host: "a.example", port: 80 };

test("Connection: the key goes into the header, the sub-protocol is offered, compression is not (faults G16)", async (t) => {
  const scene = await setUp(t);
  await untilLive(scene);
  const [upgrade] = scene.orchestrator.upgrades;
  assert.equal(upgrade?.headers.authorization, "Bearer agent-secret");
  assert.equal(upgrade.headers["sec-websocket-protocol"], "porchlight.mux.v1");
  assert.equal(upgrade.headers["sec-websocket-extensions"], undefined);
  assert.equal(upgrade.url, "/agent");
});

test("Connection: a lost link is dialled again after the backoff, and takes its identity back", async (t) => {
  const scene = await setUp(t);
  (await untilLive(scene)).socket.ws.terminate();
  await scene.clock.fire(FIRST_RETRY_MS);
  await untilLive(scene, 2);
  assert.equal(takeoverOf(scene, 2), true);
});

test("Connection: 401 and 403 at the handshake reject the key, and nothing is dialled again", async (t) => {
  for (const status of [401, 403]) {
    const scene = await setUp(t, { refuseWith: status });
    await until("the rejection", () => scene.rejections === 1);
    assert.deepEqual(scene.clock.delaysMs, []);
  }
});

test("Connection: any other answer to the handshake is tried again", async (t) => {
  const scene = await setUp(t, { refuseWith: 503 });
  await scene.clock.fire(FIRST_RETRY_MS);
  await until("a second try", () => scene.orchestrator.upgrades.length === 2);
  assert.equal(scene.rejections, 0);
});

test("faults G13: a key revoked while connected is the end", async (t) => {
  const scene = await setUp(t);
  (await untilLive(scene)).socket.ws.close(4403, "Key revoked");
  await until("the rejection", () => scene.rejections === 1);
});

test("faults G12: a replaced agent is parked and does not fight", async (t) => {
  const scene = await setUp(t);
  (await untilLive(scene)).socket.ws.close(4409, "Replaced");
  await scene.clock.fire(PARKED_MS);
  const second = await scene.orchestrator.untilLink(2);
  assert.equal(takeoverOf(scene, 2), false);
  await until("a live link", () => scene.connection.isLive);
  second.socket.ws.terminate();
  await scene.clock.fire(FIRST_RETRY_MS);
  await scene.orchestrator.untilLink(3);
  assert.equal(takeoverOf(scene, 3), true);
});

test("faults G2: a version the orchestrator does not speak is tried again after ten minutes only", async (t) => {
  const scene = await setUp(t, { welcome: false });
  (await scene.orchestrator.untilLink()).socket.ws.close(4400, "This orchestrator speaks 2");
  await scene.clock.fire(UNSUPPORTED_MS);
  await scene.orchestrator.untilLink(2);
});

test("Connection: asked to drain, it opens the new link first and finishes what runs on the old one", async (t) => {
  const scene = await setUp(t);
  const old = await untilLive(scene);
  old.open(1, TCP);
  await until("the stream", () => scene.streams.length === 1);
  old.json("drain", 0, { reason: "A new version" });
  await untilLive(scene, 2);
  await old.untilFrame("drain");
  assert.equal(old.socket.end, undefined);
  scene.streams[0]?.abort("cancelled", "Done");
  await scene.clock.fire(550);
  await until("the old link's end", () => old.socket.end?.code === 1000);
  assert.equal(scene.connection.links, 1);
});

test("faults F24: before the carrier's greatest age the work moves to a new link", async (t) => {
  const scene = await setUp(t, { welcome: { maxAgeMs: 100_000 } });
  const old = await untilLive(scene);
  await scene.clock.fire(90_000);
  await old.untilFrame("drain");
  await scene.orchestrator.untilLink(2);
});

test("faults F23: after a sleep a dead link is given up in two seconds and dialled again at once", async (t) => {
  const scene = await setUp(t);
  (await untilLive(scene)).socket.ws.pause();
  scene.connection.wake();
  await scene.clock.fire(CHECK_MS);
  await scene.clock.fire(AWAKE_RETRY_MS);
  await untilLive(scene, 2);
});

test("faults F23: after a sleep that the link has survived, it is kept", async (t) => {
  const scene = await setUp(t);
  const link = await untilLive(scene);
  scene.connection.wake();
  link.raw(rawFrame({ type: FRAME.ping, streamId: 0, payload: new Uint8Array(8) }));
  await link.untilFrame("pong");
  await scene.clock.fire(CHECK_MS);
  assert.equal(scene.connection.isLive, true);
  assert.equal(scene.orchestrator.links.length, 1);
});

test("faults F23: woken while it waits, it dials at once", async (t) => {
  const scene = await setUp(t);
  (await untilLive(scene)).socket.ws.terminate();
  await until("the wait", () => scene.clock.delaysMs.includes(FIRST_RETRY_MS));
  scene.connection.wake();
  await untilLive(scene, 2);
});

test("Connection: leaving says so, finishes what runs, and closes with 1000", async (t) => {
  const scene = await setUp(t);
  const link = await untilLive(scene);
  link.open(1, TCP);
  await until("the stream", () => scene.streams.length === 1);
  scene.connection.leave("Stopping");
  await link.untilFrame("drain");
  await scene.clock.fire(550);
  assert.equal(scene.connection.links, 1);
  scene.streams[0]?.abort("cancelled", "Done");
  await until("the end", () => link.socket.end?.code === 1000 && scene.connection.links === 0);
});

test("Connection: a pause of the operator is told on every link", async (t) => {
  const scene = await setUp(t);
  const link = await untilLive(scene);
  scene.connection.tellPaused("Takes work only at night");
  assert.deepEqual(frameJson(await link.untilFrame("status")), {
    paused: "Takes work only at night",
  });
  scene.connection.tellPaused(undefined);
  assert.deepEqual(frameJson(await link.untilFrame("status", 2)), {});
});

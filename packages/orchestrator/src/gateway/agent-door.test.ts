import assert from "node:assert/strict";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { duplexPair, type Duplex } from "node:stream";
import { test } from "node:test";
import type { Problem } from "@porchlight/protocol/job";
import type { Principal } from "../accounts/principal.ts";
import { VirtualClock } from "@porchlight/testkit/virtual-clock";
import { Registry } from "../agents/registry.ts";
import { createAgentDoor, HANDSHAKE_BURST } from "./agent-door.ts";
import type { LogLine } from "./test-fakes.ts";

const PRINCIPAL: Principal = { keyId: "key_1", account: "key_1", name: "home", role: "agent" };
const MUX = { "sec-websocket-protocol": "porchlight.mux.v1" };

function setup() {
  const lines: LogLine[] = [];
  const note = (...line: unknown[]): void => void lines.push(line as unknown as LogLine);
  let listener: ((keyId: string) => void) | undefined;
  const registry = new Registry();
  const clock = new VirtualClock();
  const peers: Peer[] = [];
  const door = createAgentDoor({
    authenticator: {
      authenticate: (presented) => (presented === "good" ? PRINCIPAL : undefined),
      onRevoked: (heard) => {
        listener = heard;
        return () => {
          listener = undefined;
        };
      },
    },
    registry,
    heartbeatMs: 10_000,
    maxBodyBytes: 1_000_000,
    clock,
    logger: { info: note, warn: note, error: note },
  });
  const upgrade = (headers: Record<string, string> = {}, url = "/agent"): Peer => {
    const request = new IncomingMessage(new Socket());
    request.method = "GET";
    request.url = url;
    request.headers = {
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
      authorization: "Bearer good",
      ...headers,
    };
    const [here, there] = duplexPair();
    door.handleUpgrade(request, here, Buffer.alloc(0));
    const peer = new Peer(there);
    peers.push(peer);
    return peer;
  };
  const finish = async () => {
    for (const { socket } of peers) socket.end();
    await door.close();
  };
  return { door, registry, clock, lines, upgrade, finish, revoke: (id: string) => listener?.(id) };
}

/** The other end of the connection, which collects what the door writes. */
class Peer {
  readonly socket: Duplex;
  readonly #chunks: Buffer[] = [];

  constructor(socket: Duplex) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#chunks.push(chunk));
    socket.on("error", () => undefined);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Resolves when something new has come and nothing follows in the same turn. */
  async heard(): Promise<string> {
    await new Promise((resolve) => {
      this.socket.once("data", resolve);
    });
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    return this.bytes.toString("latin1");
  }

  async problem(): Promise<Problem> {
    const text = await this.heard();
    return JSON.parse(text.slice(text.indexOf("\r\n\r\n"))) as Problem;
  }

  /** Code of the close frame at the end of what came. */
  get closeCode(): number {
    const frame = this.bytes.subarray(this.bytes.lastIndexOf(0x88));
    return frame.readUInt16BE(2);
  }
}

test("handleUpgrade: answers 101, for mux with its sub-protocol", async () => {
  const { door, upgrade, finish } = setup();
  assert.match(
    await upgrade(MUX).heard(),
    /^HTTP\/1\.1 101 .*\r\nSec-WebSocket-Protocol: porchlight\.mux\.v1\r\n/s,
  );
  const json = await upgrade({}, "/agent?key=unused").heard();
  assert.match(json, /^HTTP\/1\.1 101 /);
  assert.doesNotMatch(json, /Sec-WebSocket-Protocol/i);
  assert.equal(door.links, 2);
  await finish();
});

test("faults G16: an offered permessage-deflate is not negotiated", async () => {
  const { upgrade, finish } = setup();
  const offer = { "sec-websocket-extensions": "permessage-deflate; client_max_window_bits" };
  for (const profile of [{}, MUX]) {
    const answer = await upgrade({ ...profile, ...offer }).heard();
    assert.match(answer, /^HTTP\/1\.1 101 /);
    assert.doesNotMatch(answer, /Sec-WebSocket-Extensions/i);
  }
  await finish();
});

test("faults A19: a wrong key is answered 401 before any upgrade, and never logged", async () => {
  const { door, upgrade, lines } = setup();
  const peer = upgrade({ authorization: "Bearer canary" }, "/agent?key=canary");
  const answer = await peer.heard();
  assert.match(answer, /^HTTP\/1\.1 401 Unauthorized\r\n/);
  assert.match(answer, /\r\nContent-Type: application\/problem\+json\r\n/);
  assert.match(answer, /\r\nWWW-Authenticate: Bearer\r\n/);
  assert.match(answer, /"code":"unauthenticated"/);
  assert.doesNotMatch(JSON.stringify(lines) + answer, /canary/);
  assert.equal(door.links, 0);
  assert.equal(door.counters.handshakesRefused, 1);
  assert.equal(peer.socket.readableEnded, true);
});

test("handleUpgrade: another path is 404, another sub-protocol 400", async () => {
  const { upgrade } = setup();
  assert.equal((await upgrade({}, "/other").problem()).status, 404);
  const problem = await upgrade({ "sec-websocket-protocol": "chat" }).problem();
  assert.equal(problem.status, 400);
  assert.equal(problem.code, "invalid_request");
  assert.match(problem.requestId, /^req_/);
});

test("faults F4: more handshakes than a node takes are answered 503 with Retry-After", async () => {
  const { upgrade, finish, clock } = setup();
  for (let index = 0; index < HANDSHAKE_BURST; index++) upgrade();
  assert.match(
    await upgrade().heard(),
    /^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n.*"code":"overloaded"/s,
  );
  clock.advance(3);
  assert.match(await upgrade().heard(), /^HTTP\/1\.1 101 /);
  await finish();
});

test("faults F4: strangers do not use up the handshakes of agents", async () => {
  const { upgrade, finish } = setup();
  for (let index = 0; index < HANDSHAKE_BURST * 2; index++)
    upgrade({ authorization: "Bearer bad" });
  assert.match(await upgrade().heard(), /^HTTP\/1\.1 101 /);
  await finish();
});

test("handleUpgrade: refusals do not fill the log", () => {
  const { upgrade, lines } = setup();
  for (let index = 0; index < 1_000; index++) upgrade({ authorization: "Bearer bad" });
  assert.ok(lines.length < 100);
});

test("faults F3: while draining, nobody is let in", async () => {
  const { door, upgrade, finish } = setup();
  const inside = upgrade(MUX);
  await inside.heard();
  door.drain("Restart");
  assert.match(
    await upgrade().heard(),
    /^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n.*"code":"shutting_down"/s,
  );
  await finish();
});

test("faults G13: a revoked key ends its links with 4403", async () => {
  const { upgrade, revoke, finish } = setup();
  const peers = [upgrade(MUX), upgrade()];
  await Promise.all(peers.map((peer) => peer.heard()));
  revoke("key_2");
  revoke("key_1");
  await Promise.all(peers.map((peer) => peer.heard()));
  assert.deepEqual(
    peers.map((peer) => peer.closeCode),
    [4403, 4403],
  );
  await finish();
});

test("close: says 1001 to every agent and resolves when all are gone", async () => {
  const { door, upgrade, registry, finish } = setup();
  const peers = [upgrade(MUX), upgrade()];
  await Promise.all(peers.map((peer) => peer.heard()));
  const closed = door.close();
  await Promise.all(peers.map((peer) => peer.heard()));
  assert.deepEqual(
    peers.map((peer) => peer.closeCode),
    [1001, 1001],
  );
  await finish();
  await closed;
  assert.equal(door.links, 0);
  assert.deepEqual(registry.records, []);
});

test("faults G1: no hello in 5 s ends a mux link with 4401", async () => {
  const { door, clock, upgrade, finish } = setup();
  const peer = upgrade(MUX);
  await peer.heard();
  clock.advance(4_999);
  const farewell = peer.heard();
  clock.advance(1);
  await farewell;
  assert.equal(peer.closeCode, 4401);
  assert.equal(door.links, 1);
  await finish();
});

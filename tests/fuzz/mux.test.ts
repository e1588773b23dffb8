/** A hostile peer at the mux core: whatever arrives, it answers with a close code at worst. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FRAME, HEADER_BYTES, LAST_DATA, writeHeader } from "@porchlight/protocol/frame";
import type { Hello, OpenTcp, Welcome } from "@porchlight/protocol/message";
import { Mux } from "@porchlight/protocol/mux";
import type { MuxHandler } from "@porchlight/protocol/mux-handler";
import type { StreamHandler } from "@porchlight/protocol/stream";
import { FUZZ_RUNS } from "./runs.ts";

const WELCOME: Welcome = { version: 1, agentId: "agent_1", linkId: "link_1", heartbeatMs: 1000 };
const HELLO: Hello = {
  version: 1,
  agentVersion: "0",
  name: "n",
  os: "o",
  capabilities: [],
  maxConcurrency: 1,
  labels: {},
  policy: {},
  takeover: true,
};
const OPEN: OpenTcp = { kind: "tcp", jobId: "j", host: "example.com", port: 443 };
const HEAD = { kind: "tcp", address: "203.0.113.1", dnsMs: 0, connectMs: 0 };

const TYPES = [...Object.values(FRAME), LAST_DATA, 0x55];

/** JSON of every message, right and nearly right, and bytes that are no message at all. */
const payload = fc.oneof(
  fc
    .constantFrom(WELCOME, HELLO, OPEN, HEAD, {}, [], ["a"], { reason: "r" }, { paused: 1 })
    .map((value) => Buffer.from(JSON.stringify(value))),
  fc
    .constantFrom(OPEN, HEAD, {})
    .map((value) =>
      Buffer.concat([Buffer.from([0, 16, 0, 0]), Buffer.from(JSON.stringify(value))]),
    ),
  fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  fc.nat(70_000).map((size) => Buffer.alloc(size)),
);

const frame = fc.record({ type: fc.constantFrom(...TYPES), streamId: fc.nat(5), payload });
const message = fc.oneof(
  { weight: 9, arbitrary: fc.array(frame, { minLength: 1, maxLength: 4 }).map(encode) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }) },
);

function encode(
  frames: readonly { type: number; streamId: number; payload: Buffer }[],
): Uint8Array {
  return Buffer.concat(
    frames.flatMap(({ type, streamId, payload: bytes }) => {
      const header = new Uint8Array(HEADER_BYTES);
      writeHeader(header, 0, { type, bytes: bytes.length, streamId });
      return [header, bytes];
    }),
  );
}

/** A handler that checks the order of what it hears. */
class CheckedHandler implements MuxHandler {
  readonly opens: boolean;
  mux: Mux | undefined;
  broken: number | undefined;
  heldBytes = 0;

  constructor(opens: boolean) {
    this.opens = opens;
  }
  onHello(): void {
    this.#unbroken();
    this.mux?.welcome(WELCOME);
  }
  onWelcome(): void {
    this.#unbroken();
  }
  onOpen(): StreamHandler {
    this.#unbroken();
    return this.stream();
  }
  onDrain(): void {
    this.#unbroken();
  }
  onStatus(): void {
    this.#unbroken();
  }
  onIdle(): void {
    // Nothing to check: it may come with any end of a stream.
  }
  onBroken(code: number): void {
    this.#unbroken();
    this.broken = code;
  }
  onFault(error: unknown): void {
    throw error;
  }
  onOutput(): void {
    // Output is taken after each message.
  }

  /** A stream's user that holds what it gets and checks that nothing follows an end. */
  stream(): StreamHandler {
    let over = false;
    const alive = () => assert.equal(over, false);
    return {
      onHead: alive,
      onData: (chunk) => {
        alive();
        this.heldBytes += chunk.length;
      },
      onEnd: alive,
      onDrain: alive,
      onError: () => {
        alive();
        over = true;
      },
    };
  }

  #unbroken(): void {
    assert.equal(this.broken, undefined, "heard something after the link was broken");
  }
}

function attack(role: "orchestrator" | "agent", messages: readonly Uint8Array[]): void {
  const handler = new CheckedHandler(role === "orchestrator");
  const mux = new Mux({ role, handler, heartbeatMs: 1000, nowMs: 0 });
  handler.mux = mux;
  const greeting = role === "orchestrator" ? [FRAME.hello, HELLO] : [FRAME.welcome, WELCOME];
  const [type, value] = greeting as [number, unknown];
  mux.receive(
    encode([{ type, streamId: 0, payload: Buffer.from(JSON.stringify(value)) }]),
    true,
    1,
  );
  if (role === "orchestrator") for (const _ of [1, 2, 3]) mux.open(OPEN, handler.stream());
  let nowMs = 1;
  for (const bytes of messages) {
    const cut = bytes.length >> 1;
    mux.receive(bytes.subarray(0, cut), false, ++nowMs);
    if (handler.broken !== undefined) break;
    mux.receive(bytes.subarray(cut), true, nowMs);
    while (mux.takeMessage(nowMs) !== undefined);
    if (handler.broken !== undefined) break;
  }
  assert.ok(handler.heldBytes <= 5 * 1024 * 1024);
}

for (const role of ["orchestrator", "agent"] as const) {
  test(`faults G3: the mux of the ${role} survives any sequence of frames`, () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), (messages) => attack(role, messages)),
      { numRuns: FUZZ_RUNS },
    );
  });
}

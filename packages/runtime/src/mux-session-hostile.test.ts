/** What a peer may do wrong on a link, and what it costs: that link alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FRAME,
  HEADER_BYTES,
  LAST_DATA,
  encodeAbortFrame,
  encodeCreditFrame,
  encodeJsonFrame,
  encodeOpenFrame,
  encodePingFrame,
  writeHeader,
} from "@porchlight/protocol/frame";
import {
  INITIAL_WINDOW_BYTES,
  MAX_DATA_BYTES,
  MAX_STREAMS_PER_LINK,
  PRESSED_WINDOW_BYTES,
} from "@porchlight/protocol/limits";
import { MemoryBudget } from "@porchlight/protocol/memory-budget";
import { simulatedLink } from "@porchlight/testkit/simulated-link";
import { VirtualClock } from "@porchlight/testkit/virtual-clock";
import { createMuxSession } from "./mux-session.ts";
import type { Session } from "./session.ts";
import type { OutgoingMessage } from "@porchlight/protocol/transport";
import {
  HEAD,
  HELLO,
  HEARTBEAT_MS,
  Heard,
  OPEN,
  type Pair,
  startPair,
} from "@porchlight/testkit/session-pair";

test("faults G1: no HELLO in time closes with 4401", () => {
  const { clock, closes } = startPair({ silent: true });
  clock.advance(5000);
  assert.equal(closes.find(({ side }) => side === "orchestrator")?.code, 4401);
});

test("faults G5: a flood of empty frames closes with 4429", () => {
  const { clock, link, closes } = startPair();
  for (let index = 0; index < 20; index++) {
    const pings = Array.from({ length: 1000 }, () => encodePingFrame(1));
    link.b.send(messageOf(...pings));
  }
  clock.advance(10);
  assert.equal(closes[0]?.code, 4429);
});

test("faults G3: rubbish closes that link with 4400 and fails its streams agent_protocol_error", () => {
  const { clock, link, orchestrator, closes } = startPair();
  const heard = new Heard();
  orchestrator.open(OPEN, heard);
  link.b.send(messageOf(Buffer.from("this is no frame")));
  clock.advance(10);
  assert.equal(closes[0]?.code, 4400);
  assert.equal(heard.error?.code, "agent_protocol_error");
});

test("faults G11: more data than credit closes the link; data for a stream that never was, too", () => {
  for (const streamId of [1, 9]) {
    const { clock, link, orchestrator, closes } = startPair();
    orchestrator.open(OPEN, new Heard());
    clock.advance(5);
    const head = Buffer.concat([frameOf(FRAME.head, 1, Buffer.from(JSON.stringify(HEAD)))]);
    link.b.send(messageOf(head));
    const data = frameOf(FRAME.data, streamId, new Uint8Array(MAX_DATA_BYTES));
    const times = INITIAL_WINDOW_BYTES / MAX_DATA_BYTES + 1;
    for (let index = 0; index < times; index++) link.b.send(messageOf(data));
    clock.advance(10);
    assert.equal(closes[0]?.code, 4400);
  }
});

/** A pair whose agent has been asked for one stream, and answers by hand. */
function startAsked(options: Parameters<typeof startPair>[0] = {}): Pair & { heard: Heard } {
  const pair = startPair(options);
  const heard = new Heard();
  pair.orchestrator.open(OPEN, heard);
  pair.clock.advance(5);
  return { ...pair, heard };
}

const HEAD_FRAME = encodeJsonFrame(FRAME.head, 1, HEAD);
const EMPTY = new Uint8Array(0);

test("faults G3: what breaks the rules of a stream closes the link with 4400", () => {
  const data = frameOf(FRAME.data, 1, Buffer.from("x"));
  const last = frameOf(LAST_DATA, 1, Buffer.from("x"));
  const cases: Record<string, Uint8Array[]> = {
    "data before HEAD": [data],
    "an end before HEAD": [last],
    "trailers before HEAD": [encodeJsonFrame(FRAME.trailers, 1, [])],
    "a second HEAD": [HEAD_FRAME, HEAD_FRAME],
    "data behind the end": [HEAD_FRAME, last, data],
    "a second end": [HEAD_FRAME, last, last],
    "trailers behind the end": [HEAD_FRAME, last, encodeJsonFrame(FRAME.trailers, 1, [])],
    "HEAD behind the end": [HEAD_FRAME, last, HEAD_FRAME],
    "OPEN from an agent": [encodeOpenFrame(2, 1000, OPEN)],
    "WELCOME from an agent": [encodeJsonFrame(FRAME.welcome, 0, HELLO)],
    "a second HELLO": [encodeJsonFrame(FRAME.hello, 0, HELLO)],
    "a stream of number 0": [frameOf(FRAME.data, 0, EMPTY)],
    "a PING about a stream": [frameOf(FRAME.ping, 1, new Uint8Array(8))],
    "a PING of four bytes": [frameOf(FRAME.ping, 0, new Uint8Array(4))],
    "a CREDIT of three bytes": [frameOf(FRAME.credit, 1, new Uint8Array(3))],
    "an ABORT of one byte": [frameOf(FRAME.abort, 1, new Uint8Array(1))],
    "an ABORT that is no text": [frameOf(FRAME.abort, 1, Uint8Array.of(0, 61, 0xff))],
    "more credit than can be": [encodeCreditFrame(1, 2 ** 31 - 1)],
  };
  for (const [what, frames] of Object.entries(cases)) {
    const { clock, link, closes, heard } = startAsked();
    link.b.send(messageOf(...frames));
    clock.advance(5);
    assert.equal(closes[0]?.code, 4400, what);
    assert.equal(heard.error?.code, "agent_protocol_error", what);
  }
});

test("faults G3: an agent takes no ids again, no answers and no status from an orchestrator", () => {
  const cases: Record<string, Uint8Array> = {
    "an id again": encodeOpenFrame(1, 1000, OPEN),
    HEAD: HEAD_FRAME,
    TRAILERS: encodeJsonFrame(FRAME.trailers, 1, []),
    STATUS: encodeJsonFrame(FRAME.status, 0, {}),
    HELLO: encodeJsonFrame(FRAME.hello, 0, {}),
    "an OPEN of three bytes": frameOf(FRAME.open, 2, Buffer.from("{} ")),
  };
  for (const [what, frame] of Object.entries(cases)) {
    const { clock, link, closes } = startAsked();
    link.a.send(messageOf(frame));
    clock.advance(5);
    assert.deepEqual([closes[0]?.side, closes[0]?.code], ["agent", 4400], what);
  }
});

test("faults G3: nothing but HELLO may come before WELCOME", () => {
  const welcome = encodeJsonFrame(FRAME.welcome, 0, HELLO);
  for (const frame of [encodePingFrame(1), frameOf(FRAME.data, 1, EMPTY), HEAD_FRAME, welcome]) {
    const { clock, link, closes } = startPair({ silent: true });
    link.b.send(messageOf(frame));
    clock.advance(5);
    assert.deepEqual([closes[0]?.side, closes[0]?.code], ["orchestrator", 4400]);
    assert.match(closes[0]?.reason ?? "", /greeting/u);
  }
  const { clock, link, closes } = startPair({ silent: true });
  link.a.send(messageOf(encodeOpenFrame(1, 1000, OPEN)));
  clock.advance(5);
  assert.deepEqual([closes[0]?.side, closes[0]?.code], ["agent", 4400]);
});

test("a link carries MAX_STREAMS_PER_LINK streams: one more is refused here, and ends the link at the agent", () => {
  const { clock, link, orchestrator, closes } = startPair();
  for (let open = 0; open < MAX_STREAMS_PER_LINK; open++) orchestrator.open(OPEN, new Heard());
  const heard = new Heard();
  orchestrator.open(OPEN, heard);
  clock.advance(5);
  assert.equal(heard.error?.code, "overloaded");
  assert.equal(closes.length, 0);
  link.a.send(messageOf(encodeOpenFrame(MAX_STREAMS_PER_LINK + 1, 1000, OPEN)));
  clock.advance(5);
  assert.deepEqual([closes[0]?.side, closes[0]?.code], ["agent", 4400]);
});

test("faults F10: while memory is short, a new stream may send 64 KiB", () => {
  const budget = new MemoryBudget(1000);
  const { clock, orchestrator, accepted } = startPair({ budget });
  budget.acquire(600);
  const heard = new Heard();
  orchestrator.open(OPEN, heard);
  clock.advance(5);
  budget.release(600);
  budget.acquire(-1e9);
  accepted[0]?.stream.head(HEAD);
  accepted[0]?.stream.write(new Uint8Array(200_000));
  clock.advance(5);
  assert.equal(heard.bytes, PRESSED_WINDOW_BYTES);
});

test("faults G1: an agent that hears no WELCOME ends the link, too", () => {
  const { clock, closes } = startPair({ silent: true });
  clock.advance(5000);
  assert.deepEqual(
    closes.map(({ code }) => code),
    [4401, 4401],
  );
});

test("faults G11: what breaks the rules holds no memory once its link is gone", () => {
  const large = frameOf(FRAME.data, 1, new Uint8Array(MAX_DATA_BYTES));
  const overdrawn = Array.from({ length: INITIAL_WINDOW_BYTES / MAX_DATA_BYTES + 1 }, () => large);
  for (const frames of [[large], [HEAD_FRAME, ...overdrawn]]) {
    const budget = new MemoryBudget(100e6);
    const { clock, link, closes } = startAsked({ budget });
    for (const frame of frames) link.b.send(messageOf(frame));
    clock.advance(5);
    assert.equal(closes.length, 2);
    assert.equal(budget.usedBytes, 0);
  }
});

test("faults G5: frames that carry nothing are flooding, of every kind", () => {
  const kinds = {
    PONG: frameOf(FRAME.pong, 0, new Uint8Array(8)),
    "empty DATA": frameOf(FRAME.data, 1, EMPTY),
    "small CREDIT": encodeCreditFrame(1, 1),
    STATUS: encodeJsonFrame(FRAME.status, 0, {}),
    DRAIN: encodeJsonFrame(FRAME.drain, 0, { reason: "" }),
  };
  for (const [what, frame] of Object.entries(kinds)) {
    const { clock, link, closes } = startAsked();
    link.b.send(messageOf(HEAD_FRAME));
    for (let sent = 0; sent < 20_000; sent += 1000) {
      link.b.send(messageOf(...Array.from({ length: 1000 }, () => frame)));
    }
    clock.advance(5);
    assert.equal(closes[0]?.code, 4429, what);
  }
});

test("faults G5: frames of streams that are over are flooding once more come than were under way", () => {
  const { clock, link, closes } = startAsked();
  link.b.send(messageOf(encodeAbortFrame(1, { wire: 81, reason: "over", unsent: false })));
  const late = frameOf(FRAME.data, 1, Buffer.from("x"));
  for (let sent = 0; sent < 20_000; sent += 1000) {
    link.b.send(messageOf(...Array.from({ length: 1000 }, () => late)));
  }
  clock.advance(5);
  assert.equal(closes[0]?.code, 4429);
});

test("a reader that gives up many streams at once does not make an honest agent look like a flood", () => {
  const { clock, link, orchestrator, closes } = startPair();
  const streams = Array.from({ length: 200 }, () => orchestrator.open(OPEN, new Heard()));
  clock.advance(5);
  for (const stream of streams) stream.abort("cancelled", "The client went away");
  const small = new Uint8Array(4000);
  for (const { id } of streams) {
    const pieces = Array.from({ length: 60 }, () => frameOf(FRAME.data, id, small));
    link.b.send(messageOf(...pieces));
  }
  clock.advance(5);
  assert.deepEqual(closes, []);
});

test("faults G5: a peer that makes this side answer and reads no answer is closed, its memory bounded", () => {
  const clock = new VirtualClock();
  const link = simulatedLink(clock);
  const closes: number[] = [];
  const orchestrator: Session = createMuxSession({
    role: "orchestrator",
    transport: link.a,
    clock,
    handler: {
      onHello: () =>
        orchestrator.welcome({ version: 1, agentId: "", linkId: "", heartbeatMs: HEARTBEAT_MS }),
      onClose: (code) => void closes.push(code),
    },
  });
  link.b.send(messageOf(encodeJsonFrame(FRAME.hello, 0, HELLO)));
  clock.advance(5);
  // The line takes nothing more: what is handed to it never leaves.
  link.a.bufferedBytes = Number.POSITIVE_INFINITY;
  let seconds = 0;
  for (; seconds < 300 && closes.length === 0; seconds++) {
    link.b.send(messageOf(...Array.from({ length: 900 }, () => encodePingFrame(1))));
    clock.advance(1000);
  }
  assert.deepEqual(closes, [4429]);
  assert.ok(seconds > 10 && seconds < 120, `${seconds} s`);
});

test("faults G14: each side alone finds that the other has fallen silent", () => {
  for (const side of ["orchestrator", "agent"] as const) {
    const { clock, link, closes } = startPair({ latencyMs: 5 });
    // What one side sends is lost; it still hears the other.
    (side === "agent" ? link.a : link.b).silent = true;
    clock.advance(2 * HEARTBEAT_MS + 50);
    assert.equal(closes[0]?.side, side);
    assert.equal(closes[0]?.code, 1001);
  }
});

function frameOf(type: number, streamId: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  writeHeader(frame, 0, { type, bytes: payload.length, streamId });
  frame.set(payload, HEADER_BYTES);
  return frame;
}

function messageOf(...parts: Uint8Array[]): OutgoingMessage {
  return { parts, totalBytes: Buffer.concat(parts).length, roomBytes: 0 };
}

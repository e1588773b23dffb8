import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodePingFrame } from "@porchlight/protocol/frame";
import { INITIAL_WINDOW_BYTES, MAX_STREAMS_PER_LINK } from "@porchlight/protocol/limits";
import { MemoryBudget } from "@porchlight/protocol/memory-budget";
import { HEAD, HEARTBEAT_MS, Heard, OPEN, pour, startPair } from "@porchlight/testkit/session-pair";
import type { SimulatedLineOptions } from "@porchlight/testkit/simulated-link";

test("Session carries a stream both ways: opening, head, data, half-close, trailers", () => {
  const { clock, orchestrator, accepted } = startPair({ latencyMs: 5 });
  const heard = new Heard();
  const stream = orchestrator.open(OPEN, heard);
  stream.write(Buffer.from("question"));
  stream.end();
  clock.advance(20);
  const [answer] = accepted;
  assert.ok(answer);
  assert.deepEqual(answer.open, OPEN);
  assert.equal(Buffer.concat(answer.heard.chunks).toString(), "question");
  assert.equal(answer.heard.ended, true);
  answer.stream.head(HEAD);
  answer.stream.write(Buffer.from("answer"));
  answer.stream.end(["x-sum", "1"]);
  clock.advance(20);
  assert.deepEqual(heard.head, HEAD);
  assert.equal(Buffer.concat(heard.chunks).toString(), "answer");
  assert.deepEqual(heard.trailers, ["x-sum", "1"]);
  assert.equal(orchestrator.streams, 0);
});

test("Session lends bytes for the call only to who borrows, and gives copies to everybody else", () => {
  const { clock, orchestrator, accepted } = startPair();
  const handlers = [new Heard(), new Heard()] as const;
  const [, borrower] = handlers;
  borrower.borrows = true;
  const read: string[] = [];
  for (const heard of handlers) {
    heard.onChunk = (chunk) => read.push(Buffer.from(chunk).toString());
    orchestrator.open(OPEN, heard);
  }
  clock.advance(20);
  for (const { stream } of accepted) {
    stream.head(HEAD);
    stream.write(Buffer.from("bytes"));
  }
  clock.advance(20);
  assert.deepEqual(read, ["bytes", "bytes"]);
  const kept = handlers.map(({ chunks }) => Buffer.concat(chunks).toString("latin1"));
  assert.deepEqual(kept, ["bytes", "\xdb".repeat(5)]);
});

test("Session hands everything written in one turn to the transport as one message", () => {
  const { clock, link, orchestrator } = startPair();
  const before = link.a.sentMessages;
  for (let index = 0; index < 50; index++) {
    const stream = orchestrator.open(OPEN, new Heard());
    stream.write(Buffer.from("small"));
    stream.end();
  }
  clock.advance(1);
  assert.equal(link.a.sentMessages - before, 1);
});

test("faults F10: a reader that does not drain stalls its own stream only, at its window", () => {
  const { clock, orchestrator } = startPair({
    latencyMs: 1,
    bytesPerSecond: 100e6,
    onOpen: (stream, heard) => {
      stream.head(HEAD);
      pour(stream, heard, { bytes: 5_000_000, pieceBytes: 60_000 });
    },
  });
  const slow = new Heard();
  const fast = new Heard();
  orchestrator.open(OPEN, slow);
  const fastStream = orchestrator.open(OPEN, fast);
  fast.onChunk = (chunk) => fastStream.consume(chunk.length);
  clock.advance(900);
  assert.equal(slow.bytes, INITIAL_WINDOW_BYTES);
  assert.equal(fast.bytes, 5_000_000);
  assert.equal(fast.ended, true);
});

test("Session grows the window: one stream fills a 200 Mbit/s line of 100 ms round trip to 80 %", () => {
  const lineBytesPerSecond = 25e6;
  const { clock, orchestrator } = startPair({
    latencyMs: 50,
    bytesPerSecond: lineBytesPerSecond,
    onOpen: (stream, heard) => {
      stream.head(HEAD);
      pour(stream, heard, { bytes: 200e6, pieceBytes: 64 * 1024 });
    },
  });
  const heard = new Heard();
  const stream = orchestrator.open(OPEN, heard);
  heard.onChunk = (chunk) => stream.consume(chunk.length);
  clock.advance(2000);
  const early = heard.bytes;
  clock.advance(2000);
  const rate = (heard.bytes - early) / 2;
  assert.ok(rate >= 0.8 * lineBytesPerSecond, `${Math.round((100 * rate) / lineBytesPerSecond)} %`);
});

test("Session sends control before data and lets streams take turns: a small answer overtakes bulk", () => {
  const { clock, orchestrator, accepted } = startPair({
    latencyMs: 1,
    bytesPerSecond: 10e6,
    onOpen: (stream, heard) => {
      stream.head(HEAD);
      pour(stream, heard, { bytes: accepted.length === 1 ? 100e6 : 1000, pieceBytes: 64 * 1024 });
    },
  });
  const bulk = new Heard();
  const bulkStream = orchestrator.open(OPEN, bulk);
  bulk.onChunk = (chunk) => bulkStream.consume(chunk.length);
  clock.advance(500);
  const small = new Heard();
  orchestrator.open(OPEN, small);
  // What stands before it: the gate's 256 KiB and a message, 33 ms of this line.
  clock.advance(60);
  assert.equal(small.ended, true);
  assert.equal(bulk.ended, false);
});

test("abort reaches the other side with its code and reason, and drops what is queued", () => {
  const { clock, orchestrator, accepted } = startPair({ latencyMs: 1 });
  const heard = new Heard();
  const stream = orchestrator.open(OPEN, heard);
  clock.advance(10);
  accepted[0]?.stream.head(HEAD);
  accepted[0]?.stream.write(new Uint8Array(1000));
  accepted[0]?.stream.abort("connection_reset", "The target reset the connection");
  clock.advance(10);
  assert.equal(heard.error?.code, "connection_reset");
  assert.equal(heard.error?.message, "The target reset the connection");
  assert.equal(heard.bytes, 0);
  stream.abort("cancelled", "late");
  assert.equal(orchestrator.streams, 0);
});

test("frames that cross with the end of their stream are dropped without harm", () => {
  const { clock, orchestrator, accepted, closes } = startPair({ latencyMs: 10 });
  const stream = orchestrator.open(OPEN, new Heard());
  clock.advance(30);
  accepted[0]?.stream.head(HEAD);
  accepted[0]?.stream.write(new Uint8Array(5000));
  stream.abort("cancelled", "No longer wanted");
  clock.advance(50);
  assert.equal(accepted[0]?.heard.error?.code, "cancelled");
  assert.deepEqual(closes, []);
});

test("faults G14: two silent heartbeats end the link on both sides, and its streams with agent_lost", () => {
  const { clock, link, orchestrator, accepted, closes } = startPair({ latencyMs: 5 });
  const heard = new Heard();
  orchestrator.open(OPEN, heard);
  clock.advance(20);
  const silentAtMs = clock.nowMs;
  link.silence();
  clock.advance(2 * HEARTBEAT_MS + 50);
  assert.equal(heard.error?.code, "agent_lost");
  assert.equal(accepted[0]?.heard.error?.code, "agent_lost");
  assert.deepEqual(closes.map(({ side }) => side).toSorted(), ["agent", "orchestrator"]);
  for (const { atMs } of closes) assert.ok(atMs - silentAtMs <= 2 * HEARTBEAT_MS + 50);
});

test("pings keep an idle link alive and measure its round trip", () => {
  const { clock, orchestrator, closes } = startPair({ latencyMs: 40 });
  clock.advance(20 * HEARTBEAT_MS);
  assert.deepEqual(closes, []);
  assert.equal(Math.round(orchestrator.rttMs ?? 0), 80);
});

test("faults F10: beyond the budget the stream that holds most is ended, the others go on", () => {
  const budget = new MemoryBudget(3 * INITIAL_WINDOW_BYTES);
  const { clock, orchestrator, closes } = startPair({
    budget,
    onOpen: (stream, heard) => {
      stream.head(HEAD);
      pour(stream, heard, { bytes: 900_000, pieceBytes: 64 * 1024 });
    },
  });
  const readers = Array.from({ length: 6 }, () => {
    const heard = new Heard();
    orchestrator.open(OPEN, heard);
    return heard;
  });
  clock.advance(100);
  assert.ok(budget.usedBytes <= 3 * INITIAL_WINDOW_BYTES);
  assert.ok(readers.some((heard) => heard.error?.code === "overloaded"));
  assert.ok(readers.some((heard) => heard.error === undefined));
  assert.deepEqual(closes, []);
});

test("budget is given back in full when streams end, however they end", () => {
  const budget = new MemoryBudget(100e6);
  const { clock, orchestrator } = startPair({
    budget,
    onOpen: (stream) => {
      stream.head(HEAD);
      stream.write(new Uint8Array(10_000));
      stream.end();
    },
  });
  const streams = [1, 2, 3].map(() => {
    const stream = orchestrator.open(OPEN, new Heard());
    stream.end();
    return stream;
  });
  clock.advance(10);
  assert.equal(budget.usedBytes, 30_000);
  streams[0]?.consume(10_000);
  streams[1]?.abort("cancelled", "");
  assert.equal(budget.usedBytes, 10_000);
  streams[2]?.consume(1e9);
  assert.equal(budget.usedBytes, 0);
});

test("a handler that throws costs its stream, not the link", () => {
  const { clock, orchestrator, faults, closes } = startPair({
    onOpen: () => {
      throw new TypeError("a fault of this program");
    },
  });
  const heard = new Heard();
  orchestrator.open(OPEN, heard);
  clock.advance(10);
  assert.equal(heard.error?.code, "internal");
  assert.equal(faults.length, 1);
  assert.deepEqual(closes, []);
});

test("drain and status are told; open on a closed link fails agent_lost, in a later turn", () => {
  const { clock, orchestrator, agent, drains, statuses } = startPair();
  orchestrator.drain("A new version is installed");
  agent.status({ paused: "Outside the hours 22:00-07:00" });
  clock.advance(5);
  assert.deepEqual(drains, ["A new version is installed"]);
  assert.deepEqual(statuses, [{ paused: "Outside the hours 22:00-07:00" }]);
  orchestrator.close(1001, "Going away");
  const heard = new Heard();
  orchestrator.open(OPEN, heard);
  assert.equal(heard.failed, false);
  clock.advance(5);
  assert.equal(heard.error?.code, "agent_lost");
});

test("any interleaving of writes, drains and ends delivers every byte, in order, and ends once", () => {
  const step = fc.record({
    stream: fc.nat(3),
    bytes: fc.integer({ min: 1, max: 300_000 }),
    consume: fc.nat(400_000),
    ms: fc.nat(30),
  });
  const line = fc.record({
    latencyMs: fc.nat(40),
    bytesPerSecond: fc.integer({ min: 1e6, max: 1e9 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), line, (steps, options) => {
      runInterleaving(steps, options);
    }),
    { numRuns: 60 },
  );
});

interface Step {
  readonly stream: number;
  readonly bytes: number;
  readonly consume: number;
  readonly ms: number;
}

function runInterleaving(steps: readonly Step[], line: SimulatedLineOptions): void {
  const { clock, orchestrator, accepted, closes } = startPair(line);
  const readers = [0, 1, 2, 3].map(() => {
    const heard = new Heard();
    return { heard, stream: orchestrator.open(OPEN, heard), consumed: 0, expected: [] as number[] };
  });
  clock.advance(200);
  for (const { stream } of accepted) stream.head(HEAD);
  for (const [index, step] of steps.entries()) {
    const reader = readers[step.stream];
    assert.ok(reader);
    accepted[step.stream]?.stream.write(new Uint8Array(step.bytes).fill(index & 0xff));
    for (let byte = 0; byte < step.bytes; byte += 1000) reader.expected.push(index & 0xff);
    reader.stream.consume(step.consume);
    reader.consumed += step.consume;
    clock.advance(step.ms);
  }
  for (const { stream } of accepted) stream.end();
  for (const { heard, stream } of readers) {
    stream.consume(heard.bytes);
    heard.onChunk = (chunk) => stream.consume(chunk.length);
    stream.end();
  }
  clock.advance(60_000);
  assert.deepEqual(closes, []);
  for (const [index, { heard }] of readers.entries()) {
    const written = steps.filter((step) => step.stream === index);
    assert.equal(
      heard.bytes,
      written.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    assert.equal(heard.ended, true);
    assert.deepEqual(runsOf(heard.chunks), runsOfSteps(steps, index));
  }
  assert.equal(orchestrator.streams, 0);
}

/** [value, length] of each run of equal bytes: the order of what was written, whatever the chunks. */
function runsOf(chunks: readonly Uint8Array[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const byte of Buffer.concat(chunks)) {
    const last = runs.at(-1);
    if (last?.[0] === byte) last[1]++;
    else runs.push([byte, 1]);
  }
  return runs;
}

function runsOfSteps(steps: readonly Step[], stream: number): [number, number][] {
  return steps.flatMap((step, index): [number, number][] =>
    step.stream === stream ? [[index & 0xff, step.bytes]] : [],
  );
}

test("faults F19: bytes that came while the event loop stood still count before the link is judged", () => {
  const { clock, link, closes } = startPair();
  const agentSays = link.a.hearMessage.bind(link.a);
  clock.advance(10 * HEARTBEAT_MS);
  const heardAtMs = clock.nowMs;
  agentSays(encodePingFrame(1));
  link.silence();
  clock.advance(2 * HEARTBEAT_MS - 1);
  assert.equal(clock.nowMs, heardAtMs + 2 * HEARTBEAT_MS - 1);
  // The timer falls due first; the bytes are read in the same turn.
  clock.schedule(1, () => agentSays(encodePingFrame(1)));
  clock.advance(1);
  assert.ok(closes.every(({ side }) => side !== "orchestrator"));
  clock.advance(2 * HEARTBEAT_MS);
  assert.ok(closes.some(({ side }) => side === "orchestrator"));
});

test("faults F19: a block between a timer and its judgement is nobody's silence", () => {
  const { clock, link, closes } = startPair();
  const agentSays = link.a.hearMessage.bind(link.a);
  link.silence();
  // The loop stands still behind the timers, judges, and then reads what has come meanwhile.
  clock.soon = (act) => {
    clock.schedule(5 * HEARTBEAT_MS, () => {
      act();
      clock.schedule(0, () => agentSays(encodePingFrame(1)));
    });
  };
  clock.advance(10 * HEARTBEAT_MS);
  assert.ok(closes.every(({ side }) => side !== "orchestrator"));
});

test("an orchestrator measures the round trip also while the agent sends", () => {
  const { clock, orchestrator, accepted } = startPair({ latencyMs: 40 });
  orchestrator.open(OPEN, new Heard());
  clock.advance(100);
  accepted[0]?.stream.head(HEAD);
  for (let beat = 0; beat < 30; beat++) {
    accepted[0]?.stream.write(Buffer.from("x"));
    clock.advance(HEARTBEAT_MS / 5);
  }
  assert.equal(Math.round(orchestrator.rttMs ?? 0), 80);
});

test("streams beyond those of a link are refused as overloaded, with nothing sent", () => {
  const { clock, orchestrator } = startPair();
  for (let index = 0; index < MAX_STREAMS_PER_LINK; index++) orchestrator.open(OPEN, new Heard());
  const beyond = new Heard();
  orchestrator.open(OPEN, beyond);
  clock.advance(1);
  assert.deepEqual([beyond.error?.code, beyond.error?.unsent], ["overloaded", true]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  FRAME,
  HEADER_BYTES,
  LAST_DATA,
  ProtocolViolation,
  decodeAbort,
  decodeJson,
  encodeAbortFrame,
  encodeCreditFrame,
  encodeJsonFrame,
  encodeOpenFrame,
  readUint32,
  writeHeader,
} from "./frame.ts";
import { FrameReader } from "./frame-reader.ts";
import { MAX_CONTROL_BYTES, MAX_DATA_BYTES } from "./limits.ts";

interface SeenFrame {
  readonly type: number;
  readonly id: number;
  readonly payload: Uint8Array;
  readonly ended: boolean;
}

/** What the frames of a message say when it arrives in pieces of `pieceBytes`. */
function framesOf(message: Uint8Array, pieceBytes = message.length): SeenFrame[] {
  const seen: SeenFrame[] = [];
  const reader = new FrameReader({
    onControl: (type, id, payload) => {
      seen.push({ type, id, payload: Buffer.from(payload), ended: false });
    },
    onData: (id, payload, ended) => {
      seen.push({ type: FRAME.data, id, payload: Buffer.from(payload), ended });
    },
  });
  for (let start = 0; start < message.length; start += pieceBytes) {
    const end = Math.min(message.length, start + pieceBytes);
    reader.push(message.subarray(start, end), end === message.length);
  }
  return joinData(seen);
}

/** Joins neighbouring pieces of one stream: where they were cut means nothing. */
function joinData(frames: readonly SeenFrame[]): SeenFrame[] {
  const joined: SeenFrame[] = [];
  for (const frame of frames) {
    const last = joined.at(-1);
    const isData = frame.type === FRAME.data || frame.type === LAST_DATA;
    const joins = isData && last?.type === FRAME.data && last.id === frame.id && !last.ended;
    if (last && joins) {
      const payload = Buffer.concat([last.payload, frame.payload]);
      joined[joined.length - 1] = { ...frame, type: FRAME.data, payload };
    } else {
      joined.push(isData ? { ...frame, type: FRAME.data } : frame);
    }
  }
  return joined;
}

function dataFrame(streamId: number, payload: Uint8Array, type: number = FRAME.data): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  writeHeader(frame, 0, { type, bytes: payload.length, streamId });
  frame.set(payload, HEADER_BYTES);
  return frame;
}

const anyFrame = fc.record({
  id: fc.integer({ min: 0, max: 0xffff_ffff }),
  type: fc.constantFrom(FRAME.data, LAST_DATA, FRAME.head, FRAME.credit),
  payload: fc.uint8Array({ maxLength: 300 }),
});

test("FrameReader gives back every frame of a message, in whatever pieces it arrives", () => {
  const frames = fc.array(anyFrame, { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 400 }), (sent, pieceBytes) => {
      const message = Buffer.concat(
        sent.map(({ id, payload, type }) => dataFrame(id, payload, type)),
      );
      const expected = sent.map(({ type, id, payload }) => {
        return { type, id, payload: Buffer.from(payload), ended: type === LAST_DATA };
      });
      assert.deepEqual(framesOf(message, pieceBytes), joinData(expected));
    }),
  );
});

const WHOLE = Buffer.concat([
  encodeOpenFrame(7, 65_536, { kind: "tcp", host: "example.com", port: 443 }),
  dataFrame(7, Buffer.from("hello"), LAST_DATA),
  encodeCreditFrame(7, 12),
]);

test("FrameReader reads a message split at any byte into two", () => {
  const expected = framesOf(WHOLE);
  for (let cut = 1; cut < WHOLE.length; cut++) {
    const seen: number[] = [];
    const reader = new FrameReader({
      onControl: (type) => void seen.push(type),
      onData: (_, piece) => void seen.push(piece.length),
    });
    reader.push(WHOLE.subarray(0, cut), false);
    reader.push(WHOLE.subarray(cut), true);
    assert.equal(seen[0], expected[0]?.type);
    assert.equal(seen.at(-1), FRAME.credit);
  }
});

test("FrameReader refuses a message that ends at any byte that is no frame boundary", () => {
  const boundaries = new Set<number>();
  let offset = 0;
  for (const { payload } of framesOf(WHOLE)) {
    boundaries.add((offset += HEADER_BYTES + payload.length));
  }
  for (let length = 1; length < WHOLE.length; length++) {
    const read = () => framesOf(WHOLE.subarray(0, length));
    if (boundaries.has(length)) read();
    else assert.throws(read, ProtocolViolation, `cut at ${length}`);
  }
});

test("faults G3: FrameReader answers any bytes with frames or a ProtocolViolation", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        framesOf(bytes);
      } catch (error) {
        assert.ok(error instanceof ProtocolViolation);
      }
    }),
    { numRuns: 2000 },
  );
});

test("faults G3: FrameReader refuses unknown types, END on control frames and oversize", () => {
  assert.throws(() => framesOf(dataFrame(1, new Uint8Array(0), 0x7f)), /type 127 is unknown/u);
  assert.throws(
    () => framesOf(dataFrame(1, new Uint8Array(4), FRAME.credit | 0x80)),
    /is unknown/u,
  );
  assert.throws(() => framesOf(dataFrame(1, new Uint8Array(MAX_DATA_BYTES + 1))), /too large/u);
  const control = dataFrame(1, new Uint8Array(MAX_CONTROL_BYTES + 1), FRAME.head);
  assert.throws(() => framesOf(control), /too large/u);
});

test("frames about streams carry what they say", () => {
  const [open] = framesOf(encodeOpenFrame(3, 1_048_576, { kind: "tcp" }));
  assert.ok(open);
  assert.equal(readUint32(open.payload, 0), 1_048_576);
  assert.deepEqual(decodeJson(open.payload.subarray(4)), { kind: "tcp" });
  for (const unsent of [true, false]) {
    const said = { wire: 361, unsent, reason: "Gone – fort" };
    const [abort] = framesOf(encodeAbortFrame(3, said));
    assert.ok(abort);
    assert.deepEqual(decodeAbort(abort.payload), said);
  }
  assert.throws(() => decodeAbort(Uint8Array.of(1)), ProtocolViolation);
});

test("decodeJson refuses what is not UTF-8 or not JSON", () => {
  assert.throws(() => decodeJson(Uint8Array.of(0x22, 0xff, 0x22)), /not UTF-8/u);
  assert.throws(() => decodeJson(Buffer.from("{")), /not JSON/u);
});

test("encodeJsonFrame refuses what no peer would take", () => {
  assert.throws(() => encodeJsonFrame(FRAME.head, 1, "x".repeat(MAX_CONTROL_BYTES)), RangeError);
});

test("frames that are made one behind the other keep what they say, small and large", () => {
  const texts = Array.from({ length: 2_000 }, (_, index) => `${index} – `.repeat(index % 1_000));
  const frames = texts.map((text, index) => encodeJsonFrame(FRAME.head, index + 1, text));
  for (const [index, frame] of frames.entries()) {
    const [read] = framesOf(frame);
    assert.ok(read);
    assert.deepEqual([read.id, decodeJson(read.payload)], [index + 1, texts[index]]);
  }
});

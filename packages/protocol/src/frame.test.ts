import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  FRAME,
  HEADER_BYTES,
  LAST_DATA,
  ProtocolViolation,
  decodeJson,
  encodeAbortFrame,
  encodeCreditFrame,
  encodeJsonFrame,
  encodeOpenFrame,
  readFrames,
  readUint32,
  writeHeader,
} from "./frame.ts";
import { MAX_CONTROL_BYTES, MAX_DATA_BYTES } from "./limits.ts";

interface SeenFrame {
  readonly type: number;
  readonly id: number;
  readonly payload: Uint8Array;
  readonly ended: boolean;
}

function framesOf(message: Uint8Array): SeenFrame[] {
  const seen: SeenFrame[] = [];
  readFrames(message, (type, id, payload) => {
    seen.push({ type, id, payload, ended: type === LAST_DATA });
  });
  return seen;
}

function dataFrame(streamId: number, payload: Uint8Array, type: number = FRAME.data): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  writeHeader(frame, 0, { type, bytes: payload.length, streamId });
  frame.set(payload, HEADER_BYTES);
  return frame;
}

test("readFrames gives back every frame of a message, whatever they hold", () => {
  const frame = fc.record({
    id: fc.integer({ min: 0, max: 0xffff_ffff }),
    ended: fc.boolean(),
    payload: fc.uint8Array({ maxLength: 300 }),
  });
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 20 }), (frames) => {
      const message = Buffer.concat(
        frames.map(({ id, ended, payload }) =>
          dataFrame(id, payload, ended ? LAST_DATA : FRAME.data),
        ),
      );
      assert.deepEqual(
        framesOf(message).map(({ id, payload, ended }) => ({ id, ended, payload: [...payload] })),
        frames.map(({ id, payload, ended }) => ({ id, ended, payload: [...payload] })),
      );
    }),
  );
});

test("readFrames refuses a message cut at any byte that is no frame boundary", () => {
  const whole = Buffer.concat([
    encodeOpenFrame(7, 65_536, { kind: "tcp", host: "example.com", port: 443 }),
    dataFrame(7, Buffer.from("hello"), LAST_DATA),
    encodeCreditFrame(7, 12),
  ]);
  const boundaries = new Set<number>();
  let offset = 0;
  for (const { payload } of framesOf(whole))
    boundaries.add((offset += HEADER_BYTES + payload.length));
  for (let length = 0; length < whole.length; length++) {
    const read = () => framesOf(whole.subarray(0, length));
    if (boundaries.has(length)) read();
    else assert.throws(read, ProtocolViolation, `cut at ${length}`);
  }
});

test("faults G3: readFrames answers any bytes with frames or a ProtocolViolation", () => {
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

test("faults G3: readFrames refuses unknown types, END on control frames and oversize", () => {
  assert.throws(() => framesOf(dataFrame(1, new Uint8Array(0), 0x7f)), /type 127 is unknown/u);
  assert.throws(
    () => framesOf(dataFrame(1, new Uint8Array(4), FRAME.credit | 0x80)),
    /is unknown/u,
  );
  assert.throws(() => framesOf(dataFrame(1, new Uint8Array(MAX_DATA_BYTES + 1))), /too large/u);
  const control = dataFrame(1, new Uint8Array(MAX_CONTROL_BYTES + 1), FRAME.head);
  assert.throws(() => framesOf(control), /too large/u);
  assert.throws(() => framesOf(new Uint8Array(0)), /no frame/u);
});

test("frames about streams carry what they say", () => {
  const [open] = framesOf(encodeOpenFrame(3, 1_048_576, { kind: "tcp" }));
  assert.ok(open);
  assert.equal(readUint32(open.payload, 0), 1_048_576);
  assert.deepEqual(decodeJson(open.payload.subarray(4)), { kind: "tcp" });
  const [abort] = framesOf(encodeAbortFrame(3, 61, "Gone – fort"));
  assert.ok(abort);
  assert.equal(((abort.payload[0] ?? 0) << 8) | (abort.payload[1] ?? 0), 61);
  assert.equal(new TextDecoder().decode(abort.payload.subarray(2)), "Gone – fort");
});

test("decodeJson refuses what is not UTF-8 or not JSON", () => {
  assert.throws(() => decodeJson(Uint8Array.of(0x22, 0xff, 0x22)), /not UTF-8/u);
  assert.throws(() => decodeJson(Buffer.from("{")), /not JSON/u);
});

test("encodeJsonFrame refuses what no peer would take", () => {
  assert.throws(() => encodeJsonFrame(FRAME.head, 1, "x".repeat(MAX_CONTROL_BYTES)), RangeError);
});

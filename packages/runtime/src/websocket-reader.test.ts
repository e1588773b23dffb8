import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { webSocketHeaderBytes, writeWebSocketHeader } from "./websocket-frame.ts";
import { WebSocketReader, WebSocketViolation } from "./websocket-reader.ts";

const MAX_MESSAGE_BYTES = 256 * 1024;

interface SentFrame {
  readonly opcode: number;
  readonly payload: Uint8Array;
  readonly isFinal?: boolean;
  readonly mask?: Uint8Array;
}

/** A frame as any client may send it: masked with anything, or by a server: not masked. */
function encode({ opcode, payload, isFinal = true, mask }: SentFrame): Buffer {
  const masks = mask !== undefined;
  const headerBytes = webSocketHeaderBytes(payload.length, masks);
  const frame = Buffer.alloc(headerBytes + payload.length);
  writeWebSocketHeader(frame, 0, { opcode, payloadBytes: payload.length, masks });
  if (!isFinal) frame[0] = opcode;
  if (mask) frame.set(mask, headerBytes - 4);
  for (const [index, byte] of payload.entries()) {
    frame[headerBytes + index] = byte ^ (mask?.[index & 3] ?? 0);
  }
  return frame;
}

interface Heard {
  readonly messages: Buffer[];
  readonly pings: Buffer[];
  readonly closes: [number, string][];
}

/** Feeds bytes in pieces of `pieceBytes`. */
function read(bytes: Buffer, options: { masked: boolean; pieceBytes?: number }): Heard {
  const heard: Heard = { messages: [], pings: [], closes: [] };
  let pieces: Buffer[] = [];
  const reader = new WebSocketReader({
    masked: options.masked,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    sink: {
      onPiece: (piece, isLast) => {
        pieces.push(Buffer.from(piece));
        if (!isLast) return;
        heard.messages.push(Buffer.concat(pieces));
        pieces = [];
      },
      onPing: (payload) => void heard.pings.push(Buffer.from(payload)),
      onPong: () => undefined,
      onClose: (code, reason) => void heard.closes.push([code, reason]),
    },
  });
  const { pieceBytes = bytes.length } = options;
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    reader.push(Buffer.from(bytes.subarray(start, start + pieceBytes)));
  }
  return heard;
}

const BINARY = 2;
const CONTINUATION = 0;

test("WebSocketReader gives back messages of every size, masked or not, in whatever pieces", () => {
  const message = fc.record({
    payload: fc.uint8Array({ maxLength: 400 }),
    mask: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  });
  const messages = fc.array(message, { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(
      messages,
      fc.boolean(),
      fc.integer({ min: 1, max: 900 }),
      (sent, masked, pieceBytes) => {
        const bytes = Buffer.concat(
          sent.map(({ payload, mask }) => {
            return encode({ opcode: BINARY, payload, ...(masked ? { mask } : {}) });
          }),
        );
        const { messages: got } = read(bytes, { masked, pieceBytes });
        assert.deepEqual(
          got,
          sent.map(({ payload }) => Buffer.from(payload)),
        );
      },
    ),
  );
});

test("WebSocketReader reads both long forms of the length", () => {
  for (const size of [125, 126, 65_535, 65_536, MAX_MESSAGE_BYTES]) {
    const payload = Buffer.alloc(size, "x");
    const bytes = encode({ opcode: BINARY, payload });
    assert.deepEqual(read(bytes, { masked: false, pieceBytes: 1000 }).messages, [payload]);
  }
});

test("WebSocketReader joins fragments, with control frames between them", () => {
  const bytes = Buffer.concat([
    encode({ opcode: BINARY, payload: Buffer.from("one "), isFinal: false }),
    encode({ opcode: 9, payload: Buffer.from("ping") }),
    encode({ opcode: CONTINUATION, payload: Buffer.from("two"), isFinal: false }),
    encode({ opcode: CONTINUATION, payload: Buffer.alloc(0) }),
    encode({ opcode: 8, payload: Buffer.from([0x11, 0x39, 0x62, 0x79, 0x65]) }),
  ]);
  for (let pieceBytes = 1; pieceBytes <= bytes.length; pieceBytes++) {
    const heard = read(bytes, { masked: false, pieceBytes });
    assert.deepEqual(heard.messages.map(String), ["one two"]);
    assert.deepEqual(heard.pings.map(String), ["ping"]);
    assert.deepEqual(heard.closes, [[4409, "bye"]]);
  }
});

test("faults G3, G4, G5: WebSocketReader refuses what breaks the rules, with the right code", () => {
  const empty = Buffer.alloc(0);
  const mask = Buffer.alloc(4);
  const cases: [string, Buffer, number][] = [
    ["a mask missing", encode({ opcode: BINARY, payload: empty }), 1002],
    ["text", encode({ opcode: 1, payload: empty, mask }), 4400],
    ["an unknown opcode", encode({ opcode: 3, payload: empty, mask }), 1002],
    ["an unknown control opcode", encode({ opcode: 11, payload: empty, mask }), 1002],
    ["a continuation of nothing", encode({ opcode: CONTINUATION, payload: empty, mask }), 1002],
    ["a fragmented ping", encode({ opcode: 9, payload: empty, mask, isFinal: false }), 1002],
    ["a long ping", encode({ opcode: 9, payload: Buffer.alloc(126), mask }), 1002],
    ["a cut close code", encode({ opcode: 8, payload: Buffer.alloc(1), mask }), 1002],
    ["a reserved bit", Buffer.from([0xc2, 0x80, 0, 0, 0, 0]), 1002],
    ["4 GiB announced", Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
    [
      "a message that is too big in all",
      Buffer.concat([
        encode({ opcode: BINARY, payload: Buffer.alloc(MAX_MESSAGE_BYTES), mask, isFinal: false }),
        encode({ opcode: CONTINUATION, payload: Buffer.alloc(1), mask }),
      ]),
      1009,
    ],
    [
      "100,000 fragments",
      Buffer.concat([
        encode({ opcode: BINARY, payload: empty, mask, isFinal: false }),
        ...Array.from({ length: 100_000 }, () =>
          encode({ opcode: CONTINUATION, payload: empty, mask, isFinal: false }),
        ),
      ]),
      4429,
    ],
  ];
  for (const [what, bytes, closeCode] of cases) {
    assert.throws(() => read(bytes, { masked: true }), { closeCode }, what);
  }
});

test("faults G3: WebSocketReader answers any bytes with frames or a WebSocketViolation", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, masked) => {
      try {
        read(Buffer.from(bytes), { masked, pieceBytes: 7 });
      } catch (error) {
        assert.ok(error instanceof WebSocketViolation);
      }
    }),
    { numRuns: 2000 },
  );
});

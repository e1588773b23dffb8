import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FRAME, HEADER_BYTES, encodeCreditFrame } from "./frame.ts";
import { FrameReader } from "./frame-reader.ts";
import { MAX_CONTROL_BYTES, MAX_DATA_BYTES, MAX_MESSAGE_BYTES } from "./limits.ts";
import { Outbox, type Source } from "./outbox.ts";
import { SendQueue } from "./send-queue.ts";
import type { OutgoingMessage } from "./transport.ts";

/** Room that reads of a socket leave in front. */
const ROOM_BYTES = 24;

/** A stream that only sends. */
class FakeSource implements Source {
  queued = false;
  readonly id: number;
  readonly queue = new SendQueue();
  trailers: Uint8Array | undefined;
  endAsked = false;
  #ended = false;

  constructor(id: number) {
    this.id = id;
  }
  get sendable(): boolean {
    return !this.#ended && (this.queue.bytes > 0 || this.endAsked);
  }
  get takenRoomBytes(): number {
    return this.queue.takenRoomBytes;
  }
  get ending(): boolean {
    return this.endAsked && this.queue.bytes === 0;
  }
  take(maxBytes: number): Uint8Array {
    return this.queue.take(maxBytes);
  }
  ended(): Uint8Array | undefined {
    this.#ended = true;
    return this.trailers;
  }
}

/** Bytes with room in front, in their own buffer. */
function roomy(bytes: number, fill: number): Uint8Array {
  return Buffer.alloc(ROOM_BYTES + bytes, fill).subarray(ROOM_BYTES);
}

/** What a carrier sends: it overwrites all the room it is given, as soon as it gets the message. */
function carry({ parts, totalBytes, roomBytes }: OutgoingMessage): Buffer {
  const [first] = parts;
  assert.ok(first);
  new Uint8Array(first.buffer, first.byteOffset - roomBytes, roomBytes).fill(0xee);
  const message = Buffer.concat(parts);
  assert.equal(message.length, totalBytes);
  return message;
}

/** The bytes of each stream, and the types of control frames, in their order. */
function read(messages: readonly Buffer[]): { data: Map<number, Buffer>; control: number[] } {
  const data = new Map<number, Buffer>();
  const control: number[] = [];
  const reader = new FrameReader({
    onData: (id, piece) => void data.set(id, Buffer.concat([data.get(id) ?? Buffer.of(), piece])),
    onControl: (type) => void control.push(type),
  });
  for (const message of messages) reader.push(message, true);
  return { data, control };
}

test("Outbox: what is overwritten in front of a message is never what is still to be sent", () => {
  const push = fc.record({
    source: fc.nat(2),
    bytes: fc.oneof(fc.nat(30), fc.integer({ min: 8000, max: 9000 }), fc.nat(200_000)),
    hasRoom: fc.boolean(),
    control: fc.boolean(),
    take: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(push, { maxLength: 20 }), (pushes) => {
      const outbox = new Outbox();
      const sources = [1, 2, 3].map((id) => new FakeSource(id));
      const expected = sources.map((): Buffer[] => []);
      const messages: Buffer[] = [];
      for (const [index, { source: at, bytes, hasRoom, control, take }] of pushes.entries()) {
        const source = sources[at];
        assert.ok(source);
        const chunk = roomy(bytes, index + 1);
        expected[at]?.push(Buffer.from(chunk));
        if (bytes > 0) source.queue.push(chunk, hasRoom ? ROOM_BYTES : 0);
        outbox.enqueue(source);
        if (control) outbox.pushControl(encodeCreditFrame(9, 1));
        const message = take ? outbox.take() : undefined;
        if (message) messages.push(carry(message));
      }
      for (let message = outbox.take(); message; message = outbox.take()) {
        messages.push(carry(message));
      }
      const { data, control } = read(messages);
      assert.equal(control.length, pushes.filter((one) => one.control).length);
      for (const { id } of sources) {
        const got = data.get(id) ?? Buffer.of();
        assert.ok(got.equals(Buffer.concat(expected[id - 1] ?? [])));
      }
    }),
    { numRuns: 150 },
  );
});

test("Outbox sends control frames before data, as many messages as they fill", () => {
  const outbox = new Outbox();
  const source = new FakeSource(1);
  source.queue.push(Buffer.from("data"), 0);
  outbox.enqueue(source);
  const large = new Uint8Array(HEADER_BYTES + 40_000);
  large.set([FRAME.head, 0, 40_000 >>> 8, 40_000 & 0xff, 0, 0, 0, 1]);
  for (let frame = 0; frame < 3; frame++) outbox.pushControl(large);
  const seen: string[] = [];
  const reader = new FrameReader({
    onData: () => void seen.push("data"),
    onControl: () => void seen.push("control"),
  });
  for (let message = outbox.take(); message; message = outbox.take()) {
    reader.push(carry(message), true);
  }
  assert.deepEqual(seen, ["control", "control", "control", "data"]);
  assert.equal(outbox.controlBytes, 0);
});

test("Outbox makes no message of streams that have nothing left to send", () => {
  const outbox = new Outbox();
  const source = new FakeSource(1);
  source.queue.push(Buffer.from("data"), 0);
  outbox.enqueue(source);
  source.queue.clear();
  assert.equal(outbox.take(), undefined);
});

test("faults G4: no message of an Outbox is larger than a peer takes, whatever its last frames", () => {
  let largestBytes = 0;
  for (let smallBytes = 61 * 1024; smallBytes < 64 * 1024; smallBytes++) {
    const outbox = new Outbox();
    const small = new FakeSource(1);
    const last = new FakeSource(2);
    small.queue.push(new Uint8Array(smallBytes), 0);
    last.queue.push(new Uint8Array(MAX_DATA_BYTES), 0);
    last.trailers = new Uint8Array(HEADER_BYTES + MAX_CONTROL_BYTES);
    last.endAsked = true;
    outbox.enqueue(small);
    outbox.enqueue(last);
    largestBytes = Math.max(largestBytes, outbox.take()?.totalBytes ?? 0);
  }
  assert.ok(largestBytes > 250 * 1024);
  assert.ok(largestBytes <= MAX_MESSAGE_BYTES, `${largestBytes}`);
});

test("Outbox: messages that wait for their carrier stay as they are, however many follow", () => {
  const outbox = new Outbox();
  const sent: Buffer[] = [];
  const waiting: OutgoingMessage[] = [];
  for (let id = 1; id <= 20_000; id++) {
    const source = new FakeSource(id);
    const content = Buffer.alloc(id % 50 === 0 ? 9_000 : id % 97, id % 256);
    source.queue.push(content, 0);
    source.endAsked = true;
    outbox.enqueue(source);
    const message = outbox.take();
    assert.ok(message);
    sent.push(content);
    waiting.push(message);
  }
  const { data } = read(waiting.map(carry));
  for (const [index, content] of sent.entries()) {
    assert.ok((data.get(index + 1) ?? Buffer.alloc(0)).equals(content), `message ${index + 1}`);
  }
});

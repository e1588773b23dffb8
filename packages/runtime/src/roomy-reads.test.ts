import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import net, { type Socket } from "node:net";
import { test } from "node:test";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import { until } from "@porchlight/testkit/until";
import { RoomyReads, returnRead, roomInFront } from "./roomy-reads.ts";

interface Reading extends Disposable {
  readonly reads: RoomyReads;
  /** Paused. */
  readonly socket: Socket;
}

/** A connection whose other end sends `content` and ends. */
async function readingOf(content: Buffer): Promise<Reading> {
  const server = net.createServer((accepted) => accepted.end(content));
  const port = await listenOnLoopback(server);
  const reads = new RoomyReads();
  const socket = net.connect({ port, host: "127.0.0.1", onread: reads.options });
  socket.pause();
  await once(socket, "connect");
  return {
    reads,
    socket,
    [Symbol.dispose]() {
      socket.destroy();
      server.close();
    },
  };
}

test("RoomyReads gives every byte in order, with room in front of what is large, and the end", async () => {
  const content = randomBytes(3_000_001);
  using reading = await readingOf(content);
  const { reads, socket } = reading;
  const chunks: Buffer[] = [];
  let roomy = 0;
  reads.listener = (chunk, roomBytes) => {
    assert.ok(chunk.byteOffset >= roomBytes);
    // What a carrier writes in front must not touch what was read before.
    new Uint8Array(chunk.buffer, chunk.byteOffset - roomBytes, roomBytes).fill(0xff);
    if (roomBytes > 0) roomy++;
    chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    return true;
  };
  const ended = once(socket, "end");
  socket.resume();
  await ended;
  assert.ok(Buffer.concat(chunks).equals(content));
  assert.ok(roomy > 0);
});

test("RoomyReads stops when its listener asks to, until the socket is resumed", async () => {
  const content = randomBytes(1_000_000);
  using reading = await readingOf(content);
  const { reads, socket } = reading;
  let bytes = 0;
  let goesOn = false;
  reads.listener = (chunk) => {
    bytes += chunk.length;
    return goesOn;
  };
  socket.resume();
  await until("the first read", () => bytes > 0);
  const first = bytes;
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  assert.equal(bytes, first);
  goesOn = true;
  socket.resume();
  await until("everything", () => bytes === content.length);
});

test("returnRead gives a buffer back only by its last byte, and only once", async () => {
  const content = randomBytes(2_000_000);
  using reading = await readingOf(content);
  const { reads, socket } = reading;
  const chunks: Buffer[] = [];
  const buffers = new Set<ArrayBufferLike>();
  let large = 0;
  reads.listener = (chunk, roomBytes) => {
    chunks.push(Buffer.from(chunk));
    if (roomBytes === 0) return true;
    large++;
    buffers.add(chunk.buffer);
    const half = Math.floor(chunk.length / 2);
    returnRead(chunk.subarray(0, half));
    returnRead(chunk.subarray(half));
    returnRead(chunk.subarray(half));
    return true;
  };
  const ended = once(socket, "end");
  socket.resume();
  await ended;
  assert.ok(Buffer.concat(chunks).equals(content));
  assert.ok(large > 10);
  // Each was used again for the read after the next, which had been given its own when the first was still out.
  assert.ok(buffers.size <= 2, `${buffers.size} buffers for ${large} reads`);
});

test("RoomyReads never reads into a buffer that has not come back", async () => {
  const content = randomBytes(2_000_000);
  using reading = await readingOf(content);
  const { reads, socket } = reading;
  const chunks: Uint8Array[] = [];
  reads.listener = (chunk) => {
    chunks.push(chunk);
    // The front alone has been written.
    returnRead(chunk.subarray(0, chunk.length - 1));
    return true;
  };
  const ended = once(socket, "end");
  socket.resume();
  await ended;
  assert.ok(Buffer.concat(chunks).equals(content));
});

test("roomInFront: all of a large read has room, what is only a part of one, small or of others has none", async () => {
  using reading = await readingOf(randomBytes(1_000_000));
  const { reads, socket } = reading;
  let large = 0;
  reads.listener = (chunk, roomBytes) => {
    const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    assert.equal(roomInFront(view), roomBytes);
    assert.equal(roomInFront(view.subarray(1)), 0);
    if (roomBytes > 0) large++;
    return true;
  };
  const ended = once(socket, "end");
  socket.resume();
  await ended;
  assert.ok(large > 0);
  const foreign = new Uint8Array(100_000);
  assert.deepEqual([roomInFront(foreign), roomInFront(foreign.subarray(24))], [0, 0]);
});

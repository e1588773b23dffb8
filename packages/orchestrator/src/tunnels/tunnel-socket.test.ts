import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import { readBlocks } from "@porchlight/runtime/read-blocks";
import { until } from "@porchlight/testkit/until";
import type { TunnelExchange } from "../agents/link.ts";
import { TunnelSocket } from "./tunnel-socket.ts";

/** A tunnel that notes what is done to it. */
class NotedExchange implements TunnelExchange {
  readonly written: string[] = [];
  readonly aborted: string[] = [];
  consumedBytes = 0;
  hasEnded = false;
  isFull = false;

  write(chunk: Uint8Array): boolean {
    this.written.push(Buffer.from(chunk).toString("latin1"));
    return !this.isFull;
  }

  end(): void {
    this.hasEnded = true;
  }

  consume(bytes: number): void {
    this.consumedBytes += bytes;
  }

  abort(code: string): void {
    if (this.aborted.length === 0) this.aborted.push(code);
  }
}

function open(): { socket: TunnelSocket; exchange: NotedExchange } {
  const exchange = new NotedExchange();
  return { exchange, socket: new TunnelSocket(exchange) };
}

const CHUNK = Buffer.alloc(16 * 1024, "x");

test("TunnelSocket: bytes pass both ways, and the end", async () => {
  const { socket, exchange } = open();
  const read: string[] = [];
  socket.on("data", (chunk: Buffer) => read.push(chunk.toString()));
  socket.onData(Buffer.from("one"));
  socket.write(Buffer.from("two"));
  socket.end();
  await once(socket, "finish");
  assert.deepEqual(exchange.written, ["two"]);
  assert.equal(exchange.hasEnded, true);
  socket.onEnd();
  await once(socket, "close");
  assert.deepEqual(read, ["one"]);
  assert.equal(exchange.consumedBytes, 3);
  assert.equal(socket.receivedBytes, 3);
});

test("TunnelSocket: heads are written as Latin-1, whatever they are said to be", () => {
  const { socket, exchange } = open();
  socket.write("X: \u{e9}\r\n", "utf8");
  socket.write("X: \u{e9}\r\n", "latin1");
  assert.deepEqual(exchange.written, ["X: \u{e9}\r\n", "X: \u{e9}\r\n"]);
});

test("faults P16: a reader that takes nothing gives no credit back beyond what is held for it", async () => {
  const { socket, exchange } = open();
  for (let count = 0; count < 64; count++) socket.onData(CHUNK);
  socket.read(0);
  assert.ok(exchange.consumedBytes <= 4 * CHUNK.length, `${exchange.consumedBytes} given back`);
  let bytes = 0;
  socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
  await until("everything to be read", () => bytes === 64 * CHUNK.length);
  assert.equal(exchange.consumedBytes, 64 * CHUNK.length);
});

test("faults P16: a reader that pauses is held for, and the end waits behind what it has not read", async () => {
  const { socket, exchange } = open();
  let bytes = 0;
  let ended = false;
  socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
  socket.on("end", () => (ended = true));
  socket.onData(CHUNK);
  socket.pause();
  for (let count = 0; count < 64; count++) socket.onData(CHUNK);
  socket.onEnd();
  assert.ok(exchange.consumedBytes < 8 * CHUNK.length, `${exchange.consumedBytes} given back`);
  assert.equal(ended, false);
  socket.resume();
  await until("the end", () => ended);
  assert.equal(bytes, 65 * CHUNK.length);
  assert.equal(exchange.consumedBytes, bytes);
});

test("faults P16: a writer waits for the link", async () => {
  const { socket, exchange } = open();
  exchange.isFull = true;
  socket.write(CHUNK);
  socket.write(CHUNK);
  assert.equal(exchange.written.length, 1);
  exchange.isFull = false;
  socket.onDrain();
  await until("the second chunk", () => exchange.written.length === 2);
});

test("faults F1: a tunnel that breaks is an error of the socket, and is not broken off once more", async () => {
  const { socket, exchange } = open();
  socket.on("data", () => undefined);
  const error = new ProxyError("agent_lost", "It is lost");
  setImmediate(() => socket.onError(error));
  await assert.rejects(once(socket, "end"), error);
  assert.deepEqual(exchange.aborted, []);
});

test("TunnelSocket: destroyed, it breaks the tunnel off with the reason, and gives all credit back", async () => {
  const { socket, exchange } = open();
  socket.on("error", () => undefined);
  socket.onData(CHUNK);
  socket.onData(CHUNK);
  socket.abort(new ProxyError("target_timeout", "Too late"));
  socket.onData(CHUNK);
  await until("the end", () => socket.closed);
  assert.deepEqual(exchange.aborted, ["target_timeout"]);
  assert.equal(exchange.consumedBytes, 3 * CHUNK.length);
});

test("TunnelSocket: destroyed without a word, it is broken off for the reason that follows", async () => {
  const { socket, exchange } = open();
  socket.on("error", () => undefined);
  socket.destroy();
  socket.abort(new ProxyError("target_protocol_error", "Garbage"));
  await until("the end", () => socket.closed);
  assert.deepEqual(exchange.aborted, ["target_protocol_error"]);
});

test("close: what still comes is dropped, and the target's end is waited for", async () => {
  const { socket, exchange } = open();
  socket.close();
  await once(socket, "finish");
  assert.equal(exchange.hasEnded, true);
  socket.onData(CHUNK);
  assert.deepEqual(exchange.aborted, []);
  socket.onEnd();
  await once(socket, "close");
  assert.deepEqual(exchange.aborted, []);
  assert.equal(exchange.consumedBytes, CHUNK.length);
});

test("close: a target that does not end its side is left", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, exchange } = open();
  socket.close();
  context.mock.timers.tick(999);
  assert.equal(socket.destroyed, false);
  context.mock.timers.tick(1);
  context.mock.timers.reset();
  await once(socket, "close");
  await until("the tunnel to be left", () => exchange.aborted.length > 0);
  assert.deepEqual(exchange.aborted, ["cancelled"]);
});

test("a reason that is told when the stream has closed is the one that the tunnel is broken off for", async () => {
  const { socket, exchange } = open();
  // As node:http does with a response that ends before time.
  socket.destroy();
  await once(socket, "close");
  socket.abort(new ProxyError("response_truncated", "It was cut"));
  await new Promise(setImmediate);
  assert.deepEqual(exchange.aborted, ["response_truncated"]);
});

test("release: what is unread goes along, with its credit, and the tunnel is not broken off", () => {
  const { socket, exchange } = open();
  socket.on("error", () => undefined);
  socket.onData(Buffer.from("one"));
  socket.onData(Buffer.from("two"));
  socket.onEnd();
  const { paid, owed, hasEnded } = socket.release();
  const rest = Buffer.concat([...paid, ...owed]).toString();
  assert.equal(rest, "onetwo");
  const owedBytes = owed.reduce((sum, chunk) => sum + chunk.length, 0);
  assert.equal(exchange.consumedBytes, 6 - owedBytes);
  assert.equal(hasEnded, true);
  socket.abort(new ProxyError("cancelled", "Not its own any more"));
  assert.deepEqual(exchange.aborted, []);
});

/** Lends bytes as a link does: they are another stream's as soon as the call is over. */
function lend(socket: TunnelSocket, text: string): void {
  const block = readBlocks.acquire();
  assert.ok(block);
  const bytes = block.bytes.write(text, "latin1");
  socket.onData(block.bytes.subarray(0, bytes));
  readBlocks.release(block);
  useAgain();
}

/** Reads other streams into the blocks that were given back last. */
function useAgain(): void {
  const blocks = Array.from({ length: 4 }, () => readBlocks.acquire());
  for (const block of blocks) {
    block?.bytes.fill("?");
    if (block !== undefined) readBlocks.release(block);
  }
}

/** A turn of the event loop, in each step of which blocks are used again. */
async function turn(): Promise<void> {
  let steps = 0;
  process.nextTick(function step() {
    useAgain();
    if (++steps < 10) process.nextTick(step);
  });
  await new Promise(setImmediate);
}

/** What a reader does at the start, and before each of the pieces. */
interface Reader {
  readonly begin?: (socket: TunnelSocket) => void;
  readonly before?: (socket: TunnelSocket, piece: number) => void;
}

const READERS: Readonly<Record<string, Reader>> = {
  "hears it as it comes": { begin: (socket) => socket.resume() },
  "begins when all has come": { begin: (socket) => socket.pause() },
  "pauses behind the first": { begin: (socket) => socket.once("data", () => socket.pause()) },
  "takes a piece a turn": {
    begin: (socket) =>
      socket.on("data", () => {
        socket.pause();
        setImmediate(() => socket.resume());
      }),
  },
  "pauses, and goes on right before a piece": {
    before: (socket, piece) => (piece % 2 === 0 ? socket.pause() : socket.resume()),
  },
};

for (const [what, { begin, before }] of Object.entries(READERS)) {
  test(`TunnelSocket: a reader that ${what} gets what was lent, and no other stream's bytes`, async () => {
    const lentBefore = readBlocks.lent;
    const { socket, exchange } = open();
    let text = "";
    socket.on("data", (piece: Buffer) => (text += piece.toString()));
    begin?.(socket);
    await turn();
    let expected = "";
    for (let piece = 0; piece < 40; piece++) {
      const content = String.fromCharCode(65 + piece).repeat(10_000);
      before?.(socket, piece);
      lend(socket, content);
      expected += content;
      if (piece % 3 === 0) await turn();
    }
    socket.onEnd();
    socket.resume();
    for (let rest = 0; rest < 50; rest++) await turn();
    assert.ok(text === expected);
    assert.equal(exchange.consumedBytes, expected.length);
    assert.equal(readBlocks.lent, lentBefore);
  });
}

test("TunnelSocket: what was lent while nobody listened is there for who comes then", async () => {
  const { socket } = open();
  socket.resume();
  await turn();
  lend(socket, "a".repeat(10_000));
  let text = "";
  socket.on("data", (piece: Buffer) => (text += piece.toString()));
  await turn();
  assert.equal(text, "a".repeat(10_000));
});

test("TunnelSocket: destroyed, it keeps nothing that it was lent", async () => {
  const lentBefore = readBlocks.lent;
  const { socket } = open();
  for (let count = 0; count < 3; count++) lend(socket, "x".repeat(10_000));
  assert.ok(readBlocks.lent > lentBefore);
  socket.destroy();
  await once(socket, "close");
  assert.equal(readBlocks.lent, lentBefore);
});

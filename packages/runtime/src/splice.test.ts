import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { type ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import { socketPair } from "@porchlight/testkit/socket-pair";
import { until } from "@porchlight/testkit/until";
import { youngSurvivors } from "@porchlight/testkit/young-survivors";
import { hasPeerReset } from "./has-peer-reset.ts";
import { readBlocks } from "./read-blocks.ts";
import { Splice, type SpliceOptions, type SpliceResult, type SpliceStream } from "./splice.ts";

/** A stream that notes what the splice does to it. */
class FakeStream implements SpliceStream {
  readonly written: Buffer[] = [];
  writable = true;
  ended = false;
  consumed = 0;
  aborted: ErrorCode | undefined;

  write(chunk: Uint8Array): boolean {
    this.written.push(Buffer.from(chunk));
    return this.writable;
  }
  end(): void {
    this.ended = true;
  }
  abort(code: ErrorCode): void {
    this.aborted = code;
  }
  consume(bytes: number): void {
    this.consumed += bytes;
  }
  get text(): string {
    return Buffer.concat(this.written).toString();
  }
}

interface Joined extends AsyncDisposable {
  /** The far end of the socket that is spliced. */
  readonly peer: Socket;
  readonly socket: Socket;
  readonly stream: FakeStream;
  readonly splice: Splice;
  readonly results: SpliceResult[];
}

async function join(options: Pick<SpliceOptions, "endsOnReset"> = {}): Promise<Joined> {
  const pair = await socketPair();
  const { accepted: socket, dialled: peer } = pair;
  const stream = new FakeStream();
  const results: SpliceResult[] = [];
  const splice = new Splice({
    ...options,
    socket,
    stream,
    onEnd: (result) => results.push(result),
  });
  return {
    peer,
    socket,
    stream,
    splice,
    results,
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  };
}

test("Splice copies both ways, passes half-close on, and ends when both directions have", async () => {
  await using joined = await join();
  const { peer, stream, splice, results } = joined;
  const received: Buffer[] = [];
  peer.on("data", (chunk: Buffer) => received.push(chunk));
  peer.end("request");
  await until("the request and its end", () => stream.text === "request" && stream.ended);
  assert.deepEqual(results, []);
  splice.onData(Buffer.from("late "));
  splice.onData(Buffer.from("answer"));
  splice.onEnd();
  await until("the end", () => results.length === 1);
  assert.equal(Buffer.concat(received).toString(), "late answer");
  assert.deepEqual(results, [{ sentBytes: 7, receivedBytes: 11, error: undefined }]);
  assert.equal(stream.consumed, 11);
  assert.equal(stream.aborted, undefined);
});

test("faults F10: Splice gives no credit back for what its socket has not taken", async () => {
  await using joined = await join();
  const { peer, stream, splice } = joined;
  peer.pause();
  const chunk = new Uint8Array(64 * 1024);
  let given = 0;
  // More than any socket buffer of the system takes.
  for (; given < 64 * 1024 * 1024; given += chunk.length) splice.onData(chunk);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  assert.ok(stream.consumed < given / 2, `${stream.consumed} of ${given}`);
  let read = 0;
  peer.on("data", (data: Buffer) => (read += data.length));
  peer.resume();
  await until("everything to arrive", () => read === given && stream.consumed === given);
});

test("Splice keeps what it is given for as long as a slow socket takes, and drops all of it in the end", async () => {
  await using joined = await join();
  const { peer, splice, stream } = joined;
  peer.pause();
  const received: Buffer[] = [];
  const sent: Buffer[] = [];
  for (let index = 0; index < 200; index++) {
    const block = readBlocks.acquire();
    assert.ok(block);
    const piece = block.bytes.subarray(0, index % 7 === 0 ? 100 : 50_000).fill(index);
    sent.push(Buffer.from(piece));
    splice.onData(piece);
    readBlocks.release(block);
    // Read into again, if nobody holds it.
    const next = readBlocks.acquire();
    assert.ok(next);
    next.bytes.fill(0xdb);
    readBlocks.release(next);
  }
  const bytes = Buffer.concat(sent).length;
  peer.on("data", (data: Buffer) => received.push(data));
  peer.resume();
  await until("everything", () => stream.consumed === bytes);
  await until("everything to arrive", () => Buffer.concat(received).length === bytes);
  assert.ok(Buffer.concat(received).equals(Buffer.concat(sent)));
});

test("Splice holds no memory of its link once it is over", async () => {
  await using joined = await join();
  const { peer, socket, splice } = joined;
  const before = readBlocks.lent;
  peer.pause();
  for (let index = 0; index < 400; index++) {
    const block = readBlocks.acquire();
    if (block === undefined) break;
    splice.onData(block.bytes);
    readBlocks.release(block);
  }
  assert.ok(readBlocks.lent > before);
  splice.onError(new ProxyError("agent_lost", "The agent's link was lost"));
  if (!socket.closed) await once(socket, "close");
  await until("all blocks", () => readBlocks.lent === before);
});

test("Splice stops reading its socket while the stream takes no more", async () => {
  await using joined = await join();
  const { peer, stream, splice } = joined;
  stream.writable = false;
  peer.write("first");
  await until("the first bytes", () => stream.text === "first");
  peer.write("second");
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  assert.equal(stream.text, "first");
  stream.writable = true;
  splice.onDrain();
  await until("the rest", () => stream.text === "firstsecond");
});

/** Longer than it takes until held sockets are looked at. Milliseconds. */
const A_LOOK_MS = 250;

test("faults A28: a client that resets while it is held up ends its tunnel", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  await using joined = await join({ endsOnReset: true });
  const { peer, socket, stream, results } = joined;
  stream.writable = false;
  peer.write("much");
  await until("it to be held up", () => stream.text === "much" && socket.isPaused());
  context.mock.timers.tick(A_LOOK_MS);
  assert.equal(socket.destroyed, false);
  peer.resetAndDestroy();
  await until("the reset", () => hasPeerReset(socket));
  assert.equal(stream.aborted, undefined);
  context.mock.timers.tick(A_LOOK_MS);
  await until("the end", () => results.length === 1);
  assert.equal(stream.aborted, "connection_reset");
  assert.equal(results[0]?.error?.code, "connection_reset");
  // The last look forgets it.
  context.mock.timers.tick(A_LOOK_MS);
});

test("a client that was held up is looked at no more when it is read again, or its tunnel is over", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  const stopped = context.mock.method(globalThis, "clearInterval").mock;
  for (const goOn of [
    ({ splice }: Joined) => splice.onDrain(),
    ({ splice }: Joined) => splice.onError(new ProxyError("agent_lost", "gone")),
  ]) {
    await using joined = await join({ endsOnReset: true });
    joined.stream.writable = false;
    joined.peer.write("much");
    await until("it to be held up", () => joined.socket.isPaused());
    context.mock.timers.tick(A_LOOK_MS);
    const before = stopped.callCount();
    goOn(joined);
    context.mock.timers.tick(A_LOOK_MS);
    assert.equal(stopped.callCount(), before + 1);
  }
});

test("what a target has sent before its reset is still read when it was held up", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  await using joined = await join();
  const { peer, socket, stream, splice } = joined;
  stream.writable = false;
  peer.write("first ");
  await until("it to be held up", () => stream.text === "first " && socket.isPaused());
  peer.write("rest");
  peer.resetAndDestroy();
  await until("the reset", () => hasPeerReset(socket));
  context.mock.timers.tick(A_LOOK_MS);
  stream.writable = true;
  splice.onDrain();
  await until("the rest", () => stream.text === "first rest" || stream.aborted !== undefined);
  assert.equal(stream.text, "first rest");
});

test("faults F1: a stream that fails resets the socket: never a graceful end", async () => {
  await using joined = await join();
  const { peer, splice, results } = joined;
  const failed = once(peer, "error") as Promise<[NodeJS.ErrnoException]>;
  peer.resume();
  splice.onData(Buffer.from("half"));
  splice.onError(new ProxyError("agent_lost", "The agent's link was lost"));
  assert.equal((await failed)[0].code, "ECONNRESET");
  assert.equal(results[0]?.error?.code, "agent_lost");
});

test("a socket that is reset aborts the stream; the result comes once", async () => {
  await using joined = await join();
  const { peer, stream, splice, results } = joined;
  peer.resetAndDestroy();
  await until("the abort", () => stream.aborted === "connection_reset");
  splice.onError(new ProxyError("agent_lost", "late"));
  splice.abort("cancelled", "late");
  assert.equal(results.length, 1);
});

test("faults F1: a socket that is destroyed before all is written is no graceful end", async () => {
  await using joined = await join();
  const { peer, socket, stream, splice, results } = joined;
  peer.end("request");
  await until("the end of the request", () => stream.ended);
  splice.onData(new Uint8Array(64 * 1024 * 1024));
  splice.onEnd();
  socket.destroy();
  await until("the result", () => results.length === 1);
  assert.equal(results[0]?.error?.code, "connection_reset");
});

test("a peer that has ended its side gets all that is sent behind, and then the end", async () => {
  await using joined = await join();
  const { peer, stream, splice, results } = joined;
  peer.end();
  await until("the peer's end", () => stream.ended);
  const content = Buffer.alloc(5_000_000, "behind the end");
  splice.onData(content);
  splice.onEnd();
  const received: Buffer[] = [];
  for await (const chunk of peer) received.push(chunk as Buffer);
  assert.ok(Buffer.concat(received).equals(content));
  await until("the result", () => results.length === 1);
  assert.equal(results[0]?.error, undefined);
});

test("a socket that had ended before it was spliced ends the stream", async () => {
  await using pair = await socketPair();
  const { accepted: socket, dialled: peer } = pair;
  peer.end();
  await once(socket.resume(), "end");
  const stream = new FakeStream();
  const splice = new Splice({ socket, stream, onEnd: () => undefined });
  assert.ok(stream.ended);
  splice.onEnd();
  await until("the socket to close", () => socket.destroyed);
});

test("a peer that has not ended its side may go on when the stream has ended", async () => {
  await using joined = await join();
  const { peer, stream, splice } = joined;
  splice.onEnd();
  await once(peer.resume(), "end");
  peer.write("still here");
  await until("what it sends", () => stream.text === "still here");
});

test("Splice: a tunnel that has ended is held by nothing, and least of all by its socket", async () => {
  const survivors = await youngSurvivors(40, async () => {
    await using joined = await join();
    const { peer, stream, splice, results } = joined;
    peer.resume().end("request");
    await until("the request and its end", () => stream.text === "request" && stream.ended);
    splice.onData(Buffer.from("answer"));
    splice.onEnd();
    await until("the end", () => results.length === 1);
    return splice;
  });
  assert.ok(survivors < 10, `${survivors} of 40`);
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { ProxyError } from "@porchlight/protocol/errors";
import { startTarget } from "./fake-stream.ts";
import { answering, begin, ok, poolFor, run } from "./fetch-scene.ts";

test("faults F18: idle connections are bounded, the longest idle goes first", async (t) => {
  await using target = await answering(ok("x"));
  const pool = poolFor(t);
  for (let i = 0; i < 70; i++) await run(pool, { url: target.origin, account: `account ${i}` });
  assert.equal(pool.idleCount, 64);
  await run(pool, { url: target.origin, account: "account 69" });
  assert.equal(target.sockets.length, 70);
  await run(pool, { url: target.origin, account: "account 0" });
  assert.equal(target.sockets.length, 71);
});

test("faults F12: an endless body is cut at the cap, an announced one is not even begun", async (t) => {
  const pool = poolFor(t);
  await using endless = await startTarget((socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    const more = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) continue;
      socket.once("drain", more);
    };
    more();
  });
  const cut = await run(pool, { url: endless.origin, maxResponseBytes: 200_000 });
  assert.equal(cut.stream.aborted?.code, "response_too_large");
  assert.ok(Buffer.concat(cut.stream.chunks).length <= 200_000);
  await using announced = await answering(ok("123456"));
  const refused = await run(pool, { url: announced.origin, maxResponseBytes: 5 });
  assert.equal(refused.stream.aborted?.code, "response_too_large");
  assert.equal(refused.stream.heads.length, 0);
});

test("faults F13, F15: a body cut short is an error, never a short success", async (t) => {
  await using short = await startTarget((socket) =>
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
  );
  const { stream } = await run(poolFor(t), { url: short.origin });
  assert.deepEqual([stream.aborted?.code, stream.ended], ["response_truncated", false]);
  await using chunked = await startTarget((socket) =>
    socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"),
  );
  assert.equal(
    (await run(poolFor(t), { url: chunked.origin })).stream.aborted?.code,
    "response_truncated",
  );
});

test("faults F15: a reset before the head is an error of its own", async (t) => {
  await using target = await startTarget((socket) => socket.resetAndDestroy());
  const { stream } = await run(poolFor(t), { url: target.origin });
  assert.equal(stream.aborted?.code, "connection_reset");
});

test("faults F14: garbage, floods of 1xx, huge heads and too many headers are the target's fault", async (t) => {
  const hostile = {
    garbage: "SSH-2.0-OpenSSH_9.9\r\n",
    status: "HTTP/1.1 9999 X\r\n\r\n",
    flood: "HTTP/1.1 103 Early\r\n\r\n".repeat(100),
    switching: "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    head: `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}\r\n\r\n`,
    many: `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(1_000)}\r\n`,
    lengths: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    trailers: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
  };
  for (const [name, response] of Object.entries(hostile)) {
    await using target = await answering(response);
    const { stream } = await run(poolFor(t), { url: target.origin });
    assert.equal(stream.aborted?.code, "target_protocol_error", name);
  }
});

test("Fetch: a few 1xx are skipped", async (t) => {
  await using target = await answering(`HTTP/1.1 103 Early\r\nLink: x\r\n\r\n${ok("late")}`);
  const { stream } = await run(poolFor(t), { url: target.origin });
  assert.deepEqual([stream.httpHead.status, stream.text], [200, "late"]);
});

test("faults F14: compressed content passes as it is", async (t) => {
  await using target = await answering(ok("\x1f\x8bnot gzip", "Content-Encoding: gzip\r\n"));
  const { stream } = await run(poolFor(t), { url: target.origin });
  assert.equal(Buffer.concat(stream.chunks).toString("latin1"), "\x1f\x8bnot gzip");
});

test("faults F11: a target that says nothing, or only begins, ends at the deadline", async (t) => {
  const pool = poolFor(t);
  await using silent = await startTarget(() => undefined);
  const nothing = await run(pool, { url: silent.origin, timeoutMs: 30 });
  assert.equal(nothing.stream.aborted?.code, "target_timeout");
  await using begins = await answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
  const half = await run(pool, { url: begins.origin, timeoutMs: 30 });
  assert.equal(half.stream.aborted?.code, "target_timeout");
  assert.equal(half.stream.heads.length, 1);
});

test("Fetch: a deadline while the connection is made is connect_timeout", async (t) => {
  await using target = await startTarget(() => undefined);
  const url = `https://127.0.0.1:${target.port}/`;
  const { stream } = await run(poolFor(t), { url, timeoutMs: 30 });
  assert.equal(stream.aborted?.code, "connect_timeout");
  assert.equal(stream.aborted.unsent, true);
});

test("Fetch says that nothing was sent only while no connection was made, on the first hop", async (t) => {
  await using closed = await startTarget(() => undefined);
  const free = closed.origin;
  await closed[Symbol.asyncDispose]();
  const refused = await run(poolFor(t), { url: free });
  assert.deepEqual(
    [refused.stream.aborted?.code, refused.stream.aborted?.unsent],
    ["connection_refused", true],
  );
  await using reset = await startTarget((socket) => socket.resetAndDestroy());
  assert.equal((await run(poolFor(t), { url: reset.origin })).stream.aborted?.unsent, false);
  const onward = `HTTP/1.1 302 F\r\nLocation: ${free}/\r\nContent-Length: 0\r\n\r\n`;
  await using redirecting = await answering(onward);
  const second = await run(poolFor(t), { url: redirecting.origin });
  assert.deepEqual(
    [second.stream.aborted?.code, second.stream.aborted?.unsent],
    ["connection_refused", false],
  );
});

test("faults A28: a cancelled job's socket is gone at once", async (t) => {
  await using target = await answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
  const { stream, fetch, results } = begin(poolFor(t), { url: target.origin });
  await stream.written;
  const [socket] = target.sockets;
  assert.ok(socket);
  const closed = once(socket, "end");
  fetch.onError(new ProxyError("cancelled", "The client went away"));
  await closed;
  assert.equal(results[0]?.outcome, "cancelled");
  assert.equal(stream.aborted, undefined);
});

test("faults F10: a stream without room pauses the target, and goes on when there is room", async (t) => {
  const total = 8_000_000;
  await using target = await startTarget((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
    socket.write(Buffer.alloc(total));
  });
  const { stream, fetch } = begin(poolFor(t), { url: target.origin });
  stream.hasRoom = false;
  await stream.written;
  await setTimeout(20);
  const held = Buffer.concat(stream.chunks).length;
  assert.ok(held < 300_000, `${held} bytes came in spite of the pause`);
  stream.hasRoom = true;
  fetch.onDrain();
  await stream.over;
  assert.equal(Buffer.concat(stream.chunks).length, total);
});

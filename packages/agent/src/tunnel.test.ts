import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import type { OpenTcp } from "@porchlight/protocol/message";
import { type TargetPolicy, parseCidrs, parsePorts } from "@porchlight/runtime/target-policy";
import { FakeStream, startTarget } from "./fake-stream.ts";
import { Tunnel } from "./tunnel.ts";
import type { WorkResult } from "./work.ts";

const POLICY: TargetPolicy = { ports: parsePorts("*"), allow: parseCidrs("127.0.0.0/8") };

function begin(open: Partial<OpenTcp>, policy = POLICY) {
  const stream = new FakeStream();
  const ended = Promise.withResolvers<WorkResult>();
  const full: OpenTcp = { kind: "tcp", jobId: "job_1", host: "127.0.0.1", port: 80, ...open };
  const tunnel = new Tunnel(stream, full, { policy: () => policy, onEnded: ended.resolve });
  tunnel.start();
  return { stream, tunnel, ended: ended.promise };
}

test("Tunnel: says where it connected, then passes bytes both ways and both ends", async () => {
  await using target = await startTarget((socket) => {
    socket.write("answer");
    socket.once("end", () => socket.end("last"));
  });
  const { stream, tunnel, ended } = begin({ port: target.port });
  tunnel.onData(Buffer.from("early"));
  await stream.written;
  const [head] = stream.heads;
  assert.ok(head?.kind === "tcp" && head.address === "127.0.0.1" && head.connectMs > 0);
  tunnel.onEnd();
  await stream.over;
  assert.deepEqual(await ended, { outcome: "completed" });
  assert.deepEqual([stream.text, target.requests[0]], ["answerlast", "early"]);
  assert.deepEqual(tunnel.bytes, { sent: 5, received: 10 });
  assert.equal(stream.consumedBytes, 5);
});

test("Tunnel: an end that came before the connection still reaches the target", async () => {
  await using target = await startTarget((socket) => socket.once("end", () => socket.end("bye")));
  const { stream, tunnel, ended } = begin({ port: target.port });
  tunnel.onData(Buffer.from("early"));
  tunnel.onEnd();
  await ended;
  assert.deepEqual([stream.text, target.requests[0]], ["bye", "early"]);
});

test("faults G17: a tunnel into the home network is refused and not dialled, in any spelling", async () => {
  await using target = await startTarget(() => undefined);
  const strict = { ports: parsePorts("*"), allow: [] };
  for (const host of ["127.0.0.1", "127.1", "2130706433", "::1", "localhost", "[::ffff:7f00:1]"]) {
    const { stream, ended } = begin({ host, port: target.port }, strict);
    assert.equal((await ended).outcome, "target_forbidden", host);
    assert.equal(stream.aborted?.code, "target_forbidden", host);
  }
  const { ended } = begin({ port: target.port }, { ...POLICY, ports: parsePorts("443") });
  assert.equal((await ended).outcome, "port_forbidden");
  assert.equal(target.sockets.length, 0);
});

test("Tunnel: a refused connection is told on the stream, and no head comes", async () => {
  const gone = await startTarget(() => undefined);
  const { port } = gone;
  await gone[Symbol.asyncDispose]();
  const { stream, ended } = begin({ port });
  assert.equal((await ended).outcome, "connection_refused");
  assert.deepEqual([stream.aborted?.code, stream.heads.length], ["connection_refused", 0]);
  assert.equal(stream.aborted?.unsent, true);
});

test("Tunnel: cancelled while connecting, its connection never comes to life", async () => {
  await using target = await startTarget(() => undefined);
  const { stream, tunnel, ended } = begin({ port: target.port });
  tunnel.onError(new ProxyError("cancelled", "The client went away"));
  assert.equal((await ended).outcome, "cancelled");
  await new Promise(setImmediate);
  assert.equal(stream.heads.length, 0);
});

test("Tunnel: abort ends the stream and the target's connection", async () => {
  await using target = await startTarget((socket) => socket.write("x"));
  const { stream, tunnel, ended } = begin({ port: target.port });
  tunnel.onData(Buffer.from("x"));
  await stream.written;
  const [socket] = target.sockets;
  assert.ok(socket);
  const closed = Promise.withResolvers<boolean>();
  socket.once("close", closed.resolve);
  tunnel.abort(new ProxyError("overloaded", "The month is used up"));
  assert.equal((await ended).outcome, "overloaded");
  assert.equal(stream.aborted?.code, "overloaded");
  await closed.promise;
});

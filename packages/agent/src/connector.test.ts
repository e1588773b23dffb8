import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import { type TargetPolicy, parseCidrs, parsePorts } from "@porchlight/runtime/target-policy";
import { startStalledListener } from "@porchlight/testkit/stalled-listener";
import { type ConnectorOptions, type Target, startConnect } from "./connector.ts";
import { startTarget } from "./fake-stream.ts";

const STRICT: TargetPolicy = { ports: parsePorts("*"), allow: [] };
const OPEN: TargetPolicy = { ports: parsePorts("*"), allow: parseCidrs("127.0.0.0/8,::1/128") };

async function codeOf(
  target: Partial<Target>,
  options: Partial<ConnectorOptions>,
): Promise<string> {
  const attempt = startConnect(
    { host: "a.example", port: 80, secure: false, ...target },
    { policy: STRICT, resolve: () => Promise.reject(new Error("asked")), ...options },
  );
  try {
    const { socket } = await attempt.connected;
    socket.destroy();
    return "connected";
  } catch (error) {
    assert.ok(error instanceof ProxyError);
    return error.code;
  }
}

function resolvingTo(...addresses: string[]): () => Promise<string[]> {
  return () => Promise.resolve(addresses);
}

test("faults A16: a name with one forbidden address is refused, and nothing is dialled", async () => {
  await using target = await startTarget(() => undefined);
  const { port } = target;
  const addresses = [
    "127.0.0.1",
    "0.0.0.0",
    "169.254.169.254",
    "::ffff:127.0.0.1",
    "fe80::1%eth0",
    "fd00::1",
  ];
  for (const address of addresses) {
    const resolve = resolvingTo("203.0.114.1", address);
    assert.equal(await codeOf({ port }, { resolve }), "target_forbidden", address);
  }
  assert.equal(target.sockets.length, 0);
});

test("faults A16: a spelling that only the resolver turns into an address is judged by what it turns into", async () => {
  const resolve = resolvingTo("127.0.0.1");
  for (const host of ["127.1", "2130706433"]) {
    assert.equal(await codeOf({ host }, { resolve }), "target_forbidden");
  }
});

test("faults A16: only judged addresses are dialled, so a second look-up cannot lead elsewhere", async () => {
  await using target = await startTarget(() => undefined);
  let lookups = 0;
  const resolve = (): Promise<string[]> => {
    lookups += 1;
    return Promise.resolve(lookups === 1 ? ["127.0.0.1"] : ["127.0.0.2"]);
  };
  const attempt = startConnect(
    { host: "a.example", port: target.port, secure: false },
    { policy: OPEN, resolve },
  );
  const { socket, address } = await attempt.connected;
  socket.destroy();
  assert.deepEqual([address, lookups], ["127.0.0.1", 1]);
});

test("startConnect: the refusal of a name does not tell which address it has", async () => {
  const attempt = startConnect(
    { host: "nas.example", port: 80, secure: false },
    { policy: STRICT, resolve: resolvingTo("192.168.77.5") },
  );
  await assert.rejects(attempt.connected, (error: Error) => !error.message.includes("192.168"));
});

test("startConnect: literals are judged without a look-up", async () => {
  assert.equal(await codeOf({ host: "10.0.0.1" }, {}), "target_forbidden");
  assert.equal(await codeOf({ host: "::1" }, {}), "target_forbidden");
});

test("startConnect: what goes wrong has a code of its own", async () => {
  const gone = await startTarget(() => undefined);
  const { port } = gone;
  await gone[Symbol.asyncDispose]();
  assert.equal(await codeOf({}, {}), "dns_failed");
  assert.equal(await codeOf({}, { resolve: resolvingTo() }), "dns_failed");
  assert.equal(await codeOf({ host: "127.0.0.1", port }, { policy: OPEN }), "connection_refused");
});

test("startConnect: TLS to what speaks something else is tls_failed", async () => {
  await using target = await startTarget((socket) => socket.end("HTTP/1.1 400 Bad\r\n\r\n"));
  const where = { host: "127.0.0.1", port: target.port, secure: true };
  assert.equal(await codeOf(where, { policy: OPEN }), "tls_failed");
});

test("startConnect: a name that never resolves ends at the timeout", async () => {
  const resolve = (): Promise<string[]> => Promise.withResolvers<string[]>().promise;
  assert.equal(await codeOf({}, { resolve, timeoutMs: 5 }), "connect_timeout");
});

test("startConnect: an abort ends a TLS handshake that hangs, down to the socket", async () => {
  const hello = Promise.withResolvers<[Socket]>();
  const greeted = hello.promise;
  await using target = await startTarget((from) => hello.resolve([from]));
  const attempt = startConnect(
    { host: "127.0.0.1", port: target.port, secure: true },
    { policy: OPEN },
  );
  const ended = assert.rejects(attempt.connected, { code: "cancelled" });
  const [socket] = await greeted;
  const closed = once(socket, "end");
  attempt.abort(new ProxyError("cancelled", "No longer wanted"));
  await ended;
  await closed;
});

test("startConnect: a connection that is not made ends at the timeout, also behind a name", async () => {
  using stalled = await startStalledListener();
  const resolve = resolvingTo("127.0.0.1");
  const options = { policy: OPEN, resolve, timeoutMs: 50 };
  assert.equal(await codeOf({ port: stalled.port }, options), "connect_timeout");
});

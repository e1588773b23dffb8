import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiClient, json } from "@porchlight/testkit/api-client";
import { startFaultRelay } from "@porchlight/testkit/fault-relay";
import { openRaw, sendRaw } from "@porchlight/testkit/raw-http";
import { startTarget } from "@porchlight/testkit/target-server";
import { testCertificate } from "@porchlight/testkit/certificate";
import type { Echo } from "@porchlight/testkit/target-routes";
import { until } from "@porchlight/testkit/until";

test("startTarget echoes over TLS and counts what it saw", async () => {
  await using target = await startTarget({ tls: true });
  const client = new ApiClient({ origin: target.origin, ca: (await testCertificate()).ca });
  const answer = await client.call({ method: "POST", path: "/echo", body: "abc" });
  assert.equal((json(answer) as Echo).body, Buffer.from("abc").toString("base64"));
  assert.equal(target.requests.length, 1);
  assert.equal(target.requests[0]?.bodyBytes, 3);
  await until("the connection to be gone", () => target.openConnections === 0);
});

test("startTarget cuts a body in good order and resets before the head", async () => {
  await using target = await startTarget();
  const cut = await sendRaw(target.port, "GET /cut/7 HTTP/1.1\r\nHost: x\r\n\r\n");
  assert.match(cut.text, /Content-Length: 1000\r\n\r\nx{7}$/);
  assert.equal(cut.end, "end");
  const reset = await sendRaw(target.port, "GET /reset-before HTTP/1.1\r\nHost: x\r\n\r\n");
  assert.equal(reset.end, "error");
});

test("FaultRelay holds bytes while paused and forwards them when resumed", async () => {
  await using target = await startTarget();
  await using relay = await startFaultRelay({ targetPort: target.port });
  using connection = await openRaw(relay.port);
  connection.write("GET /status/200 HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.untilText("200\n");
  relay.pause("down");
  connection.write("GET /status/201 HTTP/1.1\r\nHost: x\r\n\r\n");
  await until("the second request", () => target.requests.length === 2);
  assert.deepEqual(connection.statuses, [200]);
  relay.resume();
  await connection.untilText("201\n");
});

test("FaultRelay narrows, and resets both sides", async () => {
  await using target = await startTarget();
  await using relay = await startFaultRelay({ targetPort: target.port, bytesPerSecond: 1_000_000 });
  using connection = await openRaw(relay.port);
  const startMs = performance.now();
  connection.write("GET /bytes/100000 HTTP/1.1\r\nHost: x\r\n\r\n");
  await until("the body", () => connection.received.length > 100_000);
  assert.ok(performance.now() - startMs > 90);
  relay.reset();
  assert.equal(await connection.untilEnd(), "error");
  await until("the target to lose it", () => target.openConnections === 0);
  await until("the relay to lose it", () => relay.connections === 0);
});

test("FaultRelay says for whom it forwards, in the first request of a connection", async () => {
  await using target = await startTarget();
  await using relay = await startFaultRelay({
    targetPort: target.port,
    forwardedFor: "203.0.113.7",
  });
  const client = new ApiClient({ origin: `http://127.0.0.1:${relay.port}` });
  for (let connection = 0; connection < 2; connection++) {
    const answer = await client.call({ path: "/echo", headers: { "x-a": "1" } });
    const { headers } = json(answer) as Echo;
    assert.ok(headers.includes("203.0.113.7"), headers.join());
    assert.ok(headers.includes("x-a"), headers.join());
  }
});

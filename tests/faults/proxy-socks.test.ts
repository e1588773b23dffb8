import assert from "node:assert/strict";
import { after, test } from "node:test";
import { KEYS, startCluster } from "@porchlight/testkit/cluster";
import {
  SOCKS_GREETING,
  socksLogin,
  socksName,
  socksRequest,
} from "@porchlight/testkit/proxy-client";
import { openRaw, sendRaw, type RawConnection } from "@porchlight/testkit/raw-http";
import { startTarget } from "@porchlight/testkit/target-server";
import { startStalledListener } from "@porchlight/testkit/stalled-listener";
import { until } from "@porchlight/testkit/until";

const cluster = await startCluster({ orchestrator: { ORCH_JOB_TIMEOUT_MS: "2000" } });
const target = await startTarget();
const stalled = await startStalledListener();
after(async () => {
  assert.equal(cluster.orchestrator.running, true);
  stalled[Symbol.dispose]();
  await target[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const LOGGED_IN = "05020100";
const SUCCEEDED = "05000001000000000000";

const IPV4 = [1, 127, 0, 0, 1];

/** A client that says everything at once. */
function ask(...messages: Buffer[]): Promise<RawConnection> {
  return sendRaw(cluster.proxyPort, Buffer.concat(messages), { deadlineMs: 15_000 });
}

/** What a client is told in the end, behind greeting and login. */
async function replyTo(
  address: readonly number[],
  port: number,
  command?: number,
): Promise<string> {
  const { received } = await ask(
    SOCKS_GREETING,
    socksLogin(),
    socksRequest(address, port, command),
  );
  const text = received.toString("hex");
  assert.ok(text.startsWith(LOGGED_IN), text);
  assert.equal(text.length, LOGGED_IN.length + SUCCEEDED.length);
  return text.slice(LOGGED_IN.length, LOGGED_IN.length + 4);
}

function hex(connection: RawConnection): string {
  return connection.received.toString("hex");
}

test("faults P17: another version is closed without a word", async () => {
  for (const bytes of [
    [5, 1, 2, 9, 1],
    [5, 1, 2, 5, 1],
  ]) {
    assert.equal(hex(await ask(Buffer.from(bytes))), "0502");
  }
  const wrongRequest = await ask(
    SOCKS_GREETING,
    socksLogin(),
    Buffer.from([4, 1, 0, 1, 1, 2, 3, 4, 0, 80]),
  );
  assert.equal(hex(wrongRequest), LOGGED_IN);
});

test("faults P18: SOCKS4 is closed cleanly and told nothing", async () => {
  const socks4 = await ask(Buffer.from([4, 1, 0, 80, 127, 0, 0, 1, 0]));
  assert.equal(hex(socks4), "");
  assert.equal(socks4.end, "end");
});

test("faults P17: without an acceptable method the answer is FF", async () => {
  for (const methods of [[], [0], [0, 1, 3]]) {
    assert.equal(hex(await ask(Buffer.from([5, methods.length, ...methods]))), "05ff");
  }
});

test("faults P17: a wrong key is 01 01 and closed", async () => {
  for (const key of ["wrong", KEYS.client.slice(1), ""]) {
    const answer = await ask(SOCKS_GREETING, socksLogin(key), socksRequest(IPV4, target.port));
    assert.equal(hex(answer), "05020101", key);
  }
  assert.equal(target.connections, 0);
});

test("faults P17: a key of another role, or a username with a bad parameter, is refused after the login", async () => {
  const admin = await ask(SOCKS_GREETING, socksLogin(KEYS.admin), socksRequest(IPV4, target.port));
  assert.equal(hex(admin).slice(LOGGED_IN.length, -16), "0502");
  const bad = await ask(
    SOCKS_GREETING,
    socksLogin(KEYS.client, "any-planet-mars"),
    socksRequest(IPV4, target.port),
  );
  assert.equal(hex(bad).slice(LOGGED_IN.length, -16), "0501");
  assert.equal(target.connections, 0);
});

test("faults A30: a username that is no UTF-8 is refused, and the log names the parameter", async () => {
  const login = socksLogin(KEYS.client, Buffer.from("any-agent-caf\xe9", "latin1"));
  const answer = await ask(SOCKS_GREETING, login, socksRequest(IPV4, target.port));
  assert.equal(hex(answer).slice(LOGGED_IN.length, -16), "0501");
  const { lines } = cluster.orchestrator.logs;
  const line = await until("the log line", () =>
    lines.find(({ text }) => text.includes('\\"agent\\" is not valid UTF-8')),
  );
  assert.equal(line.fields["code"], "invalid_request");
  assert.equal(target.connections, 0);
});

test("faults P17: BIND and UDP are 07, an unknown kind of address is 08", async () => {
  assert.equal(await replyTo(IPV4, target.port, 2), "0507");
  assert.equal(await replyTo(IPV4, target.port, 3), "0507");
  assert.equal(await replyTo([2, 1, 2, 3, 4], target.port), "0508");
});

test("faults P17: forbidden is 02, in every form of address", async () => {
  const mapped = [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1];
  const forbidden = [
    [1, 10, 0, 0, 1],
    [1, 169, 254, 169, 254],
    mapped,
    socksName("0xa9fea9fe"),
    socksName("192.168.257"),
  ];
  for (const address of forbidden)
    assert.equal(await replyTo(address, 80), "0502", String(address));
});

test("faults P19: the proxy itself is 02", async () => {
  for (const address of [IPV4, socksName("localhost"), socksName("127.1")]) {
    assert.equal(await replyTo(address, cluster.proxyPort), "0502");
  }
});

test("faults P17, P20: refused is 05, an unknown name 04, what is no name 01", async () => {
  const closed = await startTarget();
  const { port } = closed;
  await closed[Symbol.asyncDispose]();
  assert.equal(await replyTo(IPV4, port), "0505");
  assert.equal(await replyTo(socksName("no-such-name.invalid"), 80), "0504");
  for (const bad of ["a b", "a@b", "a/b", "\u0000", ""]) {
    assert.equal(await replyTo(socksName(bad), 80), "0501", JSON.stringify(bad));
  }
  assert.equal(await replyTo(IPV4, 0), "0501");
});

test("faults P20, P21: while the agent has not connected nothing is said; a connect timeout is 04", async () => {
  using connection = await openRaw(cluster.proxyPort);
  connection.write(Buffer.concat([SOCKS_GREETING, socksLogin(), socksRequest(IPV4, stalled.port)]));
  await until("the login", () => hex(connection) === LOGGED_IN);
  await until("the tunnel to be asked for", async () => {
    return (await cluster.client.agents()).some(({ inFlight }) => inFlight === 1);
  });
  assert.equal(hex(connection), LOGGED_IN);
  await connection.untilEnd(15_000);
  assert.equal(hex(connection).slice(LOGGED_IN.length, -16), "0504");
});

test("faults P17: a handshake cut into single bytes works, and the tunnel behind it", async () => {
  using connection = await openRaw(cluster.proxyPort);
  const ask = Buffer.from("GET /status/200 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  for (const byte of Buffer.concat([
    SOCKS_GREETING,
    socksLogin(),
    socksRequest(IPV4, target.port),
    ask,
  ])) {
    connection.write(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  await connection.untilEnd();
  assert.ok(hex(connection).startsWith(LOGGED_IN + SUCCEEDED));
  assert.deepEqual(connection.statuses, []);
  assert.match(connection.text, /HTTP\/1\.1 200 OK\r\n[^]*\n200\n/);
});

test("faults P14: bytes right behind the handshake, in the same packet, arrive", async () => {
  const bytes = Buffer.from("GET /status/200 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  for (const address of [IPV4, socksName("localhost")]) {
    const answer = await ask(
      SOCKS_GREETING,
      socksLogin(),
      socksRequest(address, target.port),
      bytes,
    );
    assert.match(answer.text, /HTTP\/1\.1 200 OK\r\n[^]*\n200\n/);
  }
});

test("faults P20: with nobody to serve it the answer is 01", async () => {
  const nobody = await ask(
    SOCKS_GREETING,
    socksLogin(KEYS.client, "any-agent-nobody"),
    socksRequest(IPV4, target.port),
  );
  assert.equal(hex(nobody).slice(LOGGED_IN.length, -16), "0501");
});

test("faults P7: a handshake that does not get on is closed at the deadline", async () => {
  const startMs = performance.now();
  const slow = [SOCKS_GREETING, Buffer.concat([SOCKS_GREETING, socksLogin().subarray(0, 5)])].map(
    async (bytes) => {
      using connection = await openRaw(cluster.proxyPort);
      connection.write(bytes.subarray(0, -1));
      const timer = setTimeout(() => connection.write(bytes.subarray(-1)), 1_000);
      await connection.untilEnd(15_000);
      clearTimeout(timer);
    },
  );
  await Promise.all(slow);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs > 9_000 && tookMs < 13_000, `${tookMs} ms`);
});

/** Who is refused at the proxy's door, and what an operator sees of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KEYS, startCluster, type Cluster } from "@porchlight/testkit/cluster";
import { openRaw, sendRaw } from "@porchlight/testkit/raw-http";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

const LOGIN = `Proxy-Authorization: Basic ${Buffer.from(`any:${KEYS.client}`).toString("base64")}\r\n`;

function get(url: string): string {
  return `GET ${url} HTTP/1.1\r\nHost: example.com\r\n${LOGIN}Connection: close\r\n\r\n`;
}

/** Status of the one answer to a request over a connection of its own. */
async function statusOf(cluster: Cluster, request: string): Promise<number | undefined> {
  const ca = cluster.certificate?.ca;
  const connection = await sendRaw(cluster.proxyPort, request, ca === undefined ? {} : { ca });
  assert.equal(connection.statuses.length, 1, connection.text);
  return connection.statuses[0];
}

test("faults P7: connections that stay in their TLS handshake count for their address", async () => {
  await using cluster = await startCluster({
    tls: true,
    orchestrator: { ORCH_PROXY_CONNECTIONS_PER_ADDRESS: "2" },
  });
  await using target = await startTarget();
  const request = get(`${target.origin}/status/204`);
  assert.equal(await statusOf(cluster, request), 204);
  using first = await openRaw(cluster.proxyPort);
  using _second = await openRaw(cluster.proxyPort);
  assert.equal(await statusOf(cluster, request), 429);
  first.socket.end();
  await until("room again", async () => (await statusOf(cluster, request)) === 204);
});

test("faults P15: over TLS, too, a client of a tunnel may end its side first", async () => {
  await using cluster = await startCluster({ tls: true });
  await using target = await startTarget();
  const ca = cluster.certificate?.ca ?? "";
  using connection = await openRaw(cluster.proxyPort, { ca, allowHalfOpen: true });
  connection.write(`CONNECT 127.0.0.1:${target.port} HTTP/1.1\r\nHost: x\r\n${LOGIN}\r\n`);
  await connection.untilText("\r\n\r\n");
  connection.socket.end("GET /bytes/1000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await connection.untilEnd();
  assert.ok(connection.received.length > 1_000_000);
});

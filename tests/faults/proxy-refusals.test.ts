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

/** A SOCKS client's greeting, login and request for 10.0.0.1:80, which is forbidden. */
function forbiddenSocks(key: string): Buffer {
  const login = [1, 3, ...Buffer.from("any"), key.length, ...Buffer.from(key)];
  return Buffer.from([5, 1, 2, ...login, 5, 1, 0, 1, 10, 0, 0, 1, 0, 80]);
}

test("refused SOCKS requests do not fill the log, and what is left out is told", async () => {
  await using cluster = await startCluster({ agents: 0 });
  const { orchestrator, proxyPort } = cluster;
  const lines = () =>
    orchestrator.logs.lines.filter(({ text }) => text.includes("SOCKS request refused"));
  const suppressed = () =>
    lines().reduce((sum, { fields }) => sum + Number(fields["suppressed"] ?? 0), 0);
  const startMs = performance.now();
  let asked = 0;
  const ask = async (): Promise<void> => {
    asked++;
    await sendRaw(proxyPort, forbiddenSocks(KEYS.client));
  };
  await Promise.all(Array.from({ length: 200 }, ask));
  await until("a line that tells the rest", async () => {
    await ask();
    return suppressed() > 0;
  });
  // A burst of 10, and 10 a second.
  const mostLines = 10 + (performance.now() - startMs) / 100;
  assert.ok(lines().length <= mostLines, `${lines().length} lines, at most ${mostLines}`);
  assert.ok(lines().length < asked);
  assert.ok(lines().length + suppressed() <= asked);
});

async function refusals(cluster: Cluster): Promise<Record<string, number>> {
  const { body } = await cluster.admin.call({ method: "GET", path: "/metrics" });
  const lines = String(body).matchAll(/^porchlight_proxy_refusals_total(\{.*\}) (\d+)$/gm);
  return Object.fromEntries(
    [...lines].map(([, labels = "", count]): [string, number] => [labels, Number(count)]),
  );
}

const WITHOUT_KEY = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const WEB_SOCKET = "Connection: upgrade\r\nUpgrade: websocket\r\n";
const WITH_KEY = `HTTP/1.1\r\nHost: x\r\n${LOGIN}Connection: close\r\n\r\n`;

test("what is refused is counted by door and code, and a stranger's words are no label", async () => {
  await using cluster = await startCluster({ agents: 0 });
  const { proxyPort } = cluster;
  const asked = [
    `GET http://example.com/ ${WITHOUT_KEY}`,
    `GET http://example.com/ ${WITHOUT_KEY}`,
    `CONNECT example.com:443 ${WITHOUT_KEY}`,
    `GET /origin-form ${WITH_KEY}`,
    "nonsense\r\n\r\n",
    `GET http://example.com/ HTTP/1.1\r\nHost: x\r\n${LOGIN}${WEB_SOCKET}Content-Length: 2\r\n\r\n`,
    `GET http://10.0.0.1/ ${WITH_KEY}`,
    `GET https://example.com/ ${WITH_KEY}`,
    `CONNECT example.com ${WITH_KEY}`,
    `CONNECT 10.0.0.1:80 ${WITH_KEY}`,
    `CONNECT example.com:443 HTTP/1.1\r\n${LOGIN}\r\n`,
    forbiddenSocks(KEYS.client),
    forbiddenSocks("no such key"),
    Buffer.from([5, 1, 0]),
    // Comes to a tunnel, which is counted there.
    `CONNECT example.com:80 ${WITH_KEY}`,
  ];
  for (const bytes of asked) await sendRaw(proxyPort, bytes);
  assert.deepEqual(await refusals(cluster), {
    '{door="http",code="unauthenticated"}': 2,
    '{door="connect",code="unauthenticated"}': 1,
    '{door="http",code="invalid_request"}': 3,
    '{door="http",code="target_forbidden"}': 1,
    '{door="http",code="invalid_url"}': 1,
    '{door="connect",code="invalid_url"}': 1,
    '{door="connect",code="target_forbidden"}': 1,
    '{door="connect",code="invalid_request"}': 1,
    '{door="socks5",code="target_forbidden"}': 1,
    '{door="socks5",code="unauthenticated"}': 1,
    '{door="socks5",code="invalid_request"}': 1,
  });
});

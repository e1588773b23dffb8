import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { testCertificate } from "@porchlight/testkit/certificate";
import { startCluster } from "@porchlight/testkit/cluster";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import { startTarget } from "@porchlight/testkit/target-server";

const GIGABYTE = 1_000_000_000;

/** What orchestrator and agent may each hold resident while the body passes. Bytes. */
const BOUND_BYTES = 250_000_000;

test("a body of 1 GB passes through format raw with bounded memory", async () => {
  await using cluster = await startCluster({ tls: true });
  await using target = await startTarget();
  const [agent] = cluster.agents;
  const { status, body } = await cluster.client.raw({
    url: `${target.origin}/bytes/${GIGABYTE}`,
    timeoutMs: 120_000,
  });
  assert.equal(status, 200);
  let bytes = 0;
  let sampledAt = 0;
  let largest = 0;
  for await (const chunk of body) {
    bytes += (chunk as Buffer).length;
    if (bytes - sampledAt < 20_000_000) continue;
    sampledAt = bytes;
    largest = Math.max(
      largest,
      cluster.orchestrator.usage.rssBytes,
      agent?.usage.rssBytes ?? Number.POSITIVE_INFINITY,
    );
  }
  assert.equal(bytes, GIGABYTE);
  assert.ok(largest < BOUND_BYTES, `${largest} bytes resident`);
});

/** 2 MB in which every four bytes say of which job they are, and where. */
function numbered(job: number): Buffer {
  const words = Uint32Array.from({ length: 500_000 }, (_, index) => job * 1_000_000 + index);
  return Buffer.from(words.buffer);
}

/** Answers `/N` with the bytes of job N: the even ones at once, the odd ones in chunks of 5 kB, several to a read. */
async function answerNumbered(
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const job = Number(request.url?.slice(1));
  const body = numbered(job);
  if (job % 2 === 0) {
    response.end(body);
    return;
  }
  for (let start = 0; start < body.length; start += 5_000) {
    const isTaken = response.write(body.subarray(start, start + 5_000));
    if (!isTaken) await once(response, "drain");
  }
  response.end();
}

test("the bodies of many jobs at once are each their own, in every format, with TLS and without", async () => {
  const { cert, key, caFile } = await testCertificate();
  await using cluster = await startCluster({
    tls: true,
    agent: { NODE_EXTRA_CA_CERTS: caFile, AGENT_MAX_CONCURRENCY: "24" },
  });
  const answer = (request: http.IncomingMessage, response: http.ServerResponse): void =>
    void answerNumbered(request, response);
  const targets = [http.createServer(answer), https.createServer({ cert, key }, answer)];
  const ports = await Promise.all(targets.map((target) => listenOnLoopback(target)));
  const origins = [`http://127.0.0.1:${ports[0]}`, `https://127.0.0.1:${ports[1]}`];
  try {
    const jobs = Array.from({ length: 24 }, (_, job) => job);
    const isOwn = await Promise.all(
      jobs.map(async (job) => {
        const order = { url: `${origins[job < 12 ? 0 : 1]}/${job}` };
        if (job % 3 === 0) {
          const result = await cluster.client.run({ ...order, bodyEncoding: "base64" });
          return Buffer.from(result.body, "base64").equals(numbered(job));
        }
        const { body } = await cluster.client.raw(order);
        return (await buffer(body)).equals(numbered(job));
      }),
    );
    assert.deepEqual(
      jobs.filter((job) => isOwn[job] !== true),
      [],
    );
  } finally {
    for (const target of targets) {
      target.close();
      target.closeAllConnections();
    }
  }
});

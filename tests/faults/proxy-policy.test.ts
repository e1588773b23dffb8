/** Targets that nobody may reach, asked for through the proxy in each of its three forms. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startCluster, type Cluster } from "@porchlight/testkit/cluster";
import {
  callThroughProxy,
  connectHead,
  forwardHead,
  SOCKS_GREETING,
  socksLogin,
  socksName,
  socksRequest,
} from "@porchlight/testkit/proxy-client";
import { openRaw } from "@porchlight/testkit/raw-http";
import { startTarget } from "@porchlight/testkit/target-server";

/** No exception for any address, as it is by default. */
const strict = await startCluster({
  orchestrator: { ORCH_TARGET_ALLOW: "" },
  agent: { AGENT_TARGET_ALLOW: "" },
});

/** The orchestrator lets everything pass; the agent's operator allows one loopback address. */
const trusting = await startCluster({
  orchestrator: { ORCH_TARGET_ALLOW: "0.0.0.0/0,::/0" },
  agent: { AGENT_TARGET_ALLOW: "127.0.0.2/32" },
});

/** What the home network must never see a connection of: listens on every address of both families. */
const home = await startTarget({ host: "::" });
const allowed = await startTarget({ host: "127.0.0.2" });
after(async () => {
  await home[Symbol.asyncDispose]();
  await allowed[Symbol.asyncDispose]();
  await strict[Symbol.asyncDispose]();
  await trusting[Symbol.asyncDispose]();
});

/** How a client is told that its target is forbidden, asked for by host and port. */
type Form = (cluster: Cluster, host: string, port: number) => Promise<void>;

async function refusedByHttp(cluster: Cluster, request: string): Promise<void> {
  using client = await openRaw(cluster.proxyPort);
  client.write(request);
  const answer = await client.untilText("}");
  assert.deepEqual(client.statuses, [403], answer);
  assert.match(
    answer,
    /^Proxy-Status: porchlight; error=destination_ip_prohibited; details="target_forbidden"\r$/m,
  );
}

async function refusedBySocks(
  cluster: Cluster,
  address: readonly number[],
  port: number,
): Promise<void> {
  using client = await openRaw(cluster.proxyPort);
  client.write(Buffer.concat([SOCKS_GREETING, socksLogin(), socksRequest(address, port)]));
  await client.untilEnd();
  assert.equal(client.received.toString("hex"), "0502010005020001000000000000");
}

const FORMS: Readonly<Record<string, Form>> = {
  CONNECT: (cluster, host, port) => refusedByHttp(cluster, connectHead(`${host}:${port}`)),
  GET: (cluster, host, port) => refusedByHttp(cluster, forwardHead(`http://${host}:${port}/`)),
  SOCKS5: (cluster, host, port) =>
    refusedBySocks(cluster, socksName(host.replaceAll(/[[\]]/g, "")), port),
};

/** Faults A15. */
const FORBIDDEN = [
  "127.0.0.1",
  "127.0.0.53",
  "10.0.0.1",
  "172.16.0.1",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "224.0.0.1",
  "255.255.255.255",
  "0.0.0.0",
  // Decimal, octal, hexadecimal and short.
  "2130706433",
  "017700000001",
  "0x7f000001",
  "0x7f.1",
  "127.1",
  "0",
  // IPv6, and what it can hide.
  "[::1]",
  "[::]",
  "[fe80::1]",
  "[fd00::1]",
  "[ff02::1]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[64:ff9b::7f00:1]",
  "[2002:7f00:1::]",
  "[2001:0:7f00:1::]",
] as const;

for (const [form, isForbidden] of Object.entries(FORMS)) {
  test(`faults A15, ${form}: an address that is not public is forbidden in every spelling, and nothing is dialled`, async () => {
    const before = await strict.client.agents();
    for (const host of FORBIDDEN) {
      await isForbidden(strict, host, home.port).catch((cause: unknown) => {
        throw new Error(host, { cause });
      });
    }
    assert.equal(home.connections, 0);
    const jobs = (await strict.client.agents())[0]?.jobs;
    assert.deepEqual(jobs, before[0]?.jobs, "the agent never sees it");
  });

  test(`faults A16, ${form}: a name of such an address is forbidden, by the agent alone`, async () => {
    for (const cluster of [strict, trusting]) await isForbidden(cluster, "localhost", home.port);
    assert.equal(home.connections, 0);
  });

  test(`faults A16, ${form}: the agent refuses every such address by itself, whatever the orchestrator allows`, async () => {
    for (const host of FORBIDDEN) {
      await isForbidden(trusting, host, home.port).catch((cause: unknown) => {
        throw new Error(host, { cause });
      });
    }
    assert.equal(home.connections, 0);
  });
}

test("faults A15: digits in percent signs or of full width are no way round", async () => {
  for (const host of ["%31%32%37.0.0.1", "%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1"]) {
    await refusedByHttp(strict, forwardHead(`http://${host}:${home.port}/`));
  }
  const wide = Buffer.from("\u{ff11}\u{ff12}\u{ff17}.0.0.1").toString("latin1");
  for (const head of [
    connectHead(`${wide}:${home.port}`),
    forwardHead(`http://${wide}:${home.port}/`),
  ]) {
    using client = await openRaw(strict.proxyPort);
    client.write(head);
    await client.untilText("}");
    assert.deepEqual(client.statuses, [400], "no HTTP at all");
  }
  await refusedBySocks(strict, [3, wide.length, ...Buffer.from(wide, "latin1")], home.port);
  assert.equal(home.connections, 0);
});

test("faults A15, SOCKS5: binary addresses are forbidden as their spellings are", async () => {
  const ipv4 = [1, 127, 0, 0, 1];
  const mapped = [4, ...Array<number>(10).fill(0), 255, 255, 127, 0, 0, 1];
  const loopback = [4, ...Array<number>(15).fill(0), 1];
  for (const cluster of [strict, trusting]) {
    for (const address of [
      ipv4,
      mapped,
      loopback,
      [1, 0, 0, 0, 0],
      [4, ...Array<number>(16).fill(0)],
    ]) {
      await refusedBySocks(cluster, address, home.port);
    }
  }
  assert.equal(home.connections, 0);
});

test("faults A17, A18: a redirect is the client's to follow: it passes untouched, and where it leads is forbidden", async () => {
  const first = `${allowed.origin}/redirect/302?to=http://127.0.0.1:${home.port}/echo`;
  const { response } = await callThroughProxy(trusting, { url: first });
  assert.equal(response.statusCode, 302);
  const { location: next = "" } = response.headers;
  assert.equal(next, `http://127.0.0.1:${home.port}/echo`);
  await refusedByHttp(trusting, forwardHead(next));
  const loop = await callThroughProxy(trusting, { url: `${allowed.origin}/loop` });
  assert.equal(loop.response.headers.location, "/loop");
  assert.equal(allowed.requests.length, 2);
  assert.equal(home.connections, 0);
});

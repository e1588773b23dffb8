/** Sticky sessions over real agents: by the job API, CONNECT and SOCKS5 alike. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KEYS, startCluster, type Cluster } from "@porchlight/testkit/cluster";
import { openRaw } from "@porchlight/testkit/raw-http";
import { startTarget } from "@porchlight/testkit/target-server";

/** The answer's head to a CONNECT with this username. */
async function connect(cluster: Cluster, username: string, port: number): Promise<string> {
  using connection = await openRaw(cluster.proxyPort);
  const login = Buffer.from(`${username}:${KEYS.client}`).toString("base64");
  connection.write(
    `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${login}\r\n\r\n`,
  );
  // Not returned as a promise: the connection is needed until it has come.
  const head = await connection.untilText("\r\n\r\n");
  return head;
}

function exitOf(head: string): string | undefined {
  return /^Porchlight-Exit: (\S+)/m.exec(head)?.[1];
}

test("a session keeps its exit over the job API, CONNECT and forwarded requests, of one account", async () => {
  await using cluster = await startCluster({ agents: 3 });
  await using target = await startTarget();
  const url = `${target.origin}/echo`;
  const first = await cluster.client.run({ url, session: "cart" });
  assert.equal(first.session?.moved, false);
  const exit = first.exit.agentId;
  const others = new Set<string | undefined>();
  for (let round = 0; round < 4; round++) {
    const again = await cluster.client.run({ url, session: "cart" });
    assert.equal(again.exit.agentId, exit);
    assert.equal(exitOf(await connect(cluster, "any-session-cart", target.port)), exit);
    others.add(exitOf(await connect(cluster, "any", target.port)));
  }
  assert.equal(others.size, 3);
  const rival = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const served = await cluster.as(KEYS.otherClient).run({ url, session: `s${round}` });
    rival.add(served.exit.agentId);
  }
  assert.equal(rival.size, 3);
});

test("another filter on a live session is session_mismatch, in every form", async () => {
  await using cluster = await startCluster({ agents: 2 });
  await using target = await startTarget();
  await connect(cluster, "any-session-cart-agent-agent%2D1", target.port);
  const refused = await connect(cluster, "any-session-cart", target.port);
  assert.match(refused, /^HTTP\/1\.1 409 [\s\S]*details="session_mismatch"/);
});

test("when the exit goes, a session moves and says so; a strict one is session_lost", async () => {
  await using cluster = await startCluster({ agents: 2 });
  await using target = await startTarget();
  const exits = new Map<string, string | undefined>();
  for (const name of ["loose", "hard-strict"]) {
    exits.set(name, exitOf(await connect(cluster, `any-session-${name}`, target.port)));
  }
  const named = await cluster.client.agents();
  for (const [name, exit] of exits) {
    const before = await cluster.client.agents();
    if (before.every(({ id, status }) => id !== exit || status === "offline")) continue;
    const agent = named.find(({ id }) => id === exit);
    const program = cluster.agents.find((each) => each.name === agent?.name);
    program?.kill("SIGKILL");
    await cluster.untilAvailable(before.filter(({ status }) => status === "available").length - 1);
    if (name === "hard-strict") break;
    const moved = await connect(cluster, "any-session-loose", target.port);
    assert.match(moved, /^HTTP\/1\.1 200 /);
    assert.match(moved, /^Porchlight-Session: moved$/m);
    assert.notEqual(exitOf(moved), exit);
    const again = await connect(cluster, "any-session-loose", target.port);
    assert.doesNotMatch(again, /Porchlight-Session/);
  }
  const lost = await connect(cluster, "any-session-hard-strict", target.port);
  assert.match(lost, /^HTTP\/1\.1 502 [\s\S]*error=connection_terminated; details="session_lost"/);
});

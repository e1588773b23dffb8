/** Sticky sessions with real programs: through the job API, HTTP, CONNECT and SOCKS5. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { JobRequest, JobResult } from "@porchlight/protocol/job";
import { KEYS, startCluster, type Cluster } from "@porchlight/testkit/cluster";
import { openRaw, type RawConnection } from "@porchlight/testkit/raw-http";
import { startTarget, type TargetServer } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

let target: TargetServer;
/** Three agents that stay; one job at a time each. */
let cluster: Cluster;

before(async () => {
  [target, cluster] = await Promise.all([
    startTarget(),
    startCluster({ agents: 3, agent: { AGENT_MAX_CONCURRENCY: "1" } }),
  ]);
});

after(async () => {
  await target[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

function jobOf(session: string, fields: Partial<JobRequest> = {}): JobRequest {
  return { url: `${target.origin}/echo`, session, ...fields };
}

async function exitsOf(times: number, run: () => Promise<JobResult>): Promise<Set<string>> {
  const exits = new Set<string>();
  for (let turn = 0; turn < times; turn++) exits.add((await run()).exit.name);
  return exits;
}

/** Kills the agent of this name, as a power cut would. */
async function kill(of: Cluster, name: string): Promise<void> {
  of.agents.find((agent) => agent.name === name)?.kill("SIGKILL");
  await until(`${name} to be offline`, async () => {
    return (await of.client.agents()).some(
      (each) => each.name === name && each.status === "offline",
    );
  });
}

function login(username: string): string {
  const credentials = Buffer.from(`${username}:${KEYS.client}`).toString("base64");
  return `Proxy-Authorization: Basic ${credentials}\r\n`;
}

/** Opens a tunnel; its end is that of the connection. */
async function connectTunnel(of: Cluster, username: string): Promise<RawConnection> {
  const raw = await openRaw(of.proxyPort);
  const authority = `127.0.0.1:${target.port}`;
  raw.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${login(username)}\r\n`);
  await raw.untilText("\r\n\r\n");
  return raw;
}

/** A SOCKS5 tunnel, up to the reply to its request. Source: RFC 1928, RFC 1929. */
async function socksTunnel(of: Cluster, username: string): Promise<RawConnection> {
  const raw = await openRaw(of.proxyPort);
  const key = Buffer.from(KEYS.client);
  raw.write(Uint8Array.of(5, 1, 2));
  raw.write(Buffer.concat([Buffer.of(1, username.length), Buffer.from(username)]));
  raw.write(Buffer.concat([Buffer.of(key.length), key]));
  const port = Buffer.alloc(2);
  port.writeUInt16BE(target.port);
  raw.write(Buffer.concat([Buffer.of(5, 1, 0, 1, 127, 0, 0, 1), port]));
  await until("the reply of SOCKS5", () => raw.received.length >= 2 + 2 + 10);
  return raw;
}

/** Sends a plain request through the proxy; the answer's head. */
async function forward(of: Cluster, username: string): Promise<string> {
  using raw = await openRaw(of.proxyPort);
  const host = `127.0.0.1:${target.port}`;
  raw.write(
    `GET http://${host}/echo HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${login(username)}\r\n`,
  );
  await raw.untilEnd();
  return raw.text.slice(0, raw.text.indexOf("\r\n\r\n"));
}

function header(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)$`, "im").exec(head)?.[1]?.trim();
}

/** Name of the only agent that is at work. */
async function busyAgent(of: Cluster): Promise<string> {
  return until("one busy agent", async () => {
    const busy = (await of.client.agents()).filter(({ inFlight }) => inFlight > 0);
    return busy.length === 1 ? busy[0]?.name : undefined;
  });
}

async function untilIdle(of: Cluster): Promise<void> {
  await until("idle agents", async () => {
    return (await of.client.agents()).every(({ inFlight }) => inFlight === 0);
  });
}

test("a session keeps its exit over many jobs, among three agents in turn", async () => {
  const kept = await exitsOf(12, () => cluster.client.run(jobOf("kept")));
  assert.equal(kept.size, 1);
  const others = await exitsOf(6, () => cluster.client.run({ url: `${target.origin}/echo` }));
  assert.equal(others.size, 3);
  const { session } = await cluster.client.run(jobOf("kept"));
  assert.equal(session?.id, "kept");
  assert.equal(session?.moved, false);
  const leftMs = Date.parse(session?.expiresAt ?? "") - Date.now();
  assert.ok(leftMs > 500_000 && leftMs <= 600_000, `${leftMs}`);
  const again = await cluster.client.run(jobOf("kept", { sessionTtl: 5 }));
  assert.equal(again.session?.expiresAt, session?.expiresAt);
});

test("two accounts with one name of a session are two sessions", async () => {
  const mine = (await cluster.client.run(jobOf("both"))).exit.name;
  const rival = cluster.as(KEYS.otherClient);
  const theirs = (await rival.run(jobOf("both"))).exit.name;
  assert.notEqual(mine, theirs);
  assert.deepEqual(await exitsOf(4, () => cluster.client.run(jobOf("both"))), new Set([mine]));
  assert.deepEqual(await exitsOf(4, () => rival.run(jobOf("both"))), new Set([theirs]));
});

test("other filters on a live session are session_mismatch", async () => {
  await cluster.client.run(jobOf("cart7f3a", { agent: "agent-2" }));
  for (const fields of [{}, { agent: "agent-1" }, { agent: "agent-2", labels: { a: "b" } }]) {
    const problem = await cluster.client.fail(jobOf("cart7f3a", fields));
    assert.deepEqual([problem.status, problem.code], [409, "session_mismatch"]);
    assert.ok(!JSON.stringify(problem).includes("cart7f3a"), "the client's name stays its own");
  }
  const kept = await cluster.client.run(jobOf("cart7f3a", { agent: "agent-2" }));
  assert.equal(kept.exit.name, "agent-2");
});

test("a session waits for its busy exit, while others are free", async () => {
  const { exit } = await cluster.client.run(jobOf("busy"));
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  target.route("held", ({ response }) => void released.then(() => response.end("done")));
  const holding = cluster.client.run({ url: `${target.origin}/held`, agent: exit.name });
  assert.equal(await busyAgent(cluster), exit.name);
  const waiting = cluster.client.run(jobOf("busy"));
  await until("the job to wait", async () => {
    const { body } = await cluster.admin.call({ path: "/metrics" });
    return body.toString().includes("\nporchlight_jobs_waiting 1\n");
  });
  release();
  const [, result] = await Promise.all([holding, waiting]);
  assert.equal(result.exit.name, exit.name);
  assert.equal(result.session?.moved, false);
  const inVain = jobOf("busy", { sessionStrict: true });
  const hanging = new AbortController();
  const held = cluster.client.post(
    { url: `${target.origin}/hang`, agent: exit.name },
    hanging.signal,
  );
  held.catch(() => undefined);
  assert.equal(await busyAgent(cluster), exit.name);
  const problem = await cluster.client.fail(inVain);
  assert.equal(problem.code, "no_agent_available");
  assert.equal(problem.detail, "The session's exit is busy");
  hanging.abort();
  await untilIdle(cluster);
});

test("one session goes through the job API, HTTP, CONNECT and SOCKS5", async () => {
  const { exit } = await cluster.client.run(jobOf("everywhere", { labels: {} }));
  for (let turn = 0; turn < 2; turn++) {
    const head = await forward(cluster, "any-session-everywhere");
    assert.equal(header(head, "Porchlight-Exit"), exit.agentId);
    assert.equal(header(head, "Porchlight-Session"), undefined);
    await untilIdle(cluster);
    for (const open of [connectTunnel, socksTunnel]) {
      const raw = await open(cluster, "any-session-everywhere");
      assert.equal(await busyAgent(cluster), exit.name);
      raw[Symbol.dispose]();
      await untilIdle(cluster);
    }
  }
  using refused = await connectTunnel(cluster, "any-session-everywhere-agent-agent_1");
  assert.match(refused.text, /^HTTP\/1\.1 409 [^]*session_mismatch/);
});

test("a session whose exit is killed moves, and says so: once by each way", async () => {
  await using pool = await startCluster({ agents: 3 });
  const first = await pool.client.run(jobOf("moving"));
  await kill(pool, first.exit.name);
  const moved = await pool.client.run(jobOf("moving"));
  assert.notEqual(moved.exit.name, first.exit.name);
  assert.equal(moved.session?.moved, true);
  assert.equal(moved.session?.expiresAt, first.session?.expiresAt);
  const kept = await pool.client.run(jobOf("moving"));
  assert.deepEqual([kept.exit.name, kept.session?.moved], [moved.exit.name, false]);
  const strict = await pool.client.run(jobOf("strict", { agent: moved.exit.name }));
  await kill(pool, moved.exit.name);
  const problem = await pool.client.fail(
    jobOf("strict", { agent: strict.exit.name, sessionStrict: true }),
  );
  assert.deepEqual([problem.status, problem.code, problem.fault], [502, "session_lost", "agent"]);
  const head = await forward(pool, "any-session-moving");
  assert.equal(header(head, "Porchlight-Session"), "moved");
  const { headers, body } = await pool.client.raw(jobOf("moving"));
  assert.equal(headers["porchlight-session"], undefined);
  body.resume();
  const metrics = (await pool.admin.call({ path: "/metrics" })).body.toString();
  assert.match(metrics, /^porchlight_session_moves_total 2$/m);
  assert.match(metrics, /^porchlight_sessions 2$/m);
});

test("faults F1: killed in the middle: a job that may be repeated moves, a strict one is session_lost", async () => {
  await using pool = await startCluster({ agents: 3 });
  for (const strict of [false, true]) {
    const session = strict ? "strict" : "loose";
    const { exit } = await pool.client.run(jobOf(session));
    let asked = 0;
    target.route(`hang-once-${session}`, ({ response }) => {
      if (++asked > 1) response.end("second");
    });
    const url = `${target.origin}/hang-once-${session}`;
    const running = pool.client.post({ ...jobOf(session), url, sessionStrict: strict });
    await until("the job at the target", () => asked === 1);
    pool.agents.find(({ name }) => name === exit.name)?.kill("SIGKILL");
    const answer = await running;
    const result = JSON.parse(answer.body.toString()) as JobResult & { code?: string };
    if (strict) {
      assert.equal(answer.status, 502);
      assert.equal(result.code, "session_lost");
    } else {
      assert.equal(result.session?.moved, true);
      assert.equal(answer.headers["porchlight-session"], "moved");
      assert.notEqual(result.exit.name, exit.name);
    }
    assert.deepEqual(
      result.attempts.map(({ error }) => error),
      strict ? ["agent_lost"] : ["agent_lost", undefined],
    );
  }
});

test("a strict session goes on when its exit comes back", async () => {
  await using pool = await startCluster({ agents: 2 });
  const strict = jobOf("back", { sessionStrict: true });
  const { exit } = await pool.client.run(strict);
  await kill(pool, exit.name);
  assert.equal((await pool.client.fail(strict)).code, "session_lost");
  pool.startAgent({ AGENT_NAME: exit.name });
  await pool.untilAvailable(2);
  const again = await pool.client.run(strict);
  assert.deepEqual([again.exit.name, again.session?.moved], [exit.name, false]);
});

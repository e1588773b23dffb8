import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ERRORS } from "@porchlight/protocol/errors";
import { FRAME } from "@porchlight/protocol/frame";
import { startCluster } from "@porchlight/testkit/cluster";
import { abortNumber, rawFrame } from "@porchlight/testkit/frame-socket";
import type { MuxAgent } from "@porchlight/testkit/mux-agent";
import { until } from "@porchlight/testkit/until";

const URL = "http://127.0.0.1:9/";

/** One orchestrator for the whole file: nothing that an agent does here may harm the next test. */
const cluster = await startCluster({ agents: 0 });
after(async () => {
  assert.equal(cluster.orchestrator.running, true);
  await cluster[Symbol.asyncDispose]();
});

let lastName = 0;

/** A welcomed scripted agent under a new name. */
async function join(): Promise<{ agent: MuxAgent; name: string }> {
  const name = `hostile-${++lastName}`;
  const agent = await cluster.muxAgent({ hello: { name } });
  await agent.untilFrame("welcome");
  return { agent, name };
}

async function statusOf(name: string): Promise<string | undefined> {
  return (await cluster.client.agents()).find((each) => each.name === name)?.status;
}

test("faults G1: no hello in five seconds ends with 4401", async () => {
  using mux = await cluster.muxAgent({ hello: false });
  const startMs = performance.now();
  assert.equal((await mux.socket.untilEnd(8_000)).code, 4401);
  assert.ok(performance.now() - startMs > 4_000);
});

test("faults G2: an unknown version ends with 4400 and a reason", async () => {
  using agent = await cluster.muxAgent({ hello: { version: 99, name: "future" } });
  const { code, reason } = await agent.socket.untilEnd();
  assert.equal(code, 4400);
  assert.match(reason, /version/i);
});

/** Frames no agent may send, after a good greeting. */
const BAD_FRAMES: Readonly<Record<string, Uint8Array>> = {
  "a frame longer than its message": rawFrame({
    type: FRAME.data,
    streamId: 1,
    payload: Buffer.from("abc"),
    bytes: 1000,
  }),
  "a header cut short": Buffer.from([FRAME.data, 0, 0]),
  "an unknown type": rawFrame({ type: 0x7e, streamId: 0, payload: Buffer.alloc(0) }),
  "a second hello": rawFrame({ type: FRAME.hello, streamId: 0, payload: Buffer.from("{}") }),
  "a welcome": rawFrame({ type: FRAME.welcome, streamId: 0, payload: Buffer.from("{}") }),
  "a drain that is no JSON": rawFrame({
    type: FRAME.drain,
    streamId: 0,
    payload: Buffer.from("{"),
  }),
  "a ping of the wrong length": rawFrame({
    type: FRAME.ping,
    streamId: 0,
    payload: Buffer.from("x"),
  }),
  "data of a stream that never was": rawFrame({
    type: FRAME.data,
    streamId: 4242,
    payload: Buffer.from("x"),
  }),
  "an open": rawFrame({ type: FRAME.open, streamId: 1, payload: Buffer.alloc(8) }),
};

test("faults G3: bad frames close that link alone", async () => {
  const { agent: good, name } = await join();
  using _ = good;
  for (const [what, bytes] of Object.entries(BAD_FRAMES)) {
    const { agent } = await join();
    agent.raw(bytes);
    const end = await agent.socket.untilEnd().catch(() => undefined);
    assert.equal(end?.code, 4400, what);
  }
  const text = await join();
  text.agent.socket.send("text");
  assert.equal((await text.agent.socket.untilEnd()).code, 4400);
  assert.equal(await statusOf(name), "available");
  assert.equal(good.socket.end, undefined);
});

test("faults G4: an oversize message ends with 1009", async () => {
  const { agent } = await join();
  agent.raw(Buffer.alloc(2 * 1024 * 1024));
  assert.equal((await agent.socket.untilEnd()).code, 1009);
});

const NOTHING = Buffer.alloc(0);
const PING = rawFrame({ type: FRAME.ping, streamId: 0, payload: Buffer.alloc(8) });
const PONG = rawFrame({ type: FRAME.pong, streamId: 0, payload: Buffer.alloc(8) });

/** What costs the sender next to nothing and carries nothing. */
const FLOODS: Readonly<Record<string, (agent: MuxAgent) => void>> = {
  "ping frames": (agent) => agent.raw(PING),
  "pong frames, many in one message": (agent) => agent.raw(Buffer.concat(Array(1_000).fill(PONG))),
  "status frames": (agent) => agent.json("status", 0, {}),
  "drain frames": (agent) => agent.json("drain", 0, { reason: "" }),
  "empty messages": (agent) => agent.raw(NOTHING),
  "empty fragments": ({ socket }) => socket.ws.send(NOTHING, { fin: false, binary: true }),
  "WebSocket pings": ({ socket }) => socket.ws.ping(),
  "WebSocket pongs": ({ socket }) => socket.ws.pong(),
};

for (const [what, send] of Object.entries(FLOODS)) {
  test(`faults G5: a flood of ${what} ends with 4429, memory stays, others do not notice`, async () => {
    const name = `good-during-${what}`.slice(0, 60);
    using good = await cluster.jsonAgent({
      hello: { name },
      onJob: ({ jobId }, self) => self.answer(jobId),
    });
    await until("the good agent", () => statusOf(name));
    const before = cluster.orchestrator.usage.rssBytes;
    const { agent } = await join();
    for (let sent = 0; sent < 100_000 && agent.socket.end === undefined; sent++) {
      send(agent);
      if (sent % 1_000 === 0) await nextTurn();
    }
    const startMs = performance.now();
    await cluster.client.run({ url: URL, agent: name });
    assert.ok(performance.now() - startMs < 1_000);
    assert.equal((await agent.socket.untilEnd(10_000)).code, 4429);
    assert.ok(cluster.orchestrator.usage.rssBytes - before < 50e6);
    assert.equal(good.socket.end, undefined);
  });
}

/** Heads that must never be forwarded. */
const BAD_HEADS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "status 99": { status: 99 },
  "status 1000": { status: 1000 },
  "status 100": { status: 100 },
  "status as text": { status: "200" },
  "a header name with a space": { headers: ["bad name", "x"] },
  "a header value with CR LF": { headers: ["x-bad", "a\r\nset-cookie: evil=1"] },
  "a header value with NUL": { headers: ["x-bad", "a\0b"] },
  "half a header": { headers: ["x-alone"] },
  "headers as an object": { headers: { a: "b" } },
};

test("faults G9: heads that break HTTP are agent_protocol_error and never forwarded", async () => {
  for (const [what, fields] of Object.entries(BAD_HEADS)) {
    const { agent, name } = await join();
    using _ = agent;
    const running = cluster.client.fail({ url: URL, agent: name, method: "POST", body: "x" });
    const job = await agent.untilJob();
    agent.head(job.streamId, fields);
    const problem = await running;
    assert.equal(problem.code, "agent_protocol_error", what);
    assert.equal(problem.status, 502, what);
  }
});

test("faults G10: a body shorter or longer than announced is response_truncated", async () => {
  for (const body of ["short", "longer than it said"]) {
    const { agent, name } = await join();
    using _ = agent;
    const running = cluster.client.fail({ url: URL, agent: name, method: "POST", body: "x" });
    const job = await agent.untilJob();
    agent.head(job.streamId, { headers: ["content-length", "10"] });
    agent.data(job.streamId, body, true);
    const problem = await running;
    assert.equal(problem.code, "response_truncated", body);
    assert.equal(problem.status, 502);
  }
});

test("faults G11: data after the end ends the link", async () => {
  const { agent, name } = await join();
  const running = cluster.client.run({ url: URL, agent: name });
  const job = await agent.untilJob();
  agent.head(job.streamId);
  agent.data(job.streamId, "done", true);
  assert.equal(Buffer.from((await running).body, "base64").toString(), "done");
  // The stream is over: late frames are counted, not obeyed.
  agent.data(job.streamId, "more");
  await cluster.client.agents();
  const second = cluster.client.fail({ url: URL, agent: name, method: "POST", body: "x" });
  const next = await agent.untilJob(2);
  agent.head(next.streamId);
  agent.head(next.streamId);
  assert.match((await second).code, /^agent_/);
});

test("faults G11: more data than the credit aborts the stream or the link", async () => {
  const { agent, name } = await join();
  const running = cluster.client.raw({ url: URL, agent: name });
  const job = await agent.untilJob();
  agent.head(job.streamId);
  const { body } = await running;
  body.pause();
  const chunk = Buffer.alloc(60_000);
  for (let sent = 0; sent < 40e6 && agent.socket.end === undefined; sent += chunk.length) {
    agent.data(job.streamId, chunk);
  }
  await until("abort or end", () => agent.socket.end ?? agent.received("abort")[0], 10_000);
  await assert.rejects(body.toArray());
});

test("faults G8: a result after cancel is dropped", async () => {
  const { agent, name } = await join();
  using _ = agent;
  const controller = new AbortController();
  const running = cluster.client.post({ url: URL, agent: name }, controller.signal);
  const job = await agent.untilJob();
  controller.abort();
  await assert.rejects(running);
  const abort = await agent.untilFrame("abort");
  assert.equal(abort.streamId, job.streamId);
  assert.equal(abortNumber(abort), ERRORS.cancelled.wire);
  agent.head(job.streamId);
  agent.data(job.streamId, "late", true);
  const next = cluster.client.run({ url: URL, agent: name });
  const second = await agent.untilJob(2);
  agent.head(second.streamId);
  agent.data(second.streamId, "mine", true);
  assert.equal(Buffer.from((await next).body, "base64").toString(), "mine");
});

test("faults G12: the newest link of an identity wins, the old one gets 4409", async () => {
  const { agent: old, name } = await join();
  using next = await cluster.muxAgent({ hello: { name } });
  await next.untilFrame("welcome");
  assert.equal((await old.socket.untilEnd()).code, 4409);
  assert.equal(await statusOf(name), "available");
});

test("faults G12: more than three swaps a minute park both", async () => {
  const { agent: first, name } = await join();
  let last = first;
  const ends: number[] = [];
  for (let swap = 0; swap < 6; swap++) {
    const next = await cluster.muxAgent({ hello: { name } });
    await until("welcome or end", () => next.received("welcome")[0] ?? next.socket.end);
    if (next.socket.end) ends.push(next.socket.end.code);
    else last = next;
  }
  assert.ok(ends.length >= 2 && ends.every((code) => code === 4409), String(ends));
  assert.equal((await last.socket.untilEnd()).code, 4409);
  assert.equal(await statusOf(name), "offline");
});

test("faults G12: takeover false does not take a live link", async () => {
  const { agent, name } = await join();
  using _ = agent;
  const polite = await cluster.muxAgent({ hello: { name, takeover: false } });
  assert.equal((await polite.socket.untilEnd()).code, 4409);
  assert.equal(agent.socket.end, undefined);
});

test("faults G12: a stranger's key with that name is another agent", async () => {
  const { agent, name } = await join();
  using _ = agent;
  using stranger = await cluster.muxAgent({
    key: "other-agent-secret-0123456789",
    hello: { name },
  });
  await stranger.untilFrame("welcome");
  const same = (await cluster.client.agents()).filter((each) => each.name === name);
  assert.equal(same.length, 2);
  assert.equal(agent.socket.end, undefined);
});

test("faults G15: what an agent claims of its address does not count", async () => {
  using agent = await cluster.muxAgent({
    hello: { name: "liar", ip: "8.8.8.8", country: "DE" } as object,
    headers: { "X-Forwarded-For": "8.8.8.8", "X-Real-IP": "8.8.8.8" },
  });
  await agent.untilFrame("welcome");
  const view = (await cluster.client.agents()).find((each) => each.name === "liar");
  assert.match(view?.ip ?? "", /^(?:::ffff:)?127\.0\.0\.1$/);
});

test("faults G16: an offered permessage-deflate is not negotiated", async () => {
  using agent = await cluster.muxAgent({ offerCompression: true, hello: { name: "packer" } });
  await agent.untilFrame("welcome");
  assert.equal(agent.socket.ws.extensions, "");
});

test("faults A19: a wrong, missing or client's key is refused before the upgrade", async () => {
  for (const key of ["wrong-secret-0123456789", "client-secret-0123456789"]) {
    await assert.rejects(cluster.muxAgent({ key }), /40[13]/);
  }
});

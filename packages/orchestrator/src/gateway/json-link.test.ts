import assert from "node:assert/strict";
import { test } from "node:test";
import type { Link } from "../agents/link.ts";
import { agentStatus } from "../agents/registry.ts";
import { HELLO_GRACE_MS, JsonLink } from "./json-link.ts";
import {
  fakeContext,
  FakeTextSocket,
  HEARTBEAT_MS,
  HeardHttp,
  OPEN,
  VISITOR,
} from "./test-fakes.ts";

const RESULT = { type: "result", jobId: "job_1", statusCode: 200, headers: {}, body: "YWJj" };

function setup() {
  const fakes = fakeContext();
  const gone: Link[] = [];
  const connect = (hello?: object) => {
    const socket = new FakeTextSocket();
    const link = new JsonLink({
      context: fakes.context,
      visitor: VISITOR,
      socket,
      onGone: (ended) => gone.push(ended),
    });
    if (hello !== undefined) socket.receive({ type: "hello", ...hello });
    const start = (jobId = "job_1") => {
      const heard = new HeardHttp();
      return { heard, exchange: link.startHttp({ ...OPEN, jobId }, undefined, heard) };
    };
    const sent = (type: string) => socket.sent.filter((message) => message["type"] === type);
    return { socket, link, start, sent };
  };
  const recordOf = (name: string) => {
    const record = fakes.context.registry.find(name);
    assert.ok(record);
    return record;
  };
  return { ...fakes, gone, connect, recordOf };
}

test("hello: name, concurrency and labels", () => {
  const { connect, recordOf } = setup();
  const hello = { name: "home", version: "2", maxConcurrency: 5, labels: { site: "attic" } };
  const { link } = connect(hello);
  const record = recordOf("home");
  assert.equal(record.link, link);
  assert.equal(record.profile, "json");
  assert.equal(record.version, "2");
  assert.equal(record.maxConcurrency, 5);
  assert.deepEqual(record.labels, { site: "attic" });
  assert.equal(record.ip, VISITOR.ip);
});

test("hello: without one, the agent has its key's name and takes one job at a time", () => {
  const { clock, context, connect, recordOf } = setup();
  connect();
  clock.advance(HELLO_GRACE_MS - 1);
  assert.deepEqual(context.registry.records, []);
  clock.advance(1);
  assert.equal(recordOf("laptop").maxConcurrency, 1);
});

test("hello: a late one renames the agent, and leaves nothing behind", () => {
  const { clock, connect, recordOf, context } = setup();
  const { socket, link } = connect();
  clock.advance(HELLO_GRACE_MS);
  socket.receive({ type: "hello", name: "home", maxConcurrency: 3 });
  assert.equal(agentStatus(recordOf("laptop")), "offline");
  assert.deepEqual(context.registry.records, [recordOf("home")]);
  socket.receive({ type: "hello", name: "home", maxConcurrency: 7 });
  assert.equal(recordOf("home").maxConcurrency, 7);
  assert.equal(recordOf("home").link, link);
  assert.equal(socket.closeCode(), undefined);
});

test("faults G12: the newest link of a name wins, the old one is closed 4409", () => {
  const { connect, recordOf } = setup();
  const old = connect({ name: "home" });
  const newer = connect({ name: "home" });
  assert.equal(old.socket.closeCode(), 4409);
  old.link.onClose(1006, "");
  assert.equal(recordOf("home").link, newer.link);
});

test("startHttp: a job goes out, its result comes back, the owner is known meanwhile", () => {
  const { connect, context, recordOf } = setup();
  const { socket, start, sent } = connect({ name: "home" });
  const { heard } = start();
  assert.equal(sent("job")[0]?.["url"], OPEN.url);
  assert.equal(sent("job")[0]?.["maxResponseBytes"], context.maxBodyBytes);
  assert.equal(context.jobs.ownerOf("job_1"), recordOf("home").id);
  socket.receive(RESULT);
  assert.equal(heard.head?.status, 200);
  assert.equal(heard.bytes, 3);
  assert.equal(heard.ended, 1);
  assert.equal(context.jobs.ownerOf("job_1"), undefined);
});

test("faults G6: a result for a job nobody runs is counted", () => {
  const { connect, context } = setup();
  const { socket } = connect({});
  socket.receive({ ...RESULT, jobId: "job_nobody" });
  assert.equal(context.counters.unknownResults, 1);
  assert.equal(socket.closeCode(), undefined);
});

test("faults G6: a result for another agent's job is a security event and ends the link", () => {
  const { connect, context, lines } = setup();
  const victim = connect({ name: "victim" });
  const { heard } = victim.start();
  const thief = connect({ name: "thief" });
  thief.socket.receive(RESULT);
  assert.equal(context.counters.foreignResults, 1);
  assert.equal(thief.socket.closeCode(), 1008);
  assert.equal(lines.at(-1)?.[0]["event"], "security");
  assert.equal(lines.at(-1)?.[0]["jobId"], "job_1");
  assert.equal(heard.head, undefined);
  assert.equal(victim.socket.closeCode(), undefined);
});

test("faults G6: an agent's result over its new link is late, no trespass", () => {
  const { connect, context, recordOf } = setup();
  const old = connect({ name: "home" });
  old.start();
  old.link.drain("Restart");
  const next = connect({ name: "home" });
  next.socket.receive(RESULT);
  assert.equal(context.counters.lateResults, 1);
  assert.equal(next.socket.closeCode(), undefined);
  assert.equal(recordOf("home").link, next.link);
});

test("faults G7: of two results the first wins", () => {
  const { connect, context } = setup();
  const { socket, start } = connect({});
  const { heard } = start();
  socket.receive(RESULT);
  socket.receive({ ...RESULT, statusCode: 500 });
  assert.equal(heard.head?.status, 200);
  assert.equal(heard.ended, 1);
  assert.equal(context.counters.lateResults, 1);
});

test("faults G8: abort sends cancel; the late result is dropped", () => {
  const { connect, context } = setup();
  const { socket, start, sent } = connect({});
  const { heard, exchange } = start();
  exchange.abort("job_timeout", "Too late");
  assert.deepEqual(sent("cancel"), [{ type: "cancel", jobId: "job_1" }]);
  socket.receive(RESULT);
  assert.equal(heard.silent, true);
  assert.equal(context.counters.lateResults, 1);
});

test("faults G9: a result that makes no sense fails its job, not the link", () => {
  const { connect } = setup();
  const { socket, start } = connect({});
  const wrong = [
    { statusCode: 99 },
    { statusCode: "200" },
    { headers: { a: "b\r\n" } },
    { body: "!" },
  ];
  for (const changes of wrong) {
    const { heard } = start();
    socket.receive({ ...RESULT, ...changes });
    assert.equal(heard.error?.code, "agent_protocol_error");
  }
  assert.equal(socket.closeCode(), undefined);
});

test("faults G3: bad JSON, unknown types and binary end that link alone", () => {
  for (const message of ["{", "[]", { type: "nonsense" }, { type: "hello", maxConcurrency: -1 }]) {
    const { connect, recordOf } = setup();
    const other = connect({ name: "other" });
    const { socket, start } = connect({ name: "bad" });
    const { heard } = start();
    socket.receive(message);
    assert.equal(socket.closeCode(), 4400);
    assert.equal(heard.error?.code, "agent_protocol_error");
    assert.equal(agentStatus(recordOf("bad")), "offline");
    assert.equal(other.socket.closeCode(), undefined);
  }
  const { socket } = setup().connect();
  socket.handler?.onBinary();
  assert.equal(socket.closeCode(), 4400);
});

test("faults G5: masses of useless messages are flooding, results of running jobs are not", () => {
  const { connect, context } = setup();
  const { socket, link, start } = connect({});
  for (let index = 0; index < 20_000; index++) {
    start(`job_${index}`);
    socket.receive({ ...RESULT, jobId: `job_${index}` });
  }
  assert.equal(socket.closeCode(), undefined);
  for (let index = 0; index < 10_001; index++) socket.receive({ type: "pong" });
  assert.equal(socket.closeCode(), 4429);
  link.onClose(1006, "");
  assert.equal(context.counters.floods, 1);
});

test("faults G14: two silent heartbeats end the link and fail its jobs", () => {
  const { connect, clock, recordOf, gone } = setup();
  const { socket, link, start } = connect({});
  const { heard } = start();
  clock.advance(2 * HEARTBEAT_MS - 1);
  assert.equal(socket.aborted, false);
  clock.advance(1);
  assert.equal(socket.aborted, true);
  assert.equal(heard.error?.code, "agent_lost");
  assert.equal(agentStatus(recordOf("laptop")), "offline");
  link.onClose(1006, "");
  assert.deepEqual(gone, [link]);
  assert.equal(clock.nextMs, undefined);
});

test("heartbeat: pings every interval; pongs, or a WebSocket's own, keep the link", () => {
  const { connect, clock } = setup();
  const { socket, link, sent } = connect({});
  for (let beat = 1; beat < 10; beat++) {
    clock.advance(10);
    const ping = sent("ping").at(-1);
    if (beat < 5) socket.receive({ type: "pong", t: ping?.["t"] });
    else socket.handler?.onAlive();
    clock.advance(HEARTBEAT_MS - 10);
    assert.equal(sent("ping").length, beat + 1);
    assert.equal(socket.probes, beat + 1);
  }
  assert.equal(link.rttMs, 10);
  assert.equal(socket.aborted, false);
});

test("faults F19: what arrived while the event loop was blocked counts before the judgement", () => {
  const { connect, clock } = setup();
  const { socket } = connect({});
  const soon = clock.soon.bind(clock);
  clock.soon = (act) => {
    socket.handler?.onAlive();
    soon(act);
  };
  clock.advance(10 * HEARTBEAT_MS);
  assert.equal(socket.aborted, false);
});

test("faults F19: a block between a timer and its judgement is nobody's silence", () => {
  const { connect, clock } = setup();
  const { socket } = connect({});
  // The loop stands still behind the timer, judges, and then reads what has come meanwhile.
  clock.soon = (act) => {
    clock.schedule(5 * HEARTBEAT_MS, () => {
      act();
      socket.handler?.onAlive();
    });
  };
  clock.advance(10 * HEARTBEAT_MS);
  assert.equal(socket.aborted, false);
});

test("close: jobs fail with the code given; a job on a link that is gone fails later", () => {
  const { connect, clock } = setup();
  const { socket, link, start } = connect({});
  const running = start();
  link.close(4403, "Key revoked", "agent_revoked");
  assert.equal(running.heard.error?.code, "agent_revoked");
  assert.equal(socket.closeCode(), 4403);
  const late = start("job_2");
  assert.equal(late.heard.silent, true);
  clock.advance(0);
  assert.equal(late.heard.error?.code, "agent_lost");
});

test("onClose: running jobs are lost, one line says why", () => {
  const { connect, lines, gone } = setup();
  const { link, start } = connect({});
  const { heard } = start();
  link.onClose(1006, "");
  assert.equal(heard.error?.code, "agent_lost");
  assert.deepEqual(gone, [link]);
  assert.equal(lines.filter(([, sentence]) => sentence === "Agent disconnected").length, 1);
});

test("drain: asks the agent to leave; an agent not yet introduced is sent away", () => {
  const { connect, recordOf } = setup();
  const { link, sent } = connect({});
  link.drain("Restart");
  assert.equal(sent("drain").length, 1);
  assert.equal(agentStatus(recordOf("laptop")), "draining");
  const stranger = connect();
  stranger.link.drain("Restart");
  assert.equal(stranger.socket.closeCode(), 1001);
});

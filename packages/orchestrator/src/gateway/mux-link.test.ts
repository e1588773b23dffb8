import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { Hello, OpenHttp } from "@porchlight/protocol/message";
import type { Link } from "../agents/link.ts";
import { agentStatus } from "../agents/registry.ts";
import { MuxLink } from "./mux-link.ts";
import {
  fakeContext,
  FakeSession,
  HEAD,
  HeardHttp,
  HeardTunnel,
  HELLO,
  OPEN,
  VISITOR,
} from "./test-fakes.ts";

function setup() {
  const fakes = fakeContext();
  const gone: Link[] = [];
  const connect = (hello: Partial<Hello> = {}, visitor = VISITOR) => {
    const sessions: FakeSession[] = [];
    const link = new MuxLink({
      context: fakes.context,
      visitor,
      onGone: (ended) => gone.push(ended),
      connect: (handler) => {
        const session = new FakeSession(handler);
        sessions.push(session);
        return session;
      },
    });
    const [session] = sessions;
    assert.ok(session);
    link.onHello({ ...HELLO, ...hello });
    return { link, session };
  };
  return { ...fakes, gone, connect };
}

function run(changes: Partial<OpenHttp> = {}, body?: Uint8Array) {
  const fakes = setup();
  const { link, session } = fakes.connect();
  const heard = new HeardHttp();
  const exchange = link.startHttp({ ...OPEN, ...changes }, body, heard);
  const opened = session.opened[0];
  assert.ok(opened);
  return { ...fakes, link, session, heard, exchange, ...opened };
}

test("hello: registers what the agent says and what is observed, and welcomes it", () => {
  const { context, connect, lines } = setup();
  const { link, session } = connect({ labels: { site: "attic" }, paused: "Night" });
  const record = context.registry.find("home");
  assert.ok(record);
  assert.equal(record.link, link);
  assert.equal(record.ip, "203.0.113.7");
  assert.equal(record.maxConcurrency, 4);
  assert.equal(agentStatus(record), "paused");
  assert.deepEqual(session.welcomes, [
    { version: 1, agentId: record.id, linkId: link.id, heartbeatMs: 1_000 },
  ]);
  assert.deepEqual(lines, [
    [
      {
        linkId: link.id,
        agentId: record.id,
        agentName: "home",
        keyId: "key_1",
        ip: "203.0.113.7",
        version: "1.0.0",
        os: "linux",
        profile: "mux",
      },
      "Agent connected",
    ],
  ]);
});

test("faults G2: another version is closed 4400 with a reason a human understands", () => {
  const { context, connect } = setup();
  const { session } = connect({ version: 2 });
  assert.deepEqual(session.closed, {
    code: 4400,
    reason: "This orchestrator speaks version 1 of the link; the agent speaks 2",
    error: undefined,
  });
  assert.equal(session.welcomes.length, 0);
  assert.equal(context.registry.find("home"), undefined);
});

test("faults G12: a newer link is welcomed and the old one closed 4409", () => {
  const { context, connect } = setup();
  const old = connect();
  const newer = connect();
  assert.equal(old.session.closed?.code, 4409);
  assert.equal(newer.session.closed, undefined);
  old.link.onClose(4409, "");
  assert.equal(context.registry.find("home")?.link, newer.link);
});

test("faults G12: a replaced agent that asks without takeover is closed 4409 at once", () => {
  const { connect } = setup();
  const first = connect();
  const second = connect({ takeover: false });
  assert.equal(first.session.closed, undefined);
  assert.equal(second.session.closed?.code, 4409);
  assert.equal(second.session.welcomes.length, 0);
});

test("faults A30: names and labels with control characters are refused", () => {
  const { connect } = setup();
  const long = "k".repeat(65);
  const hostile: Partial<Hello>[] = [
    { name: "a\r\nb" },
    { name: "\u001b[31m" },
    { os: "\0" },
    { labels: { "a\n": "b" } },
    { labels: { a: "\u007f" } },
    { labels: { "": "b" } },
    { labels: { [long]: "b" } },
  ];
  for (const hello of hostile) assert.equal(connect(hello).session.closed?.code, 4400);
});

test("onClose: the agent is offline, the log says why, the door hears of it", () => {
  const { context, connect, gone, lines, clock } = setup();
  const { link } = connect();
  clock.advance(1_500);
  link.onClose(1001, "Going away");
  assert.deepEqual(context.registry.records, []);
  assert.deepEqual(gone, [link]);
  const [fields, sentence] = lines.at(-1) ?? [];
  assert.equal(sentence, "Agent disconnected");
  assert.equal(fields?.["code"], 1001);
  assert.equal(fields?.["ms"], 1_500);
});

test("onClose: protocol errors and floods are counted", () => {
  const { context, connect } = setup();
  connect().link.onClose(4400, "");
  connect().link.onClose(4429, "");
  assert.equal(context.counters.protocolErrors, 1);
  assert.equal(context.counters.floods, 1);
});

test("drain: by either side, no new work", () => {
  const { context, connect } = setup();
  const { link, session } = connect();
  link.drain("Restart");
  assert.deepEqual(session.drains, ["Restart"]);
  const record = context.registry.find("home");
  assert.ok(record);
  assert.equal(agentStatus(record), "draining");
  const next = connect();
  assert.equal(session.closed, undefined);
  next.link.onDrain();
  assert.equal(agentStatus(record), "draining");
});

test("status: paused and active as the operator's limits say", () => {
  const { context, connect } = setup();
  const { link } = connect();
  link.onStatus({ paused: "Monthly cap reached" });
  assert.equal(context.registry.find("home")?.pausedByOperator, "Monthly cap reached");
  link.onStatus({});
  assert.equal(context.registry.find("home")?.pausedByOperator, undefined);
});

test("close: out of the selection before the work on it fails", () => {
  const { context, connect } = setup();
  const { link, session } = connect();
  session.close = () => assert.deepEqual(context.registry.records, []);
  link.close(4403, "Key revoked", "agent_revoked");
});

test("startHttp: head, body and end reach the listener; credit goes back", () => {
  const { handler, heard, exchange, stream, context } = run();
  assert.equal(context.jobs.ownerOf("job_1"), context.registry.find("home")?.id);
  handler.onHead({ ...HEAD, headers: ["content-length", "3"] });
  handler.onData(Buffer.from("abc"));
  exchange.consume(3);
  handler.onEnd(undefined);
  assert.equal(heard.head?.status, 200);
  assert.equal(heard.bytes, 3);
  assert.equal(heard.ended, 1);
  assert.equal(stream.consumed, 3);
  assert.equal(stream.aborted, undefined);
  assert.equal(context.jobs.ownerOf("job_1"), undefined);
});

test("startHttp: without a body, the request ends at once", () => {
  const { stream } = run();
  assert.equal(stream.ended, true);
  assert.equal(stream.writes.length, 0);
});

test("startHttp: the body goes out in slices, as the agent takes them", () => {
  const fakes = setup();
  const { link, session } = fakes.connect();
  const body = Buffer.alloc(200_000, "x");
  session.room = 2;
  link.startHttp(OPEN, body, new HeardHttp());
  const opened = session.opened[0];
  assert.ok(opened);
  const { stream, handler } = opened;
  const sizes = () => stream.writes.map((chunk) => chunk.length);
  assert.deepEqual(sizes(), [65_536, 65_536]);
  assert.equal(stream.ended, false);
  stream.room = 100;
  handler.onDrain();
  assert.deepEqual(sizes(), [65_536, 65_536, 65_536, 3_392]);
  assert.equal(stream.ended, true);
  assert.deepEqual(Buffer.concat(stream.writes), body);
});

test("startHttp: an answer before the request has gone out ends the rest of it", () => {
  const { link, session } = setup().connect();
  session.room = 1;
  const heard = new HeardHttp();
  link.startHttp(OPEN, Buffer.alloc(200_000), heard);
  const { handler, stream } = session.opened[0] ?? {};
  handler?.onHead(HEAD);
  handler?.onEnd(undefined);
  assert.equal(heard.ended, 1);
  assert.equal(stream?.aborted, "cancelled");
});

test("faults G9: a head that cannot be forwarded aborts the stream and fails the job", () => {
  const { handler, stream, heard } = run();
  handler.onHead({ ...HEAD, headers: ["a", "b\r\nc: d"] });
  assert.equal(stream.aborted, "agent_protocol_error");
  assert.equal(heard.error?.code, "agent_protocol_error");
  assert.equal(heard.head, undefined);
});

test("faults G9: a tunnel's head on a job fails it, and the other way round", () => {
  const { handler, heard, link, session } = run();
  const tcpHead = { kind: "tcp", address: "203.0.113.1", dnsMs: 0, connectMs: 0 } as const;
  handler.onHead(tcpHead);
  assert.equal(heard.error?.code, "agent_protocol_error");
  const tunnel = new HeardTunnel();
  link.startTcp({ kind: "tcp", jobId: "job_2", host: "example.com", port: 443 }, tunnel);
  session.opened[1]?.handler.onHead(HEAD);
  assert.equal(tunnel.error?.code, "agent_protocol_error");
});

test("faults G10: a body shorter or longer than announced fails the job", () => {
  const head = { ...HEAD, headers: ["content-length", "3"] };
  const short = run();
  short.handler.onHead(head);
  short.handler.onData(Buffer.from("ab"));
  short.handler.onEnd(undefined);
  assert.equal(short.heard.error?.code, "response_truncated");
  assert.equal(short.heard.ended, 0);
  const long = run();
  long.handler.onHead(head);
  long.handler.onData(Buffer.from("abcd"));
  assert.equal(long.heard.error?.code, "response_truncated");
  assert.equal(long.stream.aborted, "response_truncated");
  assert.equal(long.heard.bytes, 0);
});

test("faults G9: trailers with CR or LF fail the job", () => {
  const { handler, heard } = run();
  handler.onHead(HEAD);
  handler.onEnd(["a", "b\r\n"]);
  assert.equal(heard.error?.code, "agent_protocol_error");
});

test("faults G8: after abort the listener hears nothing more", () => {
  const { handler, stream, heard, exchange, context } = run();
  exchange.abort("cancelled", "Client went away");
  exchange.abort("job_timeout", "again");
  assert.equal(stream.aborted, "cancelled");
  handler.onHead(HEAD);
  handler.onData(Buffer.from("late"));
  handler.onEnd(undefined);
  handler.onError(new ProxyError("agent_lost", "late"));
  assert.equal(heard.silent, true);
  assert.equal(context.jobs.ownerOf("job_1"), undefined);
});

test("onError: an agent's code is passed on if it can know it", () => {
  const failed = (code: ErrorCode) => {
    const { handler, heard } = run();
    handler.onError(new ProxyError(code, "x"));
    return heard.error?.code;
  };
  assert.equal(failed("connection_refused"), "connection_refused");
  assert.equal(failed("unauthenticated"), "agent_protocol_error");
});

test("onError: work that fails with its link finds the link out of the selection", () => {
  const { handler, heard, context, session } = run();
  heard.onError = () => assert.deepEqual(context.registry.records, []);
  handler.onError(new ProxyError("agent_lost", "The agent's link was lost"));
  assert.equal(session.closed?.code, 4400);
});

test("startTcp: bytes, ends and drains pass", () => {
  const { link, session } = setup().connect();
  const heard = new HeardTunnel();
  const open = { kind: "tcp", jobId: "job_2", host: "example.com", port: 443 } as const;
  const tunnel = link.startTcp(open, heard);
  const { handler, stream } = session.opened[0] ?? {};
  assert.ok(handler && stream);
  handler.onHead({ kind: "tcp", address: "203.0.113.1", dnsMs: 1, connectMs: 2 });
  handler.onData(Buffer.from("abc"));
  tunnel.consume(3);
  handler.onDrain();
  handler.onEnd(undefined);
  tunnel.write(Buffer.from("x"), 24);
  assert.equal(stream.roomInFront, 24);
  tunnel.end();
  handler.onOver?.();
  assert.equal(heard.head?.address, "203.0.113.1");
  assert.deepEqual(heard.events, ["data 3", "drain", "end", "over"]);
  assert.equal(stream.consumed, 3);
  assert.equal(stream.ended, true);
  tunnel.abort("cancelled", "Client went away");
  assert.equal(stream.aborted, "cancelled");
});

import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { ProxyError } from "@porchlight/protocol/errors";
import type { OpenHttp } from "@porchlight/protocol/message";
import { type TargetPolicy, parseCidrs, parsePorts } from "@porchlight/runtime/target-policy";
import { ConnectionPool } from "./connection-pool.ts";
import { FakeStream, type ScriptedTarget, startTarget } from "./fake-stream.ts";
import { Fetch } from "./fetch.ts";
import type { WorkResult } from "./work.ts";

const POLICY: TargetPolicy = { ports: parsePorts("*"), allow: parseCidrs("127.0.0.0/8") };

interface Job {
  readonly stream: FakeStream;
  readonly fetch: Fetch;
  readonly results: WorkResult[];
}

function poolFor(context: TestContext, policy = POLICY): ConnectionPool {
  const pool = new ConnectionPool(() => policy);
  context.after(() => pool.closeIdle());
  return pool;
}

function begin(pool: ConnectionPool, open: Partial<OpenHttp>, policy = POLICY): Job {
  const stream = new FakeStream();
  const results: WorkResult[] = [];
  const full: OpenHttp = {
    kind: "http",
    jobId: "job_1",
    account: "shop",
    method: "GET",
    url: "http://127.0.0.1/",
    headers: [],
    bodyBytes: 0,
    timeoutMs: 5_000,
    followRedirects: true,
    maxRedirects: 10,
    ...open,
  };
  const onEnded = (result: WorkResult): number => results.push(result);
  const fetch = new Fetch(stream, full, { pool, policy: () => policy, onEnded });
  fetch.start();
  return { stream, fetch, results };
}

async function run(pool: ConnectionPool, open: Partial<OpenHttp>, policy = POLICY): Promise<Job> {
  const job = begin(pool, open, policy);
  await job.stream.over;
  return job;
}

/** A target that answers every request with the same bytes. */
function answering(response: string): Promise<ScriptedTarget> {
  return startTarget((socket) => socket.write(response, "latin1"));
}

function ok(body: string, headers = ""): string {
  return `HTTP/1.1 200 OK\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

function pathOf(target: ScriptedTarget, socket: Socket): string {
  const text = target.requests[target.sockets.indexOf(socket)] ?? "";
  return text.split("\r\n\r\n").at(-2)?.split(" ")[1] ?? "";
}

test("Fetch: status, headers in order and repeated, body and timings of a GET", async (t) => {
  await using target = await answering(ok("hello", "X-B: 1\r\nx-a: 2\r\nX-B: 3\r\n"));
  const { stream, results, fetch } = await run(poolFor(t), { url: `${target.origin}/a?b#c` });
  const head = stream.httpHead;
  assert.equal(head.status, 200);
  assert.deepEqual(head.headers, ["X-B", "1", "x-a", "2", "X-B", "3", "Content-Length", "5"]);
  assert.equal(head.url, `${target.origin}/a?b`);
  assert.equal(stream.text, "hello");
  assert.ok(head.timings.connectMs > 0 && head.timings.ttfbMs >= head.timings.connectMs);
  assert.deepEqual(results, [{ outcome: "completed", status: 200 }]);
  assert.equal(fetch.bytes.sent, target.requests[0]?.length);
});

test("Fetch: headers go out as given, with Host, and nothing that was not asked for", async (t) => {
  await using target = await answering(ok(""));
  await run(poolFor(t), { url: `${target.origin}/p`, headers: ["X-Own", "1", "x-own", "2"] });
  assert.equal(
    target.requests[0],
    `GET /p HTTP/1.1\r\nhost: 127.0.0.1:${target.port}\r\nconnection: keep-alive\r\nX-Own: 1\r\nx-own: 2\r\n\r\n`,
  );
});

test("Fetch: HEAD, 204 and 304 have no body, whatever they announce", async (t) => {
  const pool = poolFor(t);
  for (const [method, status] of [
    ["HEAD", 200],
    ["GET", 204],
    ["GET", 304],
  ] as const) {
    await using target = await answering(`HTTP/1.1 ${status} X\r\nContent-Length: 999\r\n\r\n`);
    const { stream } = await run(pool, { url: target.origin, method, maxResponseBytes: 10 });
    assert.deepEqual([stream.httpHead.status, stream.text, stream.ended], [status, "", true]);
  }
});

test("Fetch: a chunked body arrives with its trailers", async (t) => {
  await using target = await answering(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n",
  );
  const { stream } = await run(poolFor(t), { url: target.origin });
  assert.equal(stream.text, "abcde");
  assert.deepEqual(stream.trailers, ["X-Sum", "5"]);
});

test("Fetch: a request body is streamed with its exact length, and credit goes back", async (t) => {
  const body = Buffer.alloc(300_000, "x");
  await using target = await startTarget((socket, { requests }) => {
    if ((requests[0]?.length ?? 0) > body.length) socket.write(ok("done"));
  });
  const url = `${target.origin}/up`;
  const { stream, fetch } = begin(poolFor(t), { url, method: "POST", bodyBytes: body.length });
  for (let at = 0; at < body.length; at += 50_000) fetch.onData(body.subarray(at, at + 50_000));
  fetch.onEnd();
  await stream.over;
  assert.equal(stream.text, "done");
  assert.equal(stream.consumedBytes, body.length);
  assert.match(target.requests[0] ?? "", /content-length: 300000\r\n/i);
  assert.doesNotMatch(target.requests[0] ?? "", /chunked/i);
});

test("Fetch: a request body longer or shorter than announced ends the job", async (t) => {
  await using target = await startTarget(() => undefined);
  const pool = poolFor(t);
  const open = { url: target.origin, method: "POST", bodyBytes: 5 };
  const longer = begin(pool, open);
  longer.fetch.onData(Buffer.from("123456"));
  assert.equal(longer.stream.aborted?.code, "invalid_request");
  const shorter = begin(pool, open);
  shorter.fetch.onData(Buffer.from("1234"));
  shorter.fetch.onEnd();
  assert.equal(shorter.stream.aborted?.code, "invalid_request");
  const unasked = begin(pool, { ...open, bodyBytes: 0 });
  unasked.fetch.onData(Buffer.from("1"));
  assert.equal(unasked.stream.aborted?.code, "invalid_request");
});

test("Fetch: the connection is kept for the same account and origin, and for nobody else (faults F13)", async (t) => {
  await using target = await answering(ok("x"));
  const pool = poolFor(t);
  const url = target.origin;
  await run(pool, { url });
  const second = await run(pool, { url });
  assert.equal(target.sockets.length, 1);
  assert.equal(second.stream.httpHead.timings.connectMs, 0);
  await run(pool, { url, account: "rival" });
  assert.equal(target.sockets.length, 2);
});

test("faults F18: idle connections are bounded, the longest idle goes first", async (t) => {
  await using target = await answering(ok("x"));
  const pool = poolFor(t);
  for (let i = 0; i < 70; i++) await run(pool, { url: target.origin, account: `account ${i}` });
  assert.equal(pool.idleCount, 64);
  await run(pool, { url: target.origin, account: "account 69" });
  assert.equal(target.sockets.length, 70);
  await run(pool, { url: target.origin, account: "account 0" });
  assert.equal(target.sockets.length, 71);
});

test("faults F13: a kept connection that speaks unasked is not used again", async (t) => {
  await using target = await answering(`${ok("mine")}${ok("poisoned")}`);
  const pool = poolFor(t);
  const first = await run(pool, { url: target.origin });
  const second = await run(pool, { url: target.origin });
  assert.deepEqual([first.stream.text, second.stream.text], ["mine", "mine"]);
  assert.equal(target.sockets.length, 2);
});

test("Fetch: a kept connection that ends just as a GET goes out costs nothing, a POST is not repeated", async (t) => {
  for (const method of ["GET", "POST"]) {
    await using target = await startTarget((socket, { sockets }) => {
      const isSecond = sockets.length === 1 && socket.bytesWritten > 0;
      if (isSecond) socket.destroy();
      else socket.write(ok("fine"));
    });
    const pool = poolFor(t);
    await run(pool, { url: target.origin });
    const { stream } = await run(pool, { url: target.origin, method });
    if (method === "GET") assert.equal(stream.text, "fine");
    else assert.equal(stream.aborted?.code, "connection_reset");
  }
});

test("Fetch: redirects are followed; the answer says where it came from", async (t) => {
  await using target = await startTarget((socket, self) => {
    const path = pathOf(self, socket);
    if (path === "/1")
      socket.write("HTTP/1.1 302 F\r\nLocation: /2\r\nContent-Length: 3\r\n\r\nxxx");
    else if (path === "/2")
      socket.write("HTTP/1.1 303 S\r\nLocation: 3\r\nContent-Length: 0\r\n\r\n");
    else socket.write(ok(path));
  });
  const { stream } = await run(poolFor(t), { url: `${target.origin}/1` });
  assert.equal(stream.text, "/3");
  assert.equal(stream.httpHead.url, `${target.origin}/3`);
  assert.equal(stream.httpHead.redirects, 2);
  assert.equal(target.sockets.length, 1);
});

test("Fetch: with followRedirects false, and without Location, a 302 is the answer", async (t) => {
  await using target = await answering(
    "HTTP/1.1 302 F\r\nLocation: /2\r\nContent-Length: 0\r\n\r\n",
  );
  const pool = poolFor(t);
  const { stream } = await run(pool, { url: target.origin, followRedirects: false });
  assert.equal(stream.httpHead.status, 302);
  await using lost = await answering("HTTP/1.1 302 F\r\nContent-Length: 0\r\n\r\n");
  assert.equal((await run(pool, { url: lost.origin })).stream.httpHead.status, 302);
});

test("faults A18: a loop ends at the limit with too_many_redirects", async (t) => {
  await using target = await answering(
    "HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
  );
  const { stream } = await run(poolFor(t), { url: target.origin, maxRedirects: 3 });
  assert.equal(stream.aborted?.code, "too_many_redirects");
  assert.equal(target.requests[0]?.match(/GET/g)?.length, 4);
});

test("faults A17: a redirect to a forbidden target is refused with its number, and not dialled", async (t) => {
  await using home = await startTarget(() => undefined);
  for (const place of [
    `http://10.0.0.1/`,
    "http://[::1]/",
    "file:///etc/passwd",
    "http://127.1:22/",
  ]) {
    await using target = await startTarget((socket, self) => {
      const next = pathOf(self, socket) === "/a" ? "/b" : place;
      socket.write(`HTTP/1.1 302 F\r\nLocation: ${next}\r\nContent-Length: 0\r\n\r\n`);
    });
    const policy = { ports: parsePorts(`${target.port},80`), allow: parseCidrs("127.0.0.1/32") };
    const { stream } = await run(poolFor(t, policy), { url: `${target.origin}/a` }, policy);
    assert.match(stream.aborted?.code ?? "", /^(target|port)_forbidden$/, place);
    assert.match(stream.aborted?.reason ?? "", /^Redirect 2 leads to /);
  }
  assert.equal(home.sockets.length, 0);
});

test("Fetch: a 307 with a body asks for the job anew, since no copy is kept", async (t) => {
  await using target = await answering(
    "HTTP/1.1 307 T\r\nLocation: http://127.0.0.2:8080/x\r\nContent-Length: 0\r\n\r\n",
  );
  const headers = ["Authorization", "s", "X-Own", "1"];
  const open = { url: target.origin, method: "POST", headers, bodyBytes: 3 };
  const { stream, fetch, results } = begin(poolFor(t), open);
  fetch.onData(Buffer.from("abc"));
  fetch.onEnd();
  await stream.over;
  const { resend, redirects } = stream.httpHead;
  assert.deepEqual(resend, { url: "http://127.0.0.2:8080/x", headers: ["X-Own", "1"] });
  assert.equal(redirects, 1);
  assert.deepEqual(results, [{ outcome: "completed", status: 307 }]);
});

test("faults F12: an endless body is cut at the cap, an announced one is not even begun", async (t) => {
  const pool = poolFor(t);
  await using endless = await startTarget((socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    const more = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) continue;
      socket.once("drain", more);
    };
    more();
  });
  const cut = await run(pool, { url: endless.origin, maxResponseBytes: 200_000 });
  assert.equal(cut.stream.aborted?.code, "response_too_large");
  assert.ok(Buffer.concat(cut.stream.chunks).length <= 200_000);
  await using announced = await answering(ok("123456"));
  const refused = await run(pool, { url: announced.origin, maxResponseBytes: 5 });
  assert.equal(refused.stream.aborted?.code, "response_too_large");
  assert.equal(refused.stream.heads.length, 0);
});

test("faults F13, F15: a body cut short is an error, never a short success", async (t) => {
  await using short = await startTarget((socket) =>
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
  );
  const { stream } = await run(poolFor(t), { url: short.origin });
  assert.deepEqual([stream.aborted?.code, stream.ended], ["response_truncated", false]);
  await using chunked = await startTarget((socket) =>
    socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"),
  );
  assert.equal(
    (await run(poolFor(t), { url: chunked.origin })).stream.aborted?.code,
    "response_truncated",
  );
});

test("faults F15: a reset before the head is an error of its own", async (t) => {
  await using target = await startTarget((socket) => socket.resetAndDestroy());
  const { stream } = await run(poolFor(t), { url: target.origin });
  assert.equal(stream.aborted?.code, "connection_reset");
});

test("faults F14: garbage, floods of 1xx, huge heads and too many headers are the target's fault", async (t) => {
  const hostile = {
    garbage: "SSH-2.0-OpenSSH_9.9\r\n",
    status: "HTTP/1.1 9999 X\r\n\r\n",
    flood: "HTTP/1.1 103 Early\r\n\r\n".repeat(100),
    switching: "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    head: `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}\r\n\r\n`,
    many: `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(1_000)}\r\n`,
    lengths: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    trailers: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
  };
  for (const [name, response] of Object.entries(hostile)) {
    await using target = await answering(response);
    const { stream } = await run(poolFor(t), { url: target.origin });
    assert.equal(stream.aborted?.code, "target_protocol_error", name);
  }
});

test("Fetch: a few 1xx are skipped", async (t) => {
  await using target = await answering(`HTTP/1.1 103 Early\r\nLink: x\r\n\r\n${ok("late")}`);
  const { stream } = await run(poolFor(t), { url: target.origin });
  assert.deepEqual([stream.httpHead.status, stream.text], [200, "late"]);
});

test("faults F14: compressed content passes as it is", async (t) => {
  await using target = await answering(ok("\x1f\x8bnot gzip", "Content-Encoding: gzip\r\n"));
  const { stream } = await run(poolFor(t), { url: target.origin });
  assert.equal(Buffer.concat(stream.chunks).toString("latin1"), "\x1f\x8bnot gzip");
});

test("faults F11: a target that says nothing, or only begins, ends at the deadline", async (t) => {
  const pool = poolFor(t);
  await using silent = await startTarget(() => undefined);
  const nothing = await run(pool, { url: silent.origin, timeoutMs: 30 });
  assert.equal(nothing.stream.aborted?.code, "target_timeout");
  await using begins = await answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
  const half = await run(pool, { url: begins.origin, timeoutMs: 30 });
  assert.equal(half.stream.aborted?.code, "target_timeout");
  assert.equal(half.stream.heads.length, 1);
});

test("Fetch: a deadline while the connection is made is connect_timeout", async (t) => {
  await using target = await startTarget(() => undefined);
  const url = `https://127.0.0.1:${target.port}/`;
  const { stream } = await run(poolFor(t), { url, timeoutMs: 30 });
  assert.equal(stream.aborted?.code, "connect_timeout");
});

test("faults A28: a cancelled job's socket is gone at once", async (t) => {
  await using target = await answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
  const { stream, fetch, results } = begin(poolFor(t), { url: target.origin });
  await stream.written;
  const [socket] = target.sockets;
  assert.ok(socket);
  const closed = once(socket, "end");
  fetch.onError(new ProxyError("cancelled", "The client went away"));
  await closed;
  assert.equal(results[0]?.outcome, "cancelled");
  assert.equal(stream.aborted, undefined);
});

test("faults F10: a stream without room pauses the target, and goes on when there is room", async (t) => {
  const total = 8_000_000;
  await using target = await startTarget((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
    socket.write(Buffer.alloc(total));
  });
  const { stream, fetch } = begin(poolFor(t), { url: target.origin });
  stream.hasRoom = false;
  await stream.written;
  await setTimeout(20);
  const held = Buffer.concat(stream.chunks).length;
  assert.ok(held < 300_000, `${held} bytes came in spite of the pause`);
  stream.hasRoom = true;
  fetch.onDrain();
  await stream.over;
  assert.equal(Buffer.concat(stream.chunks).length, total);
});

test("Fetch: an answer before the request body is complete is relayed; the rest of the body is let go", async (t) => {
  await using target = await answering(ok("too much"));
  const open = { url: target.origin, method: "POST", bodyBytes: 1_000_000 };
  const { stream, fetch } = begin(poolFor(t), open);
  fetch.onData(Buffer.alloc(100_000));
  await stream.over;
  assert.equal(stream.text, "too much");
  fetch.onData(Buffer.alloc(900_000));
  fetch.onEnd();
  assert.equal(stream.consumedBytes, 1_000_000);
  assert.equal(stream.aborted, undefined);
});

test("Fetch: a forbidden port or domain is refused before anything is dialled (faults G17)", async (t) => {
  await using target = await startTarget(() => undefined);
  const pool = poolFor(t);
  const strict = { ports: parsePorts("80"), allow: parseCidrs("127.0.0.0/8") };
  assert.equal(
    (await run(pool, { url: target.origin }, strict)).stream.aborted?.code,
    "port_forbidden",
  );
  const denied = { ...POLICY, denyDomains: ["127.0.0.1"] };
  assert.equal(
    (await run(pool, { url: target.origin }, denied)).stream.aborted?.code,
    "target_forbidden",
  );
  assert.equal(target.sockets.length, 0);
});

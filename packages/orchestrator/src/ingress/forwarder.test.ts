/** What is answered here, what is sent on in which order, and how requests end. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PROBLEM_TYPE } from "@porchlight/protocol/problem";
import type { Problem } from "@porchlight/protocol/job";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import { openRaw, type RawConnection } from "@porchlight/testkit/raw-http";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";
import { startForwardDoor, startRawTarget, type ForwardDoor } from "./forward-fixture.ts";

const target = await startTarget();
after(() => target[Symbol.asyncDispose]());

const END = "\r\n\r\n";

function requestText(path: string, method = "GET", headers = ""): string {
  return `${method} ${target.origin}${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
}

/** The first problem in an answer. */
async function problemOf(client: RawConnection): Promise<Problem> {
  await until("a problem", () => client.text.includes(`${END}{`) && client.text.endsWith("}"));
  return JSON.parse(client.text.slice(client.text.indexOf(`${END}{`) + END.length)) as Problem;
}

async function failure(door: ForwardDoor, request: string): Promise<Problem & { head: string }> {
  using client = await openRaw(door.port);
  client.write(request);
  const problem = await problemOf(client);
  return { ...problem, head: client.text.slice(0, client.text.indexOf(END)) };
}

test("faults P4: what may not be reached is refused here, and no tunnel is opened", async () => {
  await using door = await startForwardDoor();
  const cases = [
    ["http://10.0.0.1/", 403, "target_forbidden"],
    ["http://2852039166/latest", 403, "target_forbidden"],
    ["http://[::ffff:169.254.169.254]/", 403, "target_forbidden"],
    ["https://example.com/", 400, "invalid_url"],
    ["http://user:pw@example.com/", 400, "invalid_url"],
    ["http://example.com:0/", 400, "invalid_url"],
  ] as const;
  for (const [url, status, code] of cases) {
    const problem = await failure(door, `GET ${url} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.equal(problem.status, status, url);
    assert.equal(problem.code, code, url);
    assert.match(
      problem.head,
      new RegExp(`Proxy-Status: porchlight; error=\\w+; details="${code}"`),
    );
  }
  assert.equal(door.tunnels.opened.length, 0);
});

test("faults P10: Max-Forwards 0 is answered here, and a larger one goes on smaller", async () => {
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(requestText("/x", "OPTIONS", "Max-Forwards: 0\r\n"));
  assert.match(await client.untilText(END), /^HTTP\/1\.1 200 .*\r\nAllow: GET/s);
  client.write(requestText("/x", "TRACE", "Max-Forwards: 0\r\nCookie: secret\r\nX-A: 1\r\n"));
  const text = await client.untilText("X-A: 1\r\n\r\n");
  assert.match(text, /Content-Type: message\/http\r\n/);
  assert.ok(
    text.endsWith(
      `TRACE ${target.origin}/x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nX-A: 1\r\n\r\n`,
    ),
  );
  assert.equal(door.tunnels.opened.length, 0);
  client.write(requestText("/echo?max", "OPTIONS", "Max-Forwards: 3\r\n"));
  await until("the target's request", () =>
    target.requests.some(({ path }) => path === "/echo?max"),
  );
  const seen = target.requests.find(({ path }) => path === "/echo?max");
  assert.equal(seen?.headers["max-forwards"], "2");
  assert.equal(
    (await failure(door, requestText("/", "TRACE", "Max-Forwards: x\r\n"))).code,
    "invalid_header",
  );
});

test("a tunnel that cannot be opened is answered with its code, its attempts and the exit", async () => {
  await using door = await startForwardDoor();
  const cases = [
    ["dns_failed", 502],
    ["connection_refused", 502],
    ["connect_timeout", 504],
    ["no_agent_available", 503],
    ["target_forbidden", 403],
    ["session_lost", 502],
  ] as const;
  for (const [code, status] of cases) {
    door.tunnels.failure = code;
    const problem = await failure(door, requestText("/"));
    assert.equal(problem.code, code);
    assert.equal(problem.status, status);
    assert.equal(problem.requestId, "req_1");
    assert.deepEqual(problem.attempts, [{ agent: "agent_1", ms: 1 }]);
    assert.match(problem.jobId ?? "", /^job_/);
    assert.match(problem.head, new RegExp(`Content-Type: ${PROBLEM_TYPE.replace("+", "\\+")}`));
  }
});

test("a tunnel is asked for with who asks, where to, and through which door", async () => {
  await using door = await startForwardDoor({ openTimeoutMs: 1_234 });
  using client = await openRaw(door.port);
  client.write(requestText("/status/200"));
  await client.untilText(END);
  const { id, ...request } = door.tunnels.last.request;
  assert.match(id, /^job_/);
  assert.deepEqual(request, {
    requestId: "req_1",
    door: "http",
    account: "acme",
    host: "127.0.0.1",
    port: target.port,
    targeting: {},
    session: undefined,
    tag: undefined,
    priority: 5,
    openTimeoutMs: 1_234,
    maxRetries: 2,
  });
});

test("an error of the target is the target's: nothing of ours says otherwise", async () => {
  await using raw = await startRawTarget(
    (_, socket) =>
      void socket.write(
        `HTTP/1.1 502 Bad Gateway\r\nContent-Type: ${PROBLEM_TYPE}\r\nProxy-Status: porchlight; error=dns_error\r\n` +
          `Porchlight-Job: job_forged\r\nContent-Length: 2\r\n\r\n{}`,
      ),
  );
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(`GET ${raw.origin}/ HTTP/1.1\r\nHost: a\r\n\r\n`);
  const text = await client.untilText(`${END}{}`);
  assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\n/);
  assert.doesNotMatch(text, /Proxy-Status|job_forged/);
});

test("faults F13: every request has a tunnel of its own, which ends with it", async () => {
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  for (let count = 1; count <= 3; count++) {
    client.write(requestText("/status/200"));
    await until("an answer", () => client.statuses.length === count);
  }
  assert.equal(door.tunnels.opened.length, 3);
  await until("the tunnels to end", () => door.tunnels.opened.every(({ isOpen }) => !isOpen));
  assert.ok(
    door.tunnels.opened.every(({ hasEnded, abortedWith }) => hasEnded && abortedWith === undefined),
  );
  const connections = target.requests.slice(-3).map(({ connection }) => connection);
  assert.equal(new Set(connections).size, 3);
});

test("a client's connection is kept across targets, and pipelined requests are answered in order", async () => {
  await using other = await startTarget();
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  const rest = `${other.origin}/status/202 HTTP/1.1\r\nHost: a\r\n\r\n`;
  client.write(`${requestText("/drip/1")}GET ${rest}${requestText("/status/203")}POST ${rest}`);
  await until("four answers", () => client.statuses.length === 4, 10_000);
  assert.deepEqual(client.statuses, [200, 202, 203, 202]);
});

test("a request behind another one waits for it, and holds no exit", async () => {
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(requestText("/hang-body") + requestText("/status/202"));
  await client.untilText("0123456789");
  assert.equal(door.tunnels.opened.length, 1);
});

test("a connection with too many requests under way ends", async () => {
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(requestText("/hang").repeat(101));
  await client.untilEnd();
  await until("the tunnel to be left", () => door.tunnels.last.abortedWith === "cancelled");
  assert.equal(door.tunnels.opened.length, 1);
  using modest = await openRaw(door.port);
  for (const answers of [60, 120]) {
    modest.write(requestText("/status/200").repeat(60));
    await until("the answers", () => modest.statuses.length === answers, 20_000);
  }
});

test("faults A28: a client that resets leaves the exit, in whichever state", async () => {
  await using door = await startForwardDoor();
  for (const path of ["/hang", "/hang-body"]) {
    const client = await openRaw(door.port);
    const before = target.requests.length;
    client.write(requestText(path));
    await until("the request at the target", () => target.requests.length > before);
    resetSocket(client.socket);
    await until(
      "the tunnel to be left",
      () => door.tunnels.last.abortedWith === "cancelled",
      1_000,
    );
  }
  const upload = await openRaw(door.port);
  upload.write(requestText("/digest", "POST", "Content-Length: 1000\r\n"));
  upload.write("some");
  await until(
    "the upload's tunnel",
    () => door.tunnels.opened.length === 3 && door.tunnels.last.isOpen,
  );
  upload.socket.destroy();
  await until("the tunnel to be left", () => !door.tunnels.last.isOpen, 1_000);
  door.tunnels.isStuck = true;
  const early = await openRaw(door.port);
  early.write(requestText("/"));
  setTimeout(() => resetSocket(early.socket), 20);
  await until("the opening to be cancelled", () => door.tunnels.cancelled === 1, 1_000);
});

test("faults F11: a target that sends no head, or drips it, is 504 at the deadline", async () => {
  await using door = await startForwardDoor({ headTimeoutMs: 300 });
  for (const path of ["/hang", "/drip-head/20"]) {
    const startMs = performance.now();
    const problem = await failure(door, requestText(path));
    assert.equal(problem.code, "target_timeout", path);
    assert.equal(problem.status, 504);
    assert.ok(performance.now() - startMs < 2_000);
    assert.equal(door.tunnels.last.abortedWith, "target_timeout");
  }
});

test("faults F11: the deadline counts from the last of the request that went out", async () => {
  const headTimeoutMs = 400;
  await using asked = await startRawTarget((text, socket) => {
    if (text.endsWith(`0${END}`)) socket.end(`HTTP/1.1 204 No Content${END}`);
  });
  await using door = await startForwardDoor({ headTimeoutMs });
  using client = await openRaw(door.port);
  const head = `PUT ${asked.origin}/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked${END}`;
  const startMs = performance.now();
  client.write(head);
  for (let sent = 1; performance.now() - startMs < 3 * headTimeoutMs; sent++) {
    client.write("1\r\nx\r\n");
    await until("the byte", () => asked.received[0]?.split("x\r\n").length === sent + 1);
  }
  client.write(`0${END}`);
  assert.match(await client.untilText(END), /^HTTP\/1\.1 204 /);
});

test("faults P7: a client that stops in the middle of its body is 408, and not the target's fault", async () => {
  await using door = await startForwardDoor({ headTimeoutMs: 200 });
  using client = await openRaw(door.port);
  client.write(requestText("/digest", "POST", "Content-Length: 1000\r\n"));
  client.write("some");
  const problem = await problemOf(client);
  assert.equal(problem.status, 408);
  assert.equal(problem.code, "invalid_request");
});

test("faults F11: what holds a body up is the target: 504", async () => {
  await using deaf = await startRawTarget((_, socket) => void socket.pause());
  await using door = await startForwardDoor({ headTimeoutMs: 300 });
  const waits = `PUT ${deaf.origin}/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n`;
  assert.equal((await failure(door, waits)).status, 504);
  using client = await openRaw(door.port);
  client.write(`PUT ${deaf.origin}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n`);
  client.write(Buffer.alloc(64 * 1024 * 1024));
  const problem = await problemOf(client);
  assert.equal(problem.code, "target_timeout");
});

test("faults F11: the deadline is for the head: a body may take longer", async () => {
  await using door = await startForwardDoor({ headTimeoutMs: 200 });
  using client = await openRaw(door.port);
  const startMs = performance.now();
  client.write(requestText("/drip/20"));
  await until(
    "the body to go on",
    () => performance.now() - startMs > 500 && client.text.endsWith("."),
  );
  const soFar = client.received.length;
  await until("still more", () => client.received.length > soFar);
  assert.equal(door.tunnels.last.isOpen, true);
});

test("faults F13, F14: what is no HTTP is a protocol error of the target", async () => {
  await using door = await startForwardDoor();
  const paths = [
    "/garbage",
    "/garbage-status",
    "/bad-header",
    "/big-header/100000",
    "/many-headers/300",
    "/two-lengths",
    "/endless-header",
    "/flood-1xx",
  ];
  for (const path of paths) {
    const problem = await failure(door, requestText(path)).catch((error: unknown) => {
      throw new Error(path, { cause: error });
    });
    assert.equal(problem.code, "target_protocol_error", path);
    assert.equal(problem.status, 502);
    assert.equal(door.tunnels.last.abortedWith, "target_protocol_error");
  }
});

const oddities = {
  "another version": "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
  "a status below all others": "HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok",
  "a 101 without a protocol": "HTTP/1.1 101 Switching Protocols\r\n\r\nok",
  "a change of protocols that nobody asked for":
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nok",
  "a coding that nobody asked for": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
  "two codings": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
  "length and chunks":
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
  "a reason with a control character": "HTTP/1.1 200 O\u0007K\r\nContent-Length: 2\r\n\r\nok",
  "a 103 with 300 headers": `HTTP/1.1 103 Early Hints\r\n${"A: b\r\n".repeat(300)}\r\nHTTP/1.1 200 OK\r\n\r\n`,
  "33 interim responses": `${"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(33)}HTTP/1.1 200 OK\r\n\r\n`,
  "half a head": "HTTP/1.1 200 OK\r\nConte",
};

for (const [name, response] of Object.entries(oddities)) {
  test(`faults F14: ${name} is a protocol error of the target`, async () => {
    await using raw = await startRawTarget((_, socket) => void socket.end(response));
    await using door = await startForwardDoor();
    const problem = await failure(door, `GET ${raw.origin}/ HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.equal(problem.code, "target_protocol_error");
  });
}

test("faults F14: 32 interim responses pass", async () => {
  const interim = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(32);
  await using raw = await startRawTarget(
    (_, socket) => void socket.end(`${interim}HTTP/1.1 204 No\r\n\r\n`),
  );
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(`GET ${raw.origin}/ HTTP/1.1\r\nHost: a\r\n\r\n`);
  await client.untilText("HTTP/1.1 204 No\r\n");
});

test("faults F15: a reset or an end before the head is 502 connection_reset, and not tried again", async () => {
  await using door = await startForwardDoor();
  for (const path of ["/reset-before", "/end-before"]) {
    const before = door.tunnels.opened.length;
    const problem = await failure(door, requestText(path));
    assert.equal(problem.code, "connection_reset", path);
    assert.equal(problem.attempts?.at(-1)?.error, "connection_reset", path);
    assert.equal(door.tunnels.opened.length, before + 1);
  }
});

test("faults F1, F13, F15: an answer cut short is a broken connection, never a short success", async () => {
  await using door = await startForwardDoor();
  for (const path of ["/cut/7", "/cut/0", "/cut-chunked", "/reset-after/7"]) {
    for (const version of ["1.1", "1.0"]) {
      using client = await openRaw(door.port);
      client.write(requestText(path).replace("HTTP/1.1", `HTTP/${version}`));
      assert.equal(await client.untilEnd(), "error", `${path} ${version}`);
      assert.doesNotMatch(client.text, /\r\n0\r\n\r\n$/, path);
    }
  }
});

test("faults F1: an agent that is lost in mid-body breaks the client's connection", async () => {
  await using door = await startForwardDoor();
  for (const version of ["1.1", "1.0"]) {
    using client = await openRaw(door.port);
    client.write(requestText("/hang-body").replace("HTTP/1.1", `HTTP/${version}`));
    await client.untilText("0123456789");
    door.tunnels.last.break("agent_lost");
    assert.equal(await client.untilEnd(), "error");
  }
});

test("faults F1: an agent that is lost before the head is 502 agent_lost", async () => {
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(requestText("/hang"));
  await until("the tunnel", () => door.tunnels.opened.length === 1 && door.tunnels.last.isOpen);
  door.tunnels.last.break("agent_lost");
  const problem = await problemOf(client);
  assert.equal(problem.code, "agent_lost");
  assert.equal(problem.status, 502);
});

test("faults F13: what a target says behind its answer reaches nobody", async () => {
  await using door = await startForwardDoor();
  for (const path of ["/unasked", "/unasked-together", "/longer"]) {
    using client = await openRaw(door.port);
    client.write(requestText(path));
    await client.untilText(END);
    client.write(requestText("/status/201"));
    await client.untilText("201\n");
    assert.deepEqual(client.statuses, [200, 201], path);
    assert.doesNotMatch(client.text, /poison|!!/);
  }
});

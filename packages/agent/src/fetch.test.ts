import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCidrs, parsePorts } from "@porchlight/runtime/target-policy";
import { startTarget } from "./fake-stream.ts";
import { POLICY, answering, begin, ok, pathOf, poolFor, run } from "./fetch-scene.ts";

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

/** Requests forwarded through a real orchestrator and a real agent: what the target gets, and what the client does. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { after, test } from "node:test";
import { startRawTarget } from "porchlight/ingress/forward-fixture";
import { startCluster } from "@porchlight/testkit/cluster";
import {
  basicLogin,
  callThroughProxy,
  forwardHead,
  forwardedWebSocket,
  openTunnel,
  tunnelledWebSocket,
} from "@porchlight/testkit/proxy-client";
import { openRaw } from "@porchlight/testkit/raw-http";
import { bodyPattern } from "@porchlight/testkit/target-routes";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

const cluster = await startCluster();
const target = await startTarget();
after(async () => {
  await target[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const END = "\r\n\r\n";

/** Above what any buffer on the way holds. */
const BODY = bodyPattern(5_000_000);

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

test("faults P9: the target gets the client's headers byte for byte, but those of the connection and ours", async () => {
  await using raw = await startRawTarget(
    (text, socket) => void (text.endsWith(END) && socket.write("HTTP/1.1 204 No\r\n\r\n")),
  );
  using client = await openRaw(cluster.proxyPort);
  client.write(
    `GET ${raw.origin}/a%2fb?c=%7e HTTP/1.1\r\nX-b: 1\r\nhOST: elsewhere.example\r\nx-B: \u{e9}\r\n` +
      `X-Hop: 1\r\nConnection: keep-alive, X-Hop, close-ish\r\nKeep-Alive: timeout=9\r\nclose-ish: 1\r\n` +
      `Proxy-Connection: keep-alive\r\nProxy-Authorization: ${basicLogin()}\r\nTE: trailers\r\n` +
      `Upgrade: h2c\r\nAuthorization: Bearer t\r\nX-Empty: \r\nX-b: 3\r\n\r\n`,
  );
  await client.untilText("204 No");
  assert.equal(
    raw.received[0],
    `GET /a%2fb?c=%7e HTTP/1.1\r\nX-b: 1\r\nhOST: 127.0.0.1:${raw.port}\r\nx-B: \u{e9}\r\n` +
      `Authorization: Bearer t\r\nX-Empty: \r\nX-b: 3\r\n\r\n`,
  );
});

test("faults P9: the client gets the target's headers in order, case and repetition, but those of its connection", async () => {
  await using raw = await startRawTarget(
    (text, socket) =>
      void (
        text.endsWith(END) &&
        socket.write(
          "HTTP/1.1 299 Odd\r\nx-A: 1\r\nSet-Cookie: a\r\nX-Drop: 1\r\nX-a: 2\r\nset-cookie: b\r\n" +
            "Connection: X-Drop\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: Basic\r\n" +
            "Porchlight-Exit: forged\r\nContent-Length: 2\r\n\r\nok",
        )
      ),
  );
  const [agent] = await cluster.client.agents();
  using client = await openRaw(cluster.proxyPort);
  client.write(forwardHead(raw.origin));
  assert.equal(
    await client.untilText(`${END}ok`),
    "HTTP/1.1 299 Odd\r\nx-A: 1\r\nSet-Cookie: a\r\nX-a: 2\r\nset-cookie: b\r\nContent-Length: 2\r\n" +
      `Porchlight-Exit: ${agent?.id}\r\nPorchlight-Attempts: 1\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75\r\n\r\nok`,
  );
});

test("faults P10: OPTIONS and TRACE with Max-Forwards 0 are answered here, with 3 they go on with 2", async () => {
  const url = `${target.origin}/echo?p10`;
  const seen = target.requests.length;
  const headers = { "max-forwards": "0", cookie: "secret=1" };
  const options = await callThroughProxy(cluster, { url, method: "OPTIONS", headers });
  assert.equal(options.response.statusCode, 200);
  assert.match(String(options.response.headers.allow), /CONNECT/);
  const trace = await callThroughProxy(cluster, { url, method: "TRACE", headers });
  assert.equal(trace.response.headers["content-type"], "message/http");
  assert.match(String(trace.body), /^TRACE http:\/\/127\.0\.0\.1:\d+\/echo\?p10 HTTP\/1\.1\r\n/);
  assert.doesNotMatch(String(trace.body), /secret|authorization/i);
  assert.equal(target.requests.length, seen);
  await callThroughProxy(cluster, { url, method: "OPTIONS", headers: { "max-forwards": "3" } });
  assert.equal(target.requests.at(-1)?.headers["max-forwards"], "2");
});

test("faults P11: a body behind Expect: 100-continue waits for the target's 100", async () => {
  const { response, body, interim } = await callThroughProxy(cluster, {
    url: `${target.origin}/digest`,
    method: "POST",
    headers: { expect: "100-continue", "content-length": String(BODY.length) },
    body: BODY,
  });
  assert.deepEqual(interim, ["100"]);
  assert.equal(response.statusCode, 200);
  assert.deepEqual(JSON.parse(String(body)), { bytes: BODY.length, sha256: sha256(BODY) });
  assert.equal(target.requests.at(-1)?.headers.expect, "100-continue");
});

test("faults P11: nobody but the target says 100: one that refuses the body is heard before it is sent", async () => {
  await using raw = await startRawTarget(
    (text, socket) =>
      void (text.endsWith(END) && socket.write("HTTP/1.1 417 No\r\nContent-Length: 4\r\n\r\nnone")),
  );
  using client = await openRaw(cluster.proxyPort);
  client.write(
    forwardHead(raw.origin, "Expect: 100-continue\r\nContent-Length: 5000000\r\n", "PUT"),
  );
  await client.untilText("none");
  assert.deepEqual(client.statuses, [417]);
  assert.match(raw.received[0] ?? "", /\r\n\r\n$/);
});

test("faults P11: 103 passes with its headers, before the answer", async () => {
  const { response, body, interim } = await callThroughProxy(cluster, {
    url: `${target.origin}/hints`,
  });
  assert.deepEqual(interim, ["103 Link </style.css>; rel=preload"]);
  assert.equal(response.statusCode, 200);
  assert.equal(String(body), "hinted");
});

/** Messages of all sizes come back, and the end of one side is the end of the other. */
async function converse(socket: ReturnType<typeof forwardedWebSocket>): Promise<void> {
  await once(socket, "open");
  for (const bytes of [0, 1, 70_000, 1_000_000]) {
    socket.send(Buffer.alloc(bytes, "w"));
    const [echo] = (await once(socket, "message")) as [Buffer];
    assert.equal(sha256(echo), sha256(Buffer.alloc(bytes, "w")));
  }
  socket.close(1000);
  const [code] = (await once(socket, "close")) as [number];
  assert.equal(code, 1000);
}

test("faults P12: a WebSocket through a forwarded request", async () => {
  await converse(forwardedWebSocket(cluster, `${target.origin}/chat`));
  const seen = target.requests.at(-1);
  assert.equal(seen?.path, "/chat");
  assert.equal(seen.headers.host, new URL(target.origin).host);
  assert.doesNotMatch(seen.rawHeaders.join(" "), /proxy|porchlight|forwarded/i);
});

test("faults P12: a WebSocket through CONNECT", async () => {
  using tunnel = await openTunnel(cluster, target.port);
  await converse(tunnelledWebSocket(tunnel, `ws://127.0.0.1:${target.port}/tunnelled`));
  assert.equal(target.requests.at(-1)?.path, "/tunnelled");
});

test("faults P13: 5 MB arrive intact, up and down, with a length and in chunks", async () => {
  for (const framing of [
    { "content-length": String(BODY.length) },
    { "transfer-encoding": "chunked" },
  ]) {
    const url = `${target.origin}/digest`;
    const up = await callThroughProxy(cluster, {
      url,
      method: "PUT",
      headers: framing,
      body: BODY,
    });
    assert.deepEqual(JSON.parse(String(up.body)), { bytes: BODY.length, sha256: sha256(BODY) });
  }
  for (const query of ["", "?chunked"]) {
    const url = `${target.origin}/bytes/${BODY.length}${query}`;
    const down = await callThroughProxy(cluster, { url });
    assert.equal(sha256(down.body), sha256(BODY));
    assert.equal(down.response.headers["content-length"] === undefined, query !== "");
  }
});

test("faults P13: trailers arrive, up and down", async () => {
  const down = await callThroughProxy(cluster, { url: `${target.origin}/trailers` });
  assert.equal(String(down.body), "body with a trailer");
  assert.equal(down.response.headers.trailer, "X-Checksum");
  assert.deepEqual(down.response.rawTrailers, ["X-Checksum", "abc"]);
  let trailers: readonly string[] = [];
  target.route("take-trailers", ({ request, response }) => {
    request.resume().once("end", () => {
      trailers = request.rawTrailers;
      response.end("taken");
    });
  });
  using client = await openRaw(cluster.proxyPort);
  const framing = "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n";
  client.write(forwardHead(`${target.origin}/take-trailers`, framing, "POST"));
  client.write("3\r\nabc\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n");
  await client.untilText("taken");
  assert.deepEqual(trailers, ["X-Sum", "1", "x-sum", "2"]);
});

test("pipelined requests to two targets are answered in order, the slow one first", async () => {
  await using other = await startTarget();
  let finish: (() => void) | undefined;
  target.route("first", ({ response }) => {
    finish = () => response.end("one\n");
  });
  other.route("second", ({ response }) => void response.end("two\n"));
  target.route("third", ({ response }) => void response.end("three\n"));
  using client = await openRaw(cluster.proxyPort);
  client.write(
    forwardHead(`${target.origin}/first`) +
      forwardHead(`${other.origin}/second`) +
      forwardHead(`${target.origin}/third`),
  );
  await until("the first request at its target", () => finish);
  finish?.();
  await client.untilText("three\n");
  assert.deepEqual(client.text.match(/^(?:one|two|three)$/gm), ["one", "two", "three"]);
  assert.deepEqual(client.statuses, [200, 200, 200]);
});

test("a client's connection stays for its next requests, to any target", async () => {
  await using other = await startTarget();
  using client = await openRaw(cluster.proxyPort);
  for (const origin of [target.origin, other.origin, target.origin]) {
    for (const path of ["/bytes/10?chunked", "/status/404", "/status/204"]) {
      const answers = client.statuses.length;
      client.write(forwardHead(origin + path));
      await until("one more answer", () => client.statuses.length > answers);
    }
  }
  client.write(forwardHead(`${target.origin}/status/299`, "Connection: close\r\n"));
  assert.equal(await client.untilEnd(), "end");
  assert.deepEqual(client.statuses, [200, 404, 204, 200, 404, 204, 200, 404, 204, 299]);
});

test("a success says which exit served it, at which attempt, and nothing of it comes from the target", async () => {
  const [agent] = await cluster.client.agents();
  const { response } = await callThroughProxy(cluster, { url: `${target.origin}/status/200` });
  assert.equal(response.headers["porchlight-exit"], agent?.id);
  assert.equal(response.headers["porchlight-attempts"], "1");
  assert.equal(response.headers["proxy-status"], undefined);
  const tunnel = await openTunnel(cluster, target.port);
  assert.match(tunnel.text, new RegExp(`^Porchlight-Exit: ${agent?.id}\r$`, "m"));
  assert.match(tunnel.text, /^Porchlight-Attempts: 1\r$/m);
  tunnel[Symbol.dispose]();
});

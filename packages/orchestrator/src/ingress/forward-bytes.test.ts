/** Forwarding, byte for byte: what the target gets, and what the client does. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { openRaw } from "@porchlight/testkit/raw-http";
import { until } from "@porchlight/testkit/until";
import { startForwardDoor, startRawTarget, type RawScript } from "./forward-fixture.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const END = "\r\n\r\n";

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** Sends a request whose URL and Host are the target's; gives what the target got and the client did. */
async function exchange(
  request: (origin: string, host: string) => string,
  script: RawScript,
  marker: string,
): Promise<{ sent: string; answer: string; host: string }> {
  await using target = await startRawTarget(script);
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  const host = `127.0.0.1:${target.port}`;
  client.write(request(target.origin, host));
  const answer = await client.untilText(marker);
  return { sent: target.received[0] ?? "", answer, host };
}

/** Answers once the request's head is there. */
function answering(answer: string): RawScript {
  return (text, socket) => void (text.endsWith(END) && socket.write(latin1(answer)));
}

test("faults P9: the target gets what curl sends to it directly, byte for byte", async () => {
  await using target = await startRawTarget(answering(OK));
  await using door = await startForwardDoor();
  const url = `${target.origin}/a%20b?c=d`;
  for (const proxy of ["", `http://name:key@127.0.0.1:${door.port}`]) {
    const curl = spawn("curl", [
      "-s",
      "-x",
      proxy,
      "-u",
      "me:mine",
      "-H",
      "X-Two: 1",
      "-H",
      "x-tWO: 2",
      url,
    ]);
    const [code] = (await once(curl, "close")) as [number];
    assert.equal(code, 0);
  }
  const [direct, forwarded] = target.received;
  assert.equal(forwarded, direct);
  assert.match(direct ?? "", /^GET \/a%20b\?c=d HTTP\/1\.1\r\nHost: 127/);
});

test("faults P9: order, case, repetition and bytes of the headers survive both ways", async () => {
  const { sent, answer, host } = await exchange(
    (origin) =>
      `PATCH ${origin}/a//../|"<>?\\ HTTP/1.1\r\nX-b: 1\r\nhost: elsewhere.example\r\nx-B: \u{e9}\r\nX-A: \r\n` +
      `Connection: close, X-Drop\r\nX-Drop: 1\r\nProxy-Authorization: Basic eDp5\r\nX-b: 3\r\n\r\n`,
    answering(
      "HTTP/1.1 299 Odd \u{e9}\r\nx-A: \u{e9}\r\nSet-Cookie: a\r\nX-a: 2\r\nset-cookie: b\r\nX-Drop: 1\r\n" +
        "Connection: X-Drop\r\nKeep-Alive: timeout=9\r\nContent-Length: 2\r\n\r\nok",
    ),
    "\r\n\r\nok",
  );
  assert.equal(
    sent,
    `PATCH /a//../|"<>?\\ HTTP/1.1\r\nX-b: 1\r\nhost: ${host}\r\nx-B: \u{e9}\r\nX-A: \r\nX-b: 3\r\n\r\n`,
  );
  assert.equal(
    answer,
    "HTTP/1.1 299 Odd \u{e9}\r\nx-A: \u{e9}\r\nSet-Cookie: a\r\nX-a: 2\r\nset-cookie: b\r\nContent-Length: 2\r\n" +
      "Porchlight-Exit: agent_1\r\nPorchlight-Attempts: 1\r\nPorchlight-Session: moved\r\n" +
      "Connection: close\r\n\r\nok",
  );
});

test("the answer's first bytes come before a body that is late, with the bytes of its headers", async () => {
  const { answer } = await exchange(
    (origin, host) => `GET ${origin}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    answering("HTTP/1.1 200 OK\r\nX: \u{e9}\r\nContent-Length: 2\r\n\r\n"),
    END,
  );
  assert.match(answer, /X: \u{e9}\r\n/u);
});

test("a Content-Disposition behind the length keeps its bytes both ways", async () => {
  const { sent, answer } = await exchange(
    (origin, host) =>
      `POST ${origin}/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\nContent-Disposition: f=\u{c3}\u{a9}\r\n\r\n\r\n\r\n`,
    (text, socket) =>
      void (
        text.endsWith(END + END) &&
        socket.write(
          latin1(
            `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Disposition: f=\u{c3}\u{a9}\r\n\r\nok`,
          ),
        )
      ),
    "ok",
  );
  assert.match(sent, /Content-Disposition: f=\u{c3}\u{a9}\r\n/u);
  assert.match(answer, /Content-Disposition: f=\u{c3}\u{a9}\r\n/u);
});

test("faults P13: chunks and trailers arrive both ways, in order, case and repetition", async () => {
  const { sent, answer, host } = await exchange(
    (origin, host) =>
      `POST ${origin}/ HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: Chunked\r\nTrailer: X-T\r\n\r\n` +
      "3;ext=1\r\nabc\r\n4\r\ndefg\r\n0\r\nX-T: 1\r\nx-t: \u{e9}\r\n\r\n",
    (text, socket) =>
      void (
        text.includes("0\r\nX-T") &&
        socket.write(
          latin1(
            "HTTP/1.1 200 OK\r\nTrailer: X-C\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-C: 1\r\nx-c: \u{e9}\r\n\r\n",
          ),
        )
      ),
    "x-c",
  );
  assert.match(
    sent,
    new RegExp(
      `^POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: Chunked\r\nTrailer: X-T\r\n\r\n`,
    ),
  );
  const body = sent.slice(sent.indexOf(END) + END.length);
  assert.equal(unchunk(body), "abcdefg|X-T: 1\r\nx-t: \u{e9}\r\n\r\n");
  assert.match(answer, /Trailer: X-C\r\n/);
  assert.match(answer, /Transfer-Encoding: chunked\r\n/);
  const answered = answer.slice(answer.indexOf(END) + END.length);
  assert.equal(unchunk(answered), "ok|X-C: 1\r\nx-c: \u{e9}\r\n\r\n");
});

/** The data of a chunked body, a bar, and what follows the last chunk. */
function unchunk(text: string): string {
  let rest = text;
  let data = "";
  for (;;) {
    const [line = "", size = ""] = /^([0-9a-f]+)\r\n/i.exec(rest) ?? [];
    const bytes = Number.parseInt(size, 16);
    rest = rest.slice(line.length);
    if (!(bytes > 0)) return `${data}|${rest}`;
    data += rest.slice(0, bytes);
    rest = rest.slice(bytes + 2);
  }
}

test("faults P13: a body without a length of its own reaches the target as it came", async () => {
  const { sent } = await exchange(
    (origin, host) => `POST ${origin}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    answering(OK),
    "ok",
  );
  assert.doesNotMatch(sent, /Content-Length|Transfer-Encoding|Connection/i);
  const get = await exchange(
    (origin, host) => `GET ${origin}/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 3\r\n\r\nabc`,
    (text, socket) => void (text.endsWith("abc") && socket.write(OK)),
    "ok",
  );
  assert.match(get.sent, /Content-Length: 3\r\n\r\nabc$/);
});

test("faults P11: interim responses pass as they come, with their headers", async () => {
  const { answer } = await exchange(
    (origin, host) => `GET ${origin}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    answering(
      `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <\u{e9}>\r\nLINK: b\r\nConnection: x\r\n\r\n${OK}`,
    ),
    "ok",
  );
  assert.ok(
    answer.startsWith(
      "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <\u{e9}>\r\nLINK: b\r\n\r\nHTTP/1.1 200 OK\r\n",
    ),
    answer,
  );
});

test("faults P11: Expect: 100-continue is between client and target", async () => {
  await using target = await startRawTarget((text, socket) => {
    if (text.endsWith(END)) setImmediate(() => socket.write("HTTP/1.1 100 Continue\r\n\r\n"));
    if (text.endsWith("body")) socket.write(OK);
  });
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(
    `PUT ${target.origin}/ HTTP/1.1\r\nHost: a\r\nX: \u{e9}\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n`,
  );
  const interim = await client.untilText(END);
  assert.equal(interim, "HTTP/1.1 100 Continue\r\n\r\n");
  assert.match(target.received[0] ?? "", /X: \u{e9}\r\nExpect: 100-continue\r\n/u);
  client.write("body");
  const text = await client.untilText("\r\n\r\nok");
  assert.match(text, /Connection: keep-alive/);
});

test("faults P11: a target that refuses what the client would send says so, and nobody says 100", async () => {
  const { answer } = await exchange(
    (origin, host) =>
      `PUT ${origin}/ HTTP/1.1\r\nHost: ${host}\r\nExpect: 100-continue\r\nContent-Length: 400000\r\n\r\n`,
    answering("HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno"),
    "\r\n\r\nno",
  );
  assert.match(answer, /^HTTP\/1\.1 417 No\r\n/);
});

test("HTTP/1.0: no interim responses, no chunks, a Host, and an end that is the connection's", async () => {
  await using target = await startRawTarget(
    answering(
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTrailer: X-C\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-C: 1\r\n\r\n",
    ),
  );
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(`GET ${target.origin} HTTP/1.0\r\nX: 1\r\n\r\n`);
  assert.equal(await client.untilEnd(), "end");
  const [head = "", body] = client.text.split(END);
  assert.equal(body, "ok");
  assert.doesNotMatch(head, /chunked|Trailer|103/i);
  assert.equal(
    target.received[0],
    `GET / HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\nX: 1\r\n\r\n`,
  );
});

test("HEAD, 204 and 304 have no body, whatever their headers say", async () => {
  const cases = [
    [
      "HEAD",
      "200 OK\r\nContent-Length: 5\r\nTrailer: X\r\n\r\n",
      /200 OK\r\nContent-Length: 5\r\nPorch/,
    ],
    ["HEAD", "200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n", /200 OK\r\nPorch/],
    ["GET", "204 No Content\r\nContent-Length: 5\r\n\r\n", /204 No Content\r\nPorch/],
    [
      "GET",
      "304 Not Modified\r\nContent-Length: 5\r\nETag: a\r\n\r\n",
      /Content-Length: 5\r\nETag: a/,
    ],
  ] as const;
  for (const [method, response, pattern] of cases) {
    await using target = await startRawTarget(answering(`HTTP/1.1 ${response}`));
    await using door = await startForwardDoor();
    using client = await openRaw(door.port);
    const request = `${method} ${target.origin}/ HTTP/1.1\r\nHost: a\r\n\r\n`;
    client.write(request);
    const first = await client.untilText(END);
    assert.match(first, pattern, response);
    client.write(request);
    await until("a second answer", () => client.statuses.length === 2);
  }
});

test("Trailer is not said where no trailers can follow", async () => {
  const { answer } = await exchange(
    (origin, host) => `GET ${origin}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTrailer: X\r\n\r\nok"),
    `${END}ok`,
  );
  assert.doesNotMatch(answer, /Trailer/);
});

test("a request's head goes out before a body that is late", async () => {
  await using target = await startRawTarget(() => undefined);
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(
    `POST ${target.origin}/ HTTP/1.1\r\nHost: a\r\nX: \u{e9}\r\nContent-Length: 5\r\n\r\n`,
  );
  await until("the head at the target", () => target.received[0]?.endsWith(END));
  assert.match(target.received[0] ?? "", /X: \u{e9}\r\n/u);
});

test("a response that ends with its connection arrives in full", async () => {
  const { answer } = await exchange(
    (origin, host) => `GET ${origin}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    (text, socket) => void (text.endsWith(END) && socket.end("HTTP/1.0 200 OK\r\n\r\nall of it")),
    "0\r\n\r\n",
  );
  assert.match(answer, /Transfer-Encoding: chunked/);
  assert.match(answer, /all of it/);
});

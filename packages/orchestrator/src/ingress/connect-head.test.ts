import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { duplexPair, type Duplex } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { parseConnectHead } from "./connect-head.ts";

const HEAD =
  "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nProxy-Authorization: Basic eDp5\r\n\r\n";

function parse(text: string) {
  return parseConnectHead(Buffer.from(text, "latin1"));
}

test("parseConnectHead: target, headers, and where the tunnel's bytes begin", () => {
  const found = parse(`${HEAD}early\r\n\r\n`);
  assert.deepEqual(found, {
    head: {
      method: "CONNECT",
      url: "example.com:443",
      httpVersion: "1.1",
      rawHeaders: ["Host", "example.com:443", "Proxy-Authorization", "Basic eDp5"],
    },
    headBytes: HEAD.length,
  });
});

test("parseConnectHead: spaces and tabs around a value are not part of it", () => {
  const found = parse("CONNECT a:1 HTTP/1.1\r\nHost:a:1\r\nX: \t b \xff \t\r\nY:\r\n\r\n");
  assert.deepEqual(found?.head.rawHeaders, ["Host", "a:1", "X", "b \xff", "Y", ""]);
});

test("parseConnectHead: a head cut anywhere is left to Node's parser", () => {
  for (let end = 0; end < HEAD.length; end++) assert.equal(parse(HEAD.slice(0, end)), undefined);
});

const unusual: readonly [what: string, text: string][] = [
  ["another method", HEAD.replace("CONNECT", "COPY")],
  ["a method in lower case", HEAD.replace("CONNECT", "CONnect")],
  ["HTTP/1.0", HEAD.replace("HTTP/1.1", "HTTP/1.0")],
  ["two spaces", HEAD.replace(" HTTP", "  HTTP")],
  ["a target with user-info", HEAD.replace("example.com:443 ", "a@b:443 ")],
  ["a target with a path", HEAD.replace("example.com:443 ", "/ ")],
  ["a long target", HEAD.replace("example.com:443 ", `${"a".repeat(301)}:443 `)],
  ["a folded line", HEAD.replace("\r\n\r\n", "\r\nX: a\r\n b\r\n\r\n")],
  ["a line without colon", HEAD.replace("\r\n\r\n", "\r\nX\r\n\r\n")],
  ["a space before the colon", HEAD.replace("Host:", "Host :")],
  ["a name that is none", HEAD.replace("Host:", "H(st:")],
  ["an empty name", HEAD.replace("Host:", ":")],
  ["a bare LF", HEAD.replace("\r\nHost", "\nHost")],
  ["a bare CR", HEAD.replace("example.com:443\r\nProxy", "example.com:443\rProxy")],
  ["NUL in a value", HEAD.replace("Basic", "Ba\0ic")],
  ["a length", HEAD.replace("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n")],
  ["a coding", HEAD.replace("\r\n\r\n", "\r\nTRANSFER-ENCODING: chunked\r\n\r\n")],
  ["an upgrade", HEAD.replace("\r\n\r\n", "\r\nUpgrade: h2c\r\n\r\n")],
  ["an expectation", HEAD.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n")],
  ["too many headers", HEAD.replace("\r\n\r\n", `${"\r\nX: a".repeat(99)}\r\n\r\n`)],
  ["a long head", HEAD.replace("\r\n\r\n", `\r\nX: ${"a".repeat(8_200)}\r\n\r\n`)],
];

for (const [what, text] of unusual) {
  test(`faults P6: ${what} is left to Node's parser`, () => assert.equal(parse(text), undefined));
}

/** How node:http reads the same bytes. */
async function readByNode(text: string) {
  const server = createServer({ requireHostHeader: false });
  const [client, socket] = duplexPair();
  server.on("clientError", (error: Error & { code?: string }, it: Duplex) => {
    it.destroy();
    server.emit("read", undefined, error.code);
  });
  server.on("connect", (request: IncomingMessage, _socket: Duplex, early: Buffer) => {
    server.emit("read", request, early.toString("latin1"));
  });
  const read = once(server, "read") as Promise<[IncomingMessage | undefined, string]>;
  server.emit("connection", socket);
  client.write(Buffer.from(text, "latin1"));
  const [request, early] = await read;
  client.destroy();
  socket.destroy();
  return { request, early };
}

const pieces = fc.constantFrom(
  ...'a:[]@/ \t\r\n\0\xff;,"-_.~('.split(""),
  "\r\n",
  "\r\nX: ",
  "Host",
  "%41",
  "\r\n ",
  "\u007f",
);
const text = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(""));
const heads = fc
  .tuple(fc.stringMatching(/^[a-z0-9.[\]:_-]{1,12}$/), fc.array(text, { maxLength: 4 }), text)
  .map(
    ([target, values, early]) =>
      `CONNECT ${target} HTTP/1.1\r\nHost: a${values.map((v) => `\r\nX:${v}`).join("")}\r\n\r\n${early}`,
  );

test("parseConnectHead: whatever it takes, node:http reads in the same way", async () => {
  let taken = 0;
  const property = fc.asyncProperty(heads, async (bytes) => {
    const found = parse(bytes);
    if (found === undefined) return;
    taken++;
    const { request, early } = await readByNode(bytes);
    assert.ok(request, `node:http refuses with ${early}`);
    const { method, url, httpVersion, rawHeaders } = request;
    assert.deepEqual(found.head, { method, url, httpVersion, rawHeaders });
    assert.equal(bytes.slice(found.headBytes), early);
  });
  await fc.assert(property, { numRuns: 400 });
  assert.ok(taken > 50, `${taken} heads taken`);
});

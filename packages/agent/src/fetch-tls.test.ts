import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { type Server, createServer, getCACertificates, setDefaultCACertificates } from "node:tls";
import { returnRead } from "@porchlight/runtime/roomy-reads";
import { type TargetPolicy, parseCidrs, parsePorts } from "@porchlight/runtime/target-policy";
import { testCertificate } from "@porchlight/testkit/certificate";
import { ConnectionPool } from "./connection-pool.ts";
import { FakeStream } from "./fake-stream.ts";
import { Fetch } from "./fetch.ts";

const POLICY: TargetPolicy = { ports: parsePorts("*"), allow: parseCidrs("127.0.0.0/8,::1/128") };

const SMALL = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

async function startTlsTarget(t: TestContext, answer = SMALL): Promise<Server> {
  const { cert, key } = await testCertificate();
  const server = createServer({ cert, key, ALPNProtocols: ["http/1.1"] }, (socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => socket.write(answer));
  });
  server.listen(0);
  await once(server, "listening");
  t.after(() => server.close());
  return server;
}

/** A stream on a carrier that has written each piece at once, and that is full now and then. */
class WrittenStream extends FakeStream {
  onFull: () => void = () => undefined;
  /** What pieces with room in front of them were read into. */
  readonly places = new Set<ArrayBufferLike>();
  roomyPieces = 0;

  override write(chunk: Uint8Array, roomBytes = 0): boolean {
    super.write(Uint8Array.from(chunk));
    if (roomBytes > 0) {
      this.places.add(chunk.buffer);
      this.roomyPieces++;
    }
    returnRead(chunk);
    if (this.chunks.length % 5 > 0) return true;
    setImmediate(this.onFull);
    return false;
  }
}

async function run(pool: ConnectionPool, url: string) {
  const stream = new WrittenStream();
  const fetch = new Fetch(
    stream,
    {
      kind: "http",
      jobId: "job_1",
      account: "shop",
      method: "GET",
      url,
      headers: [],
      bodyBytes: 0,
      timeoutMs: 5_000,
      followRedirects: true,
      maxRedirects: 0,
    },
    { pool, policy: () => POLICY, onEnded: () => undefined },
  );
  stream.onFull = () => fetch.onDrain();
  fetch.start();
  await stream.over;
  return { stream, bytes: fetch.bytes };
}

test("Fetch: over TLS to a name and to an address, with its time and the bytes of the line", async (t) => {
  setDefaultCACertificates([...getCACertificates("default"), (await testCertificate()).ca]);
  const server = await startTlsTarget(t);
  const { port } = server.address() as AddressInfo;
  const pool = new ConnectionPool(() => POLICY);
  t.after(() => pool.closeIdle());
  for (const host of ["localhost", "127.0.0.1"]) {
    const { stream, bytes } = await run(pool, `https://${host}:${port}/`);
    assert.equal(stream.text, "ok");
    assert.ok(stream.httpHead.timings.tlsMs > 0);
    assert.ok(bytes.sent > 200 && bytes.received > 500, JSON.stringify(bytes));
  }
  const again = await run(pool, `https://localhost:${port}/`);
  assert.equal(again.stream.httpHead.timings.tlsMs, 0);
  assert.ok(again.bytes.received > 40 && again.bytes.received < 300, JSON.stringify(again.bytes));
});

test("Fetch: what comes over TLS has room for the headers of the link, and its memory is used again", async (t) => {
  setDefaultCACertificates([...getCACertificates("default"), (await testCertificate()).ca]);
  const body = randomBytes(3_000_000);
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`;
  const server = await startTlsTarget(t, Buffer.concat([Buffer.from(head), body]));
  const { port } = server.address() as AddressInfo;
  const pool = new ConnectionPool(() => POLICY);
  t.after(() => pool.closeIdle());
  const { stream } = await run(pool, `https://localhost:${port}/`);
  assert.ok(Buffer.concat(stream.chunks).equals(body));
  const { places, roomyPieces } = stream;
  assert.ok(roomyPieces > 150, `${roomyPieces} of ${stream.chunks.length} pieces have room`);
  assert.ok(places.size <= roomyPieces / 4, `${places.size} places for ${roomyPieces} pieces`);
  // One record, which is all that a read gives.
  for (const { byteLength } of places) assert.ok(byteLength < 17 * 1024, `${byteLength} bytes`);
});

test("Fetch: a certificate for another name, or of nobody known, is tls_failed", async (t) => {
  const server = await startTlsTarget(t);
  const { port } = server.address() as AddressInfo;
  const pool = new ConnectionPool(() => POLICY);
  setDefaultCACertificates([(await testCertificate()).ca]);
  const otherName = await run(pool, `https://127.0.0.2:${port}/`);
  assert.equal(otherName.stream.aborted?.code, "tls_failed");
  setDefaultCACertificates([]);
  const unknown = await run(pool, `https://127.0.0.1:${port}/`);
  assert.equal(unknown.stream.aborted?.code, "tls_failed");
  assert.match(unknown.stream.aborted.reason, /\([A-Z_]+\)$/);
});

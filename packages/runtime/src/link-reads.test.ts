import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { connect, createServer } from "node:tls";
import { testCertificate } from "@porchlight/testkit/certificate";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import { socketPair } from "@porchlight/testkit/socket-pair";
import { until } from "@porchlight/testkit/until";
import { readLink } from "./link-reads.ts";
import { readBlocks } from "./read-blocks.ts";

/** Most that one TLS record holds. Bytes. */
const RECORD_BYTES = 16 * 1024;

test("readLink hands on every byte in order: what was put back, then what is read, in small and large reads", async () => {
  await using pair = await socketPair({});
  const { accepted: near, dialled: far } = pair;
  const kept: Uint8Array[] = [];
  near.unshift(Buffer.from("early "));
  readLink(near, (chunk) => kept.push(readBlocks.keep(chunk)));
  const contents = [
    Buffer.from("early "),
    ...[3, 70_000, 5, 9, 1, 2, 900_000, 1].map((size) => randomBytes(size)),
  ];
  let bytes = 6;
  for (const content of contents.slice(1)) {
    far.write(content);
    bytes += content.length;
    await until("the bytes", () => kept.reduce((sum, { length }) => sum + length, 0) === bytes);
  }
  assert.ok(Buffer.concat(kept).equals(Buffer.concat(contents)));
  assert.ok(readBlocks.lent > 1, "large reads are kept without being copied");
  for (const chunk of kept) readBlocks.drop(chunk);
  far.destroy();
  await once(near, "close");
  assert.equal(readBlocks.lent, 0);
});

test("readLink hands on together what a peer has written at once", async () => {
  await using pair = await socketPair({});
  const { accepted: near, dialled: far } = pair;
  const sizes: number[] = [];
  const received: Buffer[] = [];
  readLink(near, (chunk) => {
    sizes.push(chunk.length);
    received.push(Buffer.from(chunk));
  });
  const sent: Buffer[] = [];
  for (const size of [100_000, 16 * RECORD_BYTES, 16 * RECORD_BYTES + 300]) {
    const content = randomBytes(size);
    sent.push(content);
    far.write(content);
    const bytes = Buffer.concat(sent).length;
    await until("the bytes", () => Buffer.concat(received).length === bytes);
  }
  assert.ok(Buffer.concat(received).equals(Buffer.concat(sent)));
  assert.ok(Math.max(...sizes) > 2 * RECORD_BYTES, String(sizes));
});

test("readLink hands on a row of full TLS records, also when nothing comes behind it", async () => {
  await using pair = await securePair();
  const { near, far } = pair;
  let bytes = 0;
  readLink(near, (chunk) => (bytes += chunk.length));
  far.write(randomBytes(100_000));
  await until("a link that is busy", () => bytes === 100_000);
  far.write(randomBytes(4 * RECORD_BYTES));
  await until("the row", () => bytes === 100_000 + 4 * RECORD_BYTES);
  far.end(randomBytes(2 * RECORD_BYTES));
  near.once("end", () => near.end());
  await once(near, "close");
  assert.equal(bytes, 100_000 + 6 * RECORD_BYTES);
});

/** Two ends of a TLS connection. */
async function securePair() {
  const { cert, key, ca } = await testCertificate();
  const server = createServer({ cert, key });
  const port = await listenOnLoopback(server);
  const accepted = once(server, "secureConnection") as Promise<[Socket]>;
  const far = connect({ port, host: "127.0.0.1", ca, servername: "localhost" });
  far.on("error", () => undefined);
  const [near] = await accepted;
  return {
    near,
    far,
    async [Symbol.asyncDispose]() {
      near.destroy();
      far.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

test("readLink uses the memory of a chunk again once the call is over", async () => {
  await using pair = await socketPair({});
  const { accepted: near, dialled: far } = pair;
  const chunks: Uint8Array[] = [];
  readLink(near, (chunk) => chunks.push(chunk));
  for (const text of ["first", "other"]) {
    far.write(text);
    const count = chunks.length;
    await until("the bytes", () => chunks.length > count);
  }
  assert.deepEqual(chunks.map(String), ["other", "other"]);
});

test("readLink gives a link that has become quiet no block of its own", async () => {
  await using pair = await socketPair({});
  const { accepted: near, dialled: far } = pair;
  let bytes = 0;
  readLink(near, (chunk) => (bytes += chunk.length));
  far.write(randomBytes(200_000));
  await until("the large part", () => bytes === 200_000);
  for (let small = 1; small <= 4; small++) {
    far.write("x");
    await until("the small part", () => bytes === 200_000 + small);
  }
  assert.equal(readBlocks.lent, 0);
});

test("readLink reads what is no socket of Node's by its events", async () => {
  const other = new PassThrough();
  const chunks: string[] = [];
  readLink(other as unknown as Socket, (chunk) => chunks.push(String(chunk)));
  other.write("text");
  await until("the text", () => chunks.join("") === "text");
});

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { socketPair } from "@porchlight/testkit/socket-pair";
import { until } from "@porchlight/testkit/until";
import { readLink } from "./link-reads.ts";
import { readBlocks } from "./read-blocks.ts";

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

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { socketPair } from "@porchlight/testkit/socket-pair";
import { until } from "@porchlight/testkit/until";
import { intoStream, roomySocket } from "./roomy-socket.ts";

test("roomySocket gives every byte, answers, half-closes and lets the server close", async () => {
  await using pair = await socketPair();
  const { accepted, dialled: client } = pair;
  const reads = roomySocket(accepted);
  assert.ok(reads);
  const chunks: Buffer[] = [];
  reads.listener = (chunk) => chunks.push(Buffer.from(chunk)) > 0;
  const content = randomBytes(500_000);
  const ended = once(accepted, "end");
  client.end(content);
  await ended;
  assert.ok(Buffer.concat(chunks).equals(content));
  const answer: Buffer[] = [];
  client.on("data", (chunk: Buffer) => answer.push(chunk));
  accepted.end("late answer");
  await once(client, "end");
  assert.equal(Buffer.concat(answer).toString(), "late answer");
  await until("the accepted socket to be gone", () => accepted.destroyed);
});

test("intoStream lets others read the socket in Node's way, as fast as they do", async () => {
  await using pair = await socketPair();
  const { accepted, dialled: client } = pair;
  const reads = roomySocket(accepted);
  assert.ok(reads);
  reads.listener = intoStream(accepted);
  const content = randomBytes(3_000_000);
  client.end(content);
  await until("the socket's buffer to be full", () => accepted.readableLength > 0);
  assert.ok(accepted.readableLength < 1_000_000);
  const chunks: Buffer[] = [];
  for await (const chunk of accepted) chunks.push(chunk as Buffer);
  assert.ok(Buffer.concat(chunks).equals(content));
});

test("roomySocket gives the same reads when asked again", async () => {
  await using pair = await socketPair();
  const { accepted } = pair;
  assert.equal(roomySocket(accepted), roomySocket(accepted));
});

test("roomySocket leaves alone what it cannot take over", () => {
  assert.equal(roomySocket(new Socket()), undefined);
  assert.equal(roomySocket(new PassThrough() as unknown as Socket), undefined);
});

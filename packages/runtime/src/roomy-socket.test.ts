import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { until } from "@porchlight/testkit/until";
import { intoStream, roomySocket } from "./roomy-socket.ts";

async function accept(): Promise<{ server: net.Server; accepted: Socket; client: Socket }> {
  const server = net.createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const connection = once(server, "connection") as Promise<[Socket]>;
  const { port } = server.address() as AddressInfo;
  const client = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const [accepted] = await connection;
  return { server, accepted, client };
}

test("roomySocket gives every byte, answers, half-closes and lets the server close", async () => {
  const { server, accepted, client } = await accept();
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
  server.close();
  await once(server, "close");
});

test("intoStream lets others read the socket in Node's way, as fast as they do", async () => {
  const { server, accepted, client } = await accept();
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
  accepted.destroy();
  client.destroy();
  server.close();
});

test("roomySocket gives the same reads when asked again", async () => {
  const { server, accepted, client } = await accept();
  assert.equal(roomySocket(accepted), roomySocket(accepted));
  accepted.destroy();
  client.destroy();
  server.close();
});

test("roomySocket leaves alone what it cannot take over", () => {
  assert.equal(roomySocket(new net.Socket()), undefined);
  assert.equal(roomySocket(new PassThrough() as unknown as Socket), undefined);
});

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { until } from "@porchlight/testkit/until";
import { roomySocket } from "./roomy-socket.ts";

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

test("roomySocket gives every byte, those read before first, answers, half-closes and lets the server close", async () => {
  const { server, accepted, client } = await accept();
  const content = randomBytes(500_000);
  client.write("early");
  await once(accepted, "readable");
  const { reads, early } = roomySocket(accepted);
  const socket = accepted;
  assert.ok(reads);
  assert.equal(Buffer.from(early ?? []).toString(), "early");
  const chunks: Buffer[] = [];
  reads.listener = (chunk) => chunks.push(Buffer.from(chunk)) > 0;
  const ended = once(socket, "end");
  socket.resume();
  client.end(content);
  await ended;
  assert.ok(Buffer.concat(chunks).equals(content));
  const answer: Buffer[] = [];
  client.on("data", (chunk: Buffer) => answer.push(chunk));
  socket.end("late answer");
  await once(client, "end");
  assert.equal(Buffer.concat(answer).toString(), "late answer");
  await until("the accepted socket to be gone", () => accepted.destroyed);
  server.close();
  await once(server, "close");
});

test("roomySocket gives what came in several reads before, and an end that came with it", async () => {
  const { server, accepted, client } = await accept();
  for (const [index, piece] of ["one ", "two ", "three"].entries()) {
    client.write(piece);
    await until("the next piece", () => (accepted.read(0), accepted.readableLength > index * 4));
  }
  client.end();
  await until(
    "the end",
    () => (Reflect.get(accepted, "_readableState") as { ended: boolean }).ended,
  );
  const { reads, early } = roomySocket(accepted);
  const socket = accepted;
  assert.ok(reads);
  assert.equal(Buffer.from(early ?? []).toString(), "one two three");
  reads.listener = () => true;
  const ended = once(socket, "end");
  socket.resume();
  await ended;
  socket.end();
  client.resume();
  server.close();
  await once(server, "close");
});

test("roomySocket leaves alone what it cannot take over", () => {
  const unconnected = new net.Socket();
  assert.equal(roomySocket(unconnected).reads, undefined);
  const other = new PassThrough() as unknown as Socket;
  assert.deepEqual(roomySocket(other), { reads: undefined, early: undefined });
});

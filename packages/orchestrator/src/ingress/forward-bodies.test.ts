/** Bodies of requests and answers on their way: early answers, slow readers, both ways at once. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, test } from "node:test";
import { openRaw } from "@porchlight/testkit/raw-http";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";
import { startForwardDoor, startRawTarget } from "./forward-fixture.ts";

const target = await startTarget();
after(() => target[Symbol.asyncDispose]());

const END = "\r\n\r\n";

function requestText(path: string, method = "GET", headers = ""): string {
  return `${method} ${target.origin}${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
}

/** Answers a body of which no more than `first` has come. */
function refuseEarly(text: string, socket: Socket): void {
  if (text.endsWith("first")) socket.write("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
}

test("an answer that comes before the body is complete ends the request there", async () => {
  await using raw = await startRawTarget(refuseEarly);
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(`POST ${raw.origin}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst`);
  await client.untilText(`${END}no`);
  await until("the tunnel to be left", () => door.tunnels.last.abortedWith === "cancelled");
  client.write("later");
  client.write(requestText("/status/202"));
  await client.untilText("202\n");
});

test("a client that goes on and on with a body nobody needs loses its connection", async () => {
  await using raw = await startRawTarget(refuseEarly);
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(`POST ${raw.origin}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst`);
  await client.untilText(`${END}no`);
  await client.untilEnd(2_000);
});

test("faults P16: 10 MiB both ways at once: no deadlock, bounded memory", async () => {
  const bytes = 10 * 1024 * 1024;
  await using mirror = await startTarget();
  mirror.route("mirror", ({ request, response }) => void request.pipe(response));
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  let received = 0;
  client.socket.removeAllListeners("data");
  client.socket.on("data", (chunk: Buffer) => (received += chunk.length));
  client.write(
    `POST ${mirror.origin}/mirror HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`,
  );
  client.write(Buffer.alloc(bytes, "m"));
  await until("everything back", () => received >= bytes, 20_000);
  assert.ok(
    door.tunnels.last.mostOwedBytes < 1024 * 1024,
    `${door.tunnels.last.mostOwedBytes} bytes`,
  );
});

test("faults F10: a client that does not read holds its target up, and no memory", async () => {
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.socket.pause();
  client.write(requestText("/bytes/1000000000"));
  await until(
    "the tunnel to be full",
    () => door.tunnels.opened[0] && door.tunnels.last.owedBytes > 200_000,
    10_000,
  );
  const { requests } = target;
  client.socket.destroy();
  await until("the target to be left", () => requests.at(-1)?.aborted, 2_000);
  assert.ok(door.tunnels.last.mostOwedBytes < 1024 * 1024);
});

test("faults P16: a target that does not read holds its client up", async () => {
  await using raw = await startRawTarget((_, socket) => void socket.pause());
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(`POST ${raw.origin}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n`);
  const chunk = Buffer.alloc(1024 * 1024);
  let sent = 0;
  while (client.socket.write(chunk) || sent < 64) {
    if (++sent >= 64) break;
  }
  await until("the client to be held up", () => client.socket.writableLength > 40 * 1024 * 1024);
});

/** What a link has lent while a target changes protocols (faults P12): none of it is lost, or another stream's. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { readBlocks } from "@porchlight/runtime/read-blocks";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import { openRaw } from "@porchlight/testkit/raw-http";
import { until } from "@porchlight/testkit/until";
import type { TunnelExchange } from "../agents/link.ts";
import type { TunnelDoor, TunnelRequest } from "../tunnels/tunnel-request.ts";
import { TunnelSocket } from "../tunnels/tunnel-socket.ts";
import { OPENED, startForwardDoor } from "./forward-fixture.ts";
import { TargetExchange } from "./target-exchange.ts";
import { UpgradeClient } from "./upgrade-client.ts";

const SWITCH = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";

const EXCHANGE: TunnelExchange = {
  write: () => true,
  end: () => undefined,
  consume: () => undefined,
  abort: () => undefined,
};

/** Hands bytes on as a link does: they are another stream's as soon as the call is over. */
function lend(reader: Pick<TunnelDoor, "onData">, text: string): void {
  const block = Buffer.from(text, "latin1");
  reader.onData(block);
  block.fill("?");
}

test("what came right behind the change of protocols stays, though the link had only lent it", async () => {
  const socket = new TunnelSocket(EXCHANGE);
  let early: Uint8Array | undefined;
  const asked = {
    method: "GET",
    path: "/",
    headers: ["Host", "a", "Connection", "Upgrade", "Upgrade", "websocket"],
    isUpgrade: true,
    where: "a:80",
  };
  const { outgoing } = new TargetExchange(socket, asked, {
    onInterim: () => undefined,
    onResponse: () => undefined,
    onSwitch: (_, bytes) => (early = bytes),
    onFailure: assert.fail,
  });
  outgoing.end();
  await until("the answer to be waited for", () => socket.listenerCount("data") > 0);
  // Heard as it comes from here on.
  lend(socket, SWITCH.slice(0, 20));
  await new Promise(setImmediate);
  lend(socket, `${SWITCH.slice(20)}early`);
  await until("the change", () => early !== undefined);
  assert.equal(Buffer.from(early ?? []).toString(), "early");
});

test("what an eager target sent ahead of the question arrives whole behind the change of protocols", async () => {
  const pieces = ["a", "b", "c", "d", "e"].map((letter) => letter.repeat(3_000));
  const tunnels = {
    open: (_: TunnelRequest, door: TunnelDoor) => {
      door.onOpen({ ...OPENED, exchange: EXCHANGE });
      lend(door, SWITCH + "-".repeat(3_000));
      for (const piece of pieces) lend(door, piece);
      door.onEnd();
      return { cancel: () => undefined };
    },
  };
  await using door = await startForwardDoor({ tunnels });
  using client = await openRaw(door.port);
  client.write(
    "GET http://127.0.0.1/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  assert.equal(await client.untilEnd(), "end");
  assert.ok(client.text.endsWith("-".repeat(3_000) + pieces.join("")), `${client.text.length}`);
});

test("what the tunnel held back while protocols changed is sent behind the rest, and goes back", async () => {
  const held = Buffer.alloc(10_000, "h");
  const block = readBlocks.acquire();
  assert.ok(block);
  const lentBefore = readBlocks.lent;
  block.bytes.set(held);
  const kept = readBlocks.keep(block.bytes.subarray(0, held.length));
  readBlocks.release(block);
  await using server = createServer((socket) => {
    const client = new UpgradeClient(socket, new Uint8Array());
    const head = { status: 101, message: "Yes", headers: [], added: {} };
    const unread = { paid: [Buffer.from("pa"), Buffer.from("id")], owed: [kept], hasEnded: true };
    client.join(head, { exchange: EXCHANGE, early: Buffer.from("early"), unread });
  });
  using client = await openRaw(await listenOnLoopback(server));
  await client.untilText(`\r\n\r\nearlypaid${held.toString()}`);
  await until("the block to be free", () => readBlocks.lent === lentBefore - 1);
});

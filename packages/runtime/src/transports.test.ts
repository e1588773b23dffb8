import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_MESSAGE_BYTES, MAX_TEXT_MESSAGE_CHARS } from "@porchlight/protocol/limits";
import { type TransportPair, transportContract } from "@porchlight/testkit/transport-contract";
import { connectWebSocketPair } from "@porchlight/testkit/websocket-pair";
import type { WebSocket } from "ws";
import type { Transport } from "@porchlight/protocol/transport";
import { TextMessageReader, encodeTextMessage, textTransport } from "./text-transport.ts";
import { webSocketTransport } from "./websocket-transport.ts";
import { wsTransport } from "./ws-transport.ts";

async function connectBy(transportOf: (webSocket: WebSocket) => Transport): Promise<TransportPair> {
  const pair = await connectWebSocketPair();
  return {
    a: transportOf(pair.client),
    b: transportOf(pair.server),
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  };
}

transportContract("webSocketTransport", () => connectBy(webSocketTransport));
transportContract("wsTransport", () => connectBy(wsTransport));
transportContract("textTransport", () => connectBy(textTransport));

test("webSocketTransport refuses text with 4400", async () => {
  await using pair = await connectWebSocketPair();
  webSocketTransport(pair.server);
  const closed = once(pair.client, "close");
  pair.client.send("text");
  assert.equal((await closed)[0], 4400);
});

test("faults G3: textTransport refuses binary and rubbish with 4400", async () => {
  for (const message of [Buffer.from(".AAAA"), "no mark", ".%%%%", ".AAA"]) {
    await using pair = await connectWebSocketPair();
    textTransport(pair.server).setHandler({
      onMessage: () => assert.fail("a message"),
      onDrain: () => undefined,
      onClose: () => undefined,
    });
    const closed = once(pair.client, "close");
    pair.client.send(message);
    assert.equal((await closed)[0], 4400);
  }
});

test("TextMessageReader gives back what encodeTextMessage cut, in pieces no longer than allowed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100_000 }), (message) => {
      const pieces = encodeTextMessage(message);
      const reader = new TextMessageReader();
      for (const piece of pieces) assert.ok(piece.length <= MAX_TEXT_MESSAGE_CHARS);
      const results = pieces.map((piece) => reader.take(piece));
      assert.deepEqual([...(results.pop() ?? [])], [...message]);
      assert.ok(results.every((result) => result === undefined));
    }),
    { numRuns: 40 },
  );
});

test("TextMessageReader refuses a message that never ends", () => {
  const reader = new TextMessageReader();
  const piece = `+${"A".repeat(MAX_TEXT_MESSAGE_CHARS - 4)}`;
  assert.throws(() => {
    for (let chars = 0; chars < 2 * MAX_MESSAGE_BYTES; chars += piece.length) reader.take(piece);
  }, /too long/u);
});

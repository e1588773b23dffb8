import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { VirtualClock } from "@porchlight/testkit/virtual-clock";
import type { WebSocket } from "ws";
import { watchWebSocket } from "./web-socket-limits.ts";

function watch() {
  const webSocket = new EventEmitter();
  const clock = new VirtualClock();
  const breaches: number[] = [];
  watchWebSocket(webSocket as WebSocket, clock, (code) => breaches.push(code));
  const fail = (code: string) => webSocket.emit("error", Object.assign(new Error(code), { code }));
  return { webSocket, clock, breaches, fail };
}

test("faults G5: masses of WebSocket pings are flooding, one now and then is not", () => {
  const { webSocket, clock, breaches } = watch();
  for (let index = 0; index < 100; index++) {
    clock.advance(1_000);
    webSocket.emit("ping");
    webSocket.emit("pong");
  }
  assert.deepEqual(breaches, []);
  for (let index = 0; index < 30_000; index++) webSocket.emit("ping");
  assert.equal(breaches[0], 4429);
});

test("faults G3, G4, G5: errors of ws are told by their code", () => {
  const { breaches, fail } = watch();
  fail("WS_ERR_UNSUPPORTED_MESSAGE_LENGTH");
  fail("WS_ERR_TOO_MANY_BUFFERED_PARTS");
  fail("WS_ERR_INVALID_OPCODE");
  fail("ECONNRESET");
  assert.deepEqual(breaches, [1009, 4429, 4400]);
});

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { afterEach, beforeEach, mock, test } from "node:test";
import { socketPair, type SocketPair } from "@porchlight/testkit/socket-pair";
import { until } from "@porchlight/testkit/until";
import { hasPeerReset } from "./has-peer-reset.ts";
import { watchHeld } from "./held-sockets.ts";

/** Longer than it takes until the next look. Milliseconds. */
const A_LOOK_MS = 250;

beforeEach(() => mock.timers.enable({ apis: ["setInterval"] }));
afterEach(() => {
  // The last look forgets what the test has destroyed.
  mock.timers.tick(A_LOOK_MS);
  mock.timers.reset();
});

function heldPair(): Promise<SocketPair> {
  return socketPair({ pauseOnConnect: true, allowHalfOpen: true });
}

async function untilReset({ dialled }: SocketPair, socket: Socket): Promise<void> {
  dialled.resetAndDestroy();
  await until("the reset", () => hasPeerReset(socket));
}

test("watchHeld: a socket that is held is destroyed at the next look after its peer has reset it", async () => {
  await using pair = await heldPair();
  const { accepted: socket, dialled } = pair;
  watchHeld(socket, () => true);
  dialled.write("unread");
  mock.timers.tick(A_LOOK_MS);
  assert.equal(socket.destroyed, false);
  await untilReset(pair, socket);
  assert.equal(socket.destroyed, false);
  mock.timers.tick(A_LOOK_MS);
  assert.equal(socket.destroyed, true);
});

test("watchHeld: a socket whose peer has ended in good order is let be", async () => {
  await using pair = await heldPair();
  watchHeld(pair.accepted, () => true);
  pair.dialled.end("unread");
  await until("its end", () => pair.dialled.writableFinished);
  mock.timers.tick(A_LOOK_MS);
  assert.equal(pair.accepted.destroyed, false);
});

test("watchHeld: a socket that is read again is looked at no more", async () => {
  await using pair = await heldPair();
  const { accepted: socket } = pair;
  let isHeld = false;
  watchHeld(socket, () => isHeld);
  mock.timers.tick(A_LOOK_MS);
  isHeld = true;
  await untilReset(pair, socket);
  mock.timers.tick(2 * A_LOOK_MS);
  assert.equal(socket.destroyed, false);
});

test("watchHeld: held once more it is looked at once more, and one does not stand for the other", async () => {
  await using first = await heldPair();
  await using second = await heldPair();
  let isHeld = false;
  const isFirstHeld = (): boolean => isHeld;
  watchHeld(first.accepted, isFirstHeld);
  watchHeld(second.accepted, () => true);
  mock.timers.tick(A_LOOK_MS);
  isHeld = true;
  watchHeld(first.accepted, isFirstHeld);
  await untilReset(first, first.accepted);
  mock.timers.tick(A_LOOK_MS);
  assert.deepEqual([first.accepted.destroyed, second.accepted.destroyed], [true, false]);
});

test("watchHeld: nothing is looked at once nobody is held, until somebody is", async (context) => {
  await using pair = await heldPair();
  const started = context.mock.method(globalThis, "setInterval").mock;
  const stopped = context.mock.method(globalThis, "clearInterval").mock;
  let isHeld = true;
  watchHeld(pair.accepted, () => isHeld);
  watchHeld(pair.accepted, () => isHeld);
  mock.timers.tick(A_LOOK_MS);
  assert.deepEqual([started.callCount(), stopped.callCount()], [1, 0]);
  isHeld = false;
  mock.timers.tick(A_LOOK_MS);
  assert.deepEqual([started.callCount(), stopped.callCount()], [1, 1]);
  watchHeld(pair.accepted, () => isHeld);
  assert.equal(started.callCount(), 2);
});

import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import { openRaw, type RawConnection } from "@porchlight/testkit/raw-http";
import { until } from "@porchlight/testkit/until";
import {
  startForwardDoor,
  startRawTarget,
  type ForwardDoor,
  type RawTarget,
} from "./forward-fixture.ts";

/** As many looks without a byte as say that an upload is held up, and not merely slow. */
const STILL_LOOKS = 20;

const BODY_BYTES = 64 * 1024 * 1024;

/** An upload of which nothing more is read. */
async function heldUpload(
  door: ForwardDoor,
  target: RawTarget,
): Promise<RawConnection & { held: Socket }> {
  const accepted = once(door.server, "connection");
  const client = await openRaw(door.port);
  const [held] = (await accepted) as [Socket];
  client.write(
    `PUT ${target.origin}/ HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`,
  );
  client.write(Buffer.alloc(BODY_BYTES));
  let seenBytes = 0;
  let looks = 0;
  await until("the upload to be held up", () => {
    looks = held.bytesRead === seenBytes ? looks + 1 : 0;
    seenBytes = held.bytesRead;
    return looks > STILL_LOOKS && held.isPaused();
  });
  return Object.assign(client, { held });
}

test("faults A28: a client that resets while its upload is held up leaves the exit at once", async () => {
  await using deaf = await startRawTarget((_, socket) => void socket.pause());
  await using door = await startForwardDoor({ headTimeoutMs: 60_000 });
  using client = await heldUpload(door, deaf);
  resetSocket(client.socket);
  await until("the tunnel to be left", () => !door.tunnels.last.isOpen, 2_000);
  assert.equal(door.tunnels.last.abortedWith, "cancelled");
});

test("watchHeldUpload: a client that waits is let be, and its upload goes on", async () => {
  let target: Socket | undefined;
  let receivedBytes = 0;
  await using slow = await startRawTarget((_, socket) => {
    target ??= socket.pause();
  });
  await using door = await startForwardDoor({ headTimeoutMs: 60_000 });
  using client = await heldUpload(door, slow);
  // Two looks of the watch at the least.
  const heldSinceMs = performance.now();
  await until("some time", () => performance.now() - heldSinceMs > 600);
  target?.removeAllListeners("data").on("data", (chunk: Buffer) => (receivedBytes += chunk.length));
  target?.resume();
  await until("most of the body", () => receivedBytes > BODY_BYTES / 2, 20_000);
  assert.equal(client.held.destroyed, false);
});

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import { testCertificate } from "@porchlight/testkit/certificate";
import { openRaw, type RawConnection } from "@porchlight/testkit/raw-http";
import { until } from "@porchlight/testkit/until";
import { startForwardDoor, startRawTarget, type ForwardDoor } from "./forward-fixture.ts";

/** More than is sent. */
const BODY_BYTES = 1024 * 1024 * 1024;

/** More than is under way when an upload is held up. */
const REST_BYTES = 32 * 1024 * 1024;

/** An upload of which nothing more is read. */
async function heldUpload(
  door: ForwardDoor,
  origin: string,
  ca: string | undefined,
): Promise<RawConnection> {
  const client = await openRaw(door.port, ca === undefined ? {} : { ca });
  client.write(`PUT ${origin}/ HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`);
  await client.writeUntilHeld();
  return client;
}

test("a client without a body is not looked at, nor one whose body is complete", async (context) => {
  // The first test of the file: nobody else is looked at.
  const started = context.mock.method(globalThis, "setInterval").mock;
  const stopped = context.mock.method(globalThis, "clearInterval").mock;
  let target: Socket | undefined;
  await using silent = await startRawTarget((_, socket) => {
    target = socket;
  });
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(`GET ${silent.origin}/ HTTP/1.1\r\nHost: a\r\n\r\n`);
  await until("the request at the target", () => silent.received[0]?.endsWith("\r\n\r\n"));
  assert.equal(started.callCount(), 0);
  target?.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  await client.untilText("ok");
  client.write(`PUT ${silent.origin}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody`);
  await until("the body at the target", () => silent.received[1]?.endsWith("body"));
  // The connection is kept, with nobody who would read of the request again.
  target?.resetAndDestroy();
  await client.untilText("502");
  await until("the looks to stop", () => stopped.callCount() > 0, 2_000);
  assert.equal(client.end, undefined);
});

for (const carrier of ["TCP", "TLS"] as const) {
  describe(`a client over ${carrier} whose upload is held up`, async () => {
    const certificate = carrier === "TLS" ? await testCertificate() : undefined;

    function startDoor(): Promise<ForwardDoor> {
      return startForwardDoor({ headTimeoutMs: 60_000, openTimeoutMs: 60_000 }, certificate);
    }

    test("faults A28: one that resets by the target leaves the exit at once", async () => {
      await using deaf = await startRawTarget((_, socket) => void socket.pause());
      await using door = await startDoor();
      using client = await heldUpload(door, deaf.origin, certificate?.ca);
      resetSocket(client.socket);
      await until("the tunnel to be left", () => !door.tunnels.last.isOpen, 2_000);
      assert.equal(door.tunnels.last.abortedWith, "cancelled");
    });

    test("faults A28: one that resets before the exit has connected is not connected for any more", async () => {
      await using door = await startDoor();
      door.tunnels.isStuck = true;
      using client = await heldUpload(door, "http://a.test", certificate?.ca);
      assert.equal(door.tunnels.cancelled, 0);
      resetSocket(client.socket);
      await until("the tunnel to be called off", () => door.tunnels.cancelled === 1, 2_000);
    });

    test("faults A28: one that waits is let be, its upload goes on, and held up once more it is watched once more", async (context) => {
      const stopped = context.mock.method(globalThis, "clearInterval").mock;
      let target: Socket | undefined;
      let receivedBytes = 0;
      await using slow = await startRawTarget((_, socket) => {
        target ??= socket.pause();
      });
      await using door = await startDoor();
      using client = await heldUpload(door, slow.origin, certificate?.ca);
      // Two looks of the watch at the least.
      const heldSinceMs = performance.now();
      await until("some time", () => performance.now() - heldSinceMs > 600);
      assert.equal(door.tunnels.last.isOpen, true);
      const stops = stopped.callCount();
      target
        ?.removeAllListeners("data")
        .on("data", (chunk: Buffer) => (receivedBytes += chunk.length));
      target?.resume();
      client.write(Buffer.alloc(REST_BYTES));
      await until("all of it", () => receivedBytes > REST_BYTES, 20_000);
      await until("the looks to stop", () => stopped.callCount() > stops);
      target?.pause();
      await client.writeUntilHeld();
      resetSocket(client.socket);
      await until("the tunnel to be left", () => !door.tunnels.last.isOpen, 2_000);
    });
  });
}

import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, describe, test } from "node:test";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import { testCertificate } from "@porchlight/testkit/certificate";
import { openRaw, type RawConnection } from "@porchlight/testkit/raw-http";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";
import { startForwardDoor, startRawTarget, type ForwardDoor } from "./forward-fixture.ts";

const target = await startTarget();
after(() => target[Symbol.asyncDispose]());

const END = "\r\n\r\n";

/** More than the system's buffers take of an answer. */
const LARGE_BYTES = 20_000_000;

/** Longer than it takes until held sockets are looked at again, twice. Milliseconds. */
const LOOKS_MS = 600;

function requestText(path: string, method = "GET", headers = ""): string {
  return `${method} ${target.origin}${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
}

for (const carrier of ["TCP", "TLS"] as const) {
  describe(`a client over ${carrier} that ends its side`, async () => {
    const certificate = carrier === "TLS" ? await testCertificate() : undefined;

    function connect(door: ForwardDoor): Promise<RawConnection> {
      const ca = certificate?.ca;
      return openRaw(door.port, { allowHalfOpen: true, ...(ca === undefined ? {} : { ca }) });
    }

    async function halfClosed(door: ForwardDoor, text: string): Promise<RawConnection> {
      const client = await connect(door);
      client.socket.end(text);
      await once(client.socket, "finish");
      return client;
    }

    test("faults P15: gets the whole answer, and then the end", async () => {
      await using door = await startForwardDoor({}, certificate);
      using client = await halfClosed(door, requestText(`/bytes/${LARGE_BYTES}`));
      assert.equal(await client.untilEnd(20_000), "end");
      assert.equal(client.received.length - client.text.indexOf(END) - END.length, LARGE_BYTES);
      await until("the tunnel's end", () => !door.tunnels.last.isOpen);
      assert.equal(door.tunnels.last.abortedWith, undefined);
    });

    test("faults P15: gets an answer that is long in coming, as a keep-alive client and as one of HTTP/1.0", async () => {
      await using late = await startRawTarget((text, socket) => {
        if (text.endsWith(END)) setTimeout(() => socket.end(`HTTP/1.1 200 OK${END}late`), LOOKS_MS);
      });
      await using door = await startForwardDoor({}, certificate);
      for (const version of ["1.1", "1.0"]) {
        const head = `GET ${late.origin}/ HTTP/${version}\r\nHost: a${END}`;
        using client = await halfClosed(door, head);
        assert.equal(await client.untilEnd(), "end");
        assert.match(client.text, /^HTTP\/1\.1 200 OK\r\n.*late/s);
      }
    });

    test("faults P15: gets the answer to a request with a body", async () => {
      await using door = await startForwardDoor({}, certificate);
      const body = "b".repeat(3_000_000);
      const head = requestText("/digest", "POST", `Content-Length: ${body.length}\r\n`);
      using client = await halfClosed(door, head + body);
      assert.equal(await client.untilEnd(), "end");
      assert.match(client.text, /^HTTP\/1\.1 200 /);
    });

    test("faults P15: gets all answers to pipelined requests, in order", async () => {
      await using door = await startForwardDoor({}, certificate);
      const texts = [
        requestText("/drip/1"),
        requestText("/status/202"),
        requestText("/status/203"),
      ];
      using client = await halfClosed(door, texts.join(""));
      assert.equal(await client.untilEnd(10_000), "end");
      assert.deepEqual(client.statuses, [200, 202, 203]);
    });

    test("faults P15: gets a refusal as well", async () => {
      await using door = await startForwardDoor({}, certificate);
      door.tunnels.failure = "dns_failed";
      using client = await halfClosed(door, requestText("/"));
      assert.equal(await client.untilEnd(), "end");
      assert.deepEqual(client.statuses, [502]);
    });

    test("is ended at once when no request of it is under way", async () => {
      await using door = await startForwardDoor({}, certificate);
      using client = await connect(door);
      client.write(requestText("/status/200"));
      await client.untilText("200\n");
      client.socket.end();
      assert.equal(await client.untilEnd(1_000), "end");
    });

    test("in the middle of a request has it called off", async () => {
      const cuts = [
        "Content-Length: 9\r\n\r\nsome",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
      ];
      await using deaf = await startRawTarget(() => undefined);
      await using door = await startForwardDoor({}, certificate);
      for (const [index, cut] of cuts.entries()) {
        using client = await connect(door);
        client.write(`POST ${deaf.origin}/ HTTP/1.1\r\nHost: a\r\n${cut}`);
        await until("the request at the target", () => deaf.received[index]?.includes("some"));
        client.socket.end();
        await until("the tunnel to be left", () => !door.tunnels.last.isOpen, 1_000);
        assert.notEqual(door.tunnels.last.abortedWith, undefined);
        await client.untilEnd(1_000);
        assert.deepEqual(client.statuses, [400]);
      }
    });

    test("faults A28: and then resets leaves the exit, while it waits and while it is answered", async () => {
      await using door = await startForwardDoor({}, certificate);
      for (const path of ["/hang", "/hang-body"]) {
        const before = target.requests.length;
        using client = await halfClosed(door, requestText(path));
        await until("the request at the target", () => target.requests.length > before);
        if (path === "/hang-body") await client.untilText("0123456789");
        assert.equal(door.tunnels.last.isOpen, true);
        resetSocket(client.socket);
        await until("the tunnel to be left", () => !door.tunnels.last.isOpen, 1_000);
        assert.equal(door.tunnels.last.abortedWith, "cancelled");
      }
    });

    test("faults A28: and then resets leaves the exit of a request that had to wait for its turn", async () => {
      await using door = await startForwardDoor({}, certificate);
      using client = await halfClosed(door, requestText("/drip/1") + requestText("/hang"));
      await until("the second tunnel", () => door.tunnels.opened.length === 2);
      resetSocket(client.socket);
      await until("the tunnel to be left", () => !door.tunnels.last.isOpen, 1_000);
      assert.equal(door.tunnels.last.abortedWith, "cancelled");
    });

    test("faults A28: and is gone leaves the exit when an answer comes that it does not take", async () => {
      await using door = await startForwardDoor({}, certificate);
      const before = target.requests.length;
      using client = await connect(door);
      client.write(requestText("/drip/50"));
      await until("the request at the target", () => target.requests.length > before);
      client.socket.destroy();
      await until("the tunnel to be left", () => !door.tunnels.last.isOpen, 2_000);
      assert.equal(door.tunnels.last.abortedWith, "cancelled");
    });
  });
}

test("a connection that is kept keeps nothing of the requests that are answered", async () => {
  await using door = await startForwardDoor();
  const accepted = once(door.server, "connection") as Promise<[Socket]>;
  using client = await openRaw(door.port);
  const [socket] = await accepted;
  const before = socket.listenerCount("end");
  for (let count = 1; count <= 3; count++) {
    client.write(requestText("/status/200"));
    await until("an answer", () => client.statuses.length === count);
    assert.equal(socket.listenerCount("end"), before);
  }
});

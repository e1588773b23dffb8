import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import tls from "node:tls";
import { ProxyError } from "@porchlight/protocol/errors";
import { readBlocks } from "@porchlight/runtime/read-blocks";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import { testCertificate } from "@porchlight/testkit/certificate";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import { socketPair } from "@porchlight/testkit/socket-pair";
import { until } from "@porchlight/testkit/until";
import type { TunnelExchange } from "../agents/link.ts";
import type { OpenedTunnel, TunnelRequest } from "../tunnels/tunnel-request.ts";
import { TunnelClient } from "./tunnel-client.ts";

/** Notes what a client's tunnel is given, and whether it was cancelled before it was open. */
class Scene implements TunnelExchange, AsyncDisposable {
  readonly written: Uint8Array[] = [];
  ended = false;
  cancelled = false;
  /** The end that the client holds, and the one it is held at. */
  readonly peer: Socket;
  readonly socket: Socket;
  readonly client: TunnelClient;
  readonly #carrier: AsyncDisposable;

  constructor(peer: Socket, socket: Socket, carrier: AsyncDisposable) {
    this.#carrier = carrier;
    this.peer = peer.on("error", () => undefined);
    this.socket = socket.on("error", () => undefined);
    const answers = { opened: () => "open", refuse: () => undefined };
    this.client = new TunnelClient({ socket, early: new Uint8Array(0), answers });
    this.client.open({ open: () => ({ cancel: () => (this.cancelled = true) }) }, REQUEST);
  }

  connect(): void {
    this.client.onOpen({ exchange: this, attempts: [] } as unknown as OpenedTunnel);
  }

  /** Takes it over, as a stream does. */
  write(chunk: Uint8Array): boolean {
    return this.written.push(chunk) > 0;
  }
  end(): void {
    this.ended = true;
  }
  abort(): void {
    this.ended = true;
  }
  consume(): void {
    // The target's bytes are of no interest here.
  }
  get bytes(): Buffer {
    return Buffer.concat(this.written);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.peer.destroy();
    this.socket.destroy();
    await this.#carrier[Symbol.asyncDispose]();
  }
}

const REQUEST = {} as TunnelRequest;

async function overTcp(): Promise<Scene> {
  const pair = await socketPair();
  return new Scene(pair.dialled, pair.accepted, pair);
}

async function overTls(): Promise<Scene> {
  const { ca, cert, key } = await testCertificate();
  const server = tls.createServer({ cert, key, allowHalfOpen: true });
  const accepted = once(server, "secureConnection") as Promise<[Socket]>;
  const carrier = connect({ port: await listenOnLoopback(server), host: "127.0.0.1" });
  // On top of a connection of its own, which can be reset.
  const peer = tls.connect({ socket: carrier, host: "127.0.0.1", ca });
  return new Scene(peer, (await accepted)[0], {
    async [Symbol.asyncDispose]() {
      server.close();
    },
  });
}

/** How waiting ends. */
const ENDS: Readonly<Record<string, (scene: Scene) => void>> = {
  "its tunnel is open": (scene) => scene.connect(),
  "it is refused": (scene) => scene.client.onError(new ProxyError("overloaded", "Full"), []),
  "it has gone": (scene) => resetSocket(scene.peer),
};

for (const [carrier, begin] of [
  ["TCP", overTcp],
  ["TLS", overTls],
] as const) {
  describe(`a client over ${carrier} whose tunnel is not open yet`, () => {
    test("faults P14: what it sends meanwhile comes first, and what it sends later behind", async () => {
      await using scene = await begin();
      scene.peer.write("early, ");
      await until("the early bytes", () => scene.socket.bytesRead > 0);
      scene.connect();
      scene.peer.write("late");
      await until("both", () => scene.bytes.toString() === "early, late");
    });

    for (const [what, go] of Object.entries(ENDS)) {
      test(`the memory in which its early bytes waited is free once ${what}`, async () => {
        const lentBefore = readBlocks.lent;
        await using scene = await begin();
        scene.peer.write(Buffer.alloc(5_000, "early"));
        await until("the early bytes", () => readBlocks.lent > lentBefore);
        go(scene);
        await until("it to be free", () => readBlocks.lent === lentBefore);
      });
    }

    test("its early bytes stay as they are while the link has them wait", async () => {
      await using scene = await begin();
      scene.peer.write(Buffer.alloc(5_000, "early"));
      await until("the early bytes", () => scene.socket.bytesRead >= 5_000);
      scene.connect();
      // What is kept next stands where they stood.
      readBlocks.drop(readBlocks.keep(Buffer.alloc(5_000, "later")));
      await until("them", () => scene.bytes.equals(Buffer.alloc(5_000, "early")));
    });

    test("what it floods is read no further than a bound, and arrives whole later", async () => {
      await using scene = await begin();
      const flood = Buffer.alloc(8_000_000, "flood ");
      scene.peer.write(flood);
      await until("some of it", () => scene.socket.bytesRead >= 64 * 1024);
      // It goes on as long as it is let: until its buffers and the kernel's are full.
      await until("it to be held up", () => scene.socket.isPaused());
      assert.ok(scene.socket.bytesRead < 1_000_000, `${scene.socket.bytesRead} bytes read`);
      scene.connect();
      await until("all of it", () => scene.bytes.length === flood.length, 10_000);
      assert.ok(scene.bytes.equals(flood));
    });

    test("faults P15: it may have sent all it has to say, and ended", async () => {
      await using scene = await begin();
      scene.peer.end("question");
      await until("its end", () => scene.socket.readableEnded);
      assert.ok(!scene.cancelled);
      scene.connect();
      assert.equal(scene.bytes.toString(), "question");
      await until("the end of its side", () => scene.ended);
    });

    test("faults A28: one that resets while it is held up has gone", async () => {
      await using scene = await begin();
      scene.peer.write(Buffer.alloc(8_000_000));
      await until("it to be held up", () => scene.socket.isPaused());
      resetSocket(scene.peer);
      await until("it to be cancelled", () => scene.cancelled, 2_000);
      assert.ok(scene.socket.destroyed);
    });

    test("one that was held up is looked at no more once its tunnel is open", async (context) => {
      const stopped = context.mock.method(globalThis, "clearInterval").mock;
      await using scene = await begin();
      scene.peer.write(Buffer.alloc(8_000_000));
      await until("it to be held up", () => scene.socket.isPaused());
      scene.connect();
      await until("the looks to stop", () => stopped.callCount() > 0, 2_000);
    });

    test("faults A28: one that has ended and resets then has gone", async () => {
      await using scene = await begin();
      scene.peer.end("question");
      await until("its end", () => scene.socket.readableEnded && scene.peer.writableFinished);
      assert.ok(!scene.cancelled);
      resetSocket(scene.peer);
      await until("it to be cancelled", () => scene.cancelled, 2_000);
    });

    test("one that ends without a word has gone", async () => {
      await using scene = await begin();
      scene.peer.end();
      await until("it to be cancelled", () => scene.cancelled);
    });

    test("one that breaks off has gone, whatever it has sent", async () => {
      await using scene = await begin();
      scene.peer.write("early");
      await until("the early bytes", () => scene.socket.bytesRead > 0);
      scene.peer.destroy();
      scene.socket.destroy();
      await until("it to be cancelled", () => scene.cancelled);
    });
  });
}

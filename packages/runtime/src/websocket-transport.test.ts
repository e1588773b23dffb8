/** How the own WebSocket ends, in every order, against `ws` and against a bare socket. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { mock, test } from "node:test";
import type { Transport } from "@porchlight/protocol/transport";
import { IDLE_FRAME_BURST } from "@porchlight/protocol/limits";
import { until } from "@porchlight/testkit/until";
import { connectWebSocketPair } from "@porchlight/testkit/websocket-pair";
import { CLOSE_GRACE_MS, socketOf } from "./open-websocket.ts";
import { webSocketTransport } from "./websocket-transport.ts";

interface Ended extends AsyncDisposable {
  readonly transport: Transport;
  /** The socket of the transport. */
  readonly socket: Socket;
  /** The far end, bare: what is written to it are WebSocket frames of a client. */
  readonly peer: Socket;
  readonly closes: { code: number; reason: string }[];
  readonly sendClose: (code: number) => void;
}

/** A transport at the server's end, and the client's bare socket, on which nobody answers. */
async function connect(): Promise<Ended> {
  const pair = await connectWebSocketPair();
  const [peer, socket] = [socketOf(pair.client), socketOf(pair.server)];
  assert.ok(peer && socket);
  for (const event of ["data", "end"]) peer.removeAllListeners(event);
  peer.on("error", () => undefined);
  peer.allowHalfOpen = true;
  peer.on("end", () => peer.end());
  const transport = webSocketTransport(pair.server);
  const closes: Ended["closes"] = [];
  transport.setHandler({
    onMessage: () => undefined,
    onDrain: () => undefined,
    onClose: (code, reason) => void closes.push({ code, reason }),
  });
  return {
    transport,
    socket,
    peer,
    closes,
    sendClose: (code) => {
      peer.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, code >>> 8, code & 0xff]));
    },
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  };
}

/** Fills the socket and all buffers below it. */
async function clog({ transport, peer }: Ended): Promise<void> {
  peer.pause();
  const part = new Uint8Array(256 * 1024);
  const message = { parts: [part], totalBytes: part.length, roomBytes: 0 };
  for (let sent = 0; sent < 128; sent++) transport.send(message);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  assert.ok(transport.bufferedBytes > 0);
}

test("webSocketTransport answers a goodbye and ends", async () => {
  await using ended = await connect();
  ended.peer.resume();
  ended.sendClose(1000);
  await until("the end", () => ended.closes.length > 0);
  assert.deepEqual(ended.closes, [{ code: 1000, reason: "" }]);
});

test("webSocketTransport hears one end when both sides say goodbye at once", async () => {
  await using ended = await connect();
  ended.peer.resume();
  ended.sendClose(1001);
  ended.transport.close(1000, "Done");
  await until("the end", () => ended.closes.length > 0);
  assert.deepEqual(ended.closes, [{ code: 1001, reason: "" }]);
});

test("webSocketTransport tells 1006 of a reset and of an end without a goodbye", async () => {
  for (const end of ["end", "resetAndDestroy"] as const) {
    await using ended = await connect();
    ended.peer.resume();
    ended.peer[end]();
    await until("the end", () => ended.closes.length > 0);
    assert.deepEqual(ended.closes, [{ code: 1006, reason: "" }]);
  }
});

/** What the peer does, and whether this end has heard of it. */
const STUCK: Record<string, (ended: Ended) => () => boolean> = {
  "that ends and reads nothing more": ({ peer, socket }) => {
    peer.end();
    return () => socket.readableEnded;
  },
  "that says goodbye and reads nothing more": ({ sendClose, socket }) => {
    const { bytesRead } = socket;
    sendClose(1000);
    return () => socket.bytesRead > bytesRead;
  },
  "that breaks the rules and reads nothing more": ({ peer, socket }) => {
    const { bytesRead } = socket;
    peer.write("rubbish");
    return () => socket.bytesRead > bytesRead;
  },
  "that is silent when it is told goodbye": ({ transport }) => {
    transport.close(1000, "Done");
    return () => true;
  },
};

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

for (const [what, act] of Object.entries(STUCK)) {
  test(`webSocketTransport ends a peer ${what} within the grace`, async () => {
    await using ended = await connect();
    await clog(ended);
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const isHeard = act(ended);
      // Timers are held, and the runner's own timeout bounds this.
      while (!isHeard()) await turn();
      await turn();
      assert.equal(ended.closes.length, 0);
      mock.timers.tick(CLOSE_GRACE_MS);
      assert.equal(ended.socket.destroyed, true);
      if (ended.closes.length === 0) await once(ended.socket, "close");
      assert.equal(ended.closes.length, 1);
    } finally {
      mock.timers.reset();
    }
  });
}

test("faults G5: webSocketTransport owes no pongs to a peer that does not read", async () => {
  await using ended = await connect();
  await clog(ended);
  const before = ended.transport.bufferedBytes;
  const ping = Buffer.from([0x89, 0x80, 0, 0, 0, 0]);
  const read = ended.socket.bytesRead;
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => ping));
  ended.peer.write(pings);
  await until("the pings", () => ended.socket.bytesRead === read + pings.length);
  assert.ok(ended.transport.bufferedBytes <= before);
});

test("faults G5: webSocketTransport ends a flood of pings, pongs or empty messages with 4429", async () => {
  for (const opcode of [0x89, 0x8a, 0x82]) {
    await using ended = await connect();
    ended.peer.resume();
    const frame = Buffer.from([opcode, 0x80, 0, 0, 0, 0]);
    ended.peer.write(Buffer.concat(Array.from({ length: 2 * IDLE_FRAME_BURST }, () => frame)));
    await until("the end", () => ended.closes.length > 0);
    assert.equal(ended.closes[0]?.code, 4429);
  }
});

test("webSocketTransport takes over from ws and from nobody else", async () => {
  await using pair = await connectWebSocketPair();
  const socket = socketOf(pair.server);
  assert.ok(socket);
  const names = (event: string) => socket.listeners(event).map(({ name }) => name);
  const closed = once(socket, "close");
  webSocketTransport(pair.server);
  for (const event of ["data", "end", "close", "error"]) {
    assert.ok(!names(event).some((name) => name.startsWith("socketOn")), event);
  }
  pair.client.terminate();
  await closed;
});

test("webSocketTransport writes a large message at once, and one that joins others at the end of the turn", async () => {
  await using end = await connect();
  const { socket, transport } = end;
  const roomBytes = 16;
  const part = Buffer.alloc(roomBytes + 64 * 1024).subarray(roomBytes);
  const message = { parts: [part], totalBytes: part.length, roomBytes };
  transport.send(message);
  assert.equal(socket.writableCorked, 0);
  transport.send(message, true);
  transport.send(message, true);
  assert.equal(socket.writableCorked, 1);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  assert.equal(socket.writableCorked, 0);
});

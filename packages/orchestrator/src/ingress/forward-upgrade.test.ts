/** Requests that ask to become a WebSocket, forwarded (faults P12). */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { Problem } from "@porchlight/protocol/job";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import { openRaw } from "@porchlight/testkit/raw-http";
import { until } from "@porchlight/testkit/until";
import { WebSocket, WebSocketServer } from "ws";
import type { TunnelExchange } from "../agents/link.ts";
import type { TunnelDoor, TunnelRequest } from "../tunnels/tunnel-request.ts";
import { OPENED, startForwardDoor, startRawTarget } from "./forward-fixture.ts";

const END = "\r\n\r\n";

const SWITCH =
  "HTTP/1.1 101 Switching \u{e9}\r\nx-A: \u{e9}\r\nUpgrade: websocket\r\nConnection: upgrade, X-Drop\r\nX-Drop: 1\r\n\r\n";

const EXCHANGE: TunnelExchange = {
  write: () => true,
  end: () => undefined,
  consume: () => undefined,
  abort: () => undefined,
};

function upgradeText(origin: string, headers = ""): string {
  return (
    `GET ${origin}/chat HTTP/1.1\r\nHost: a\r\nX-a: 1\r\nConnection: keep-alive, Upgrade, X-Drop\r\nX-Drop: 1\r\n` +
    `upgrade: websocket\r\nSec-WebSocket-Key: k\r\n${headers}\r\n`
  );
}

test("faults P12: a WebSocket works through the door, with messages of all sizes", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  server.on("connection", (socket) => socket.on("message", (data: Buffer) => socket.send(data)));
  await using door = await startForwardDoor();
  const { port } = server.address() as AddressInfo;
  const socket = new WebSocket(`ws://127.0.0.1:${door.port}/`, {
    finishRequest: (request) => {
      request.path = `http://127.0.0.1:${port}/`;
      request.end();
    },
  });
  await once(socket, "open");
  for (const bytes of [1, 1_000, 1_000_000]) {
    socket.send(Buffer.alloc(bytes, "w"));
    const [echo] = (await once(socket, "message")) as [Buffer];
    assert.equal(echo.length, bytes);
  }
  socket.close();
  await once(socket, "close");
  await until("the tunnel to end", () => !door.tunnels.last.isOpen);
  server.close();
});

test("faults P12, P9: the change of protocols passes, and bytes both ways behind it", async () => {
  await using target = await startRawTarget((text, socket) => {
    if (text.endsWith(END)) socket.write(Buffer.from(`${SWITCH}early`, "latin1"));
    if (text.endsWith("ping")) socket.end("pong");
  });
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(upgradeText(target.origin));
  assert.equal(
    await client.untilText("early"),
    "HTTP/1.1 101 Switching \u{e9}\r\nx-A: \u{e9}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Porchlight-Exit: agent_1\r\nPorchlight-Attempts: 1\r\nPorchlight-Session: moved\r\n\r\nearly",
  );
  assert.equal(
    target.received[0],
    `GET /chat HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\nX-a: 1\r\nConnection: Upgrade\r\n` +
      "upgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n",
  );
  client.write("ping");
  await client.untilText("pong");
  assert.equal(await client.untilEnd(), "end");
  await until("the tunnel to end", () => !door.tunnels.last.isOpen);
});

test("faults P14: bytes that a client sends before the answer arrive behind it", async () => {
  await using target = await startRawTarget((text, socket) => {
    if (text.endsWith(END)) setTimeout(() => socket.write(Buffer.from(SWITCH, "latin1")), 50);
    if (text.endsWith("with it,later")) socket.write("got both");
    if (text.endsWith("more")) socket.write("and more");
  });
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(`${upgradeText(target.origin)}with it,`);
  setTimeout(() => client.write("later"), 20);
  await client.untilText("got both");
  assert.match(target.received[0] ?? "", /\r\n\r\nwith it,later$/);
  client.write("more");
  await client.untilText("and more");
});

test("faults P14: a client that sends much before the answer is held up", async () => {
  await using target = await startRawTarget(() => undefined);
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(upgradeText(target.origin));
  await until("the request at the target", () => target.received.length === 1);
  const bytes = 64 * 1024 * 1024;
  let ticks = 0;
  client.socket.write(Buffer.alloc(bytes));
  await until("a while to pass", () => ++ticks > 40);
  assert.ok(client.socket.writableLength > bytes / 2, `${client.socket.writableLength} bytes wait`);
});

test("faults P15: a client that half-closes gets the rest", async () => {
  await using target = await startRawTarget((text, socket) => {
    if (text.endsWith(END)) socket.write(Buffer.from(SWITCH, "latin1"));
  }, true);
  await using door = await startForwardDoor();
  using client = await openRaw(door.port, { allowHalfOpen: true });
  client.write(upgradeText(target.origin));
  await client.untilText(END);
  client.socket.end("last");
  await client.untilText("the rest");
  assert.equal(await client.untilEnd(), "end");
});

test("faults F13: a target that changes protocols and ends before it was asked ends the client's connection", async () => {
  const tunnels = {
    open: (_: TunnelRequest, door: TunnelDoor) => {
      door.onOpen({ ...OPENED, exchange: EXCHANGE });
      door.onData(Buffer.from(`${SWITCH}bye`, "latin1"));
      door.onEnd();
      return { cancel: () => undefined };
    },
  };
  await using door = await startForwardDoor({ tunnels });
  using client = await openRaw(door.port);
  client.write(upgradeText("http://127.0.0.1"));
  assert.equal(await client.untilEnd(), "end");
  assert.match(client.text, /\r\n\r\nbye$/);
});

test("faults P12: a refusal is an ordinary answer, and ends with the connection", async () => {
  const body = "r".repeat(300_000);
  await using target = await startRawTarget(
    (_, socket) =>
      void socket.write(
        `HTTP/1.1 403 No\r\nX-Why: 1\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      ),
  );
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(upgradeText(target.origin));
  assert.equal(await client.untilEnd(), "end");
  assert.match(
    client.text,
    /^HTTP\/1\.1 403 No\r\nX-Why: 1\r\nContent-Length: 300000\r\nPorchlight-Exit: agent_1\r\n/,
  );
  assert.match(client.text, /\r\nConnection: close\r\n\r\nr{300000}$/);
});

test("a refusal in chunks arrives without them", async () => {
  await using target = await startRawTarget(
    (_, socket) =>
      void socket.write(
        "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
      ),
  );
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(upgradeText(target.origin));
  assert.equal(await client.untilEnd(), "end");
  assert.match(client.text, /\r\n\r\nno$/);
  assert.doesNotMatch(client.text, /chunked/i);
});

test("faults F1, F15: a refusal that is cut short is a broken connection", async () => {
  await using target = await startRawTarget(
    (_, socket) =>
      void socket.end("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n"),
  );
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(upgradeText(target.origin));
  assert.equal(await client.untilEnd(), "error");
});

test("faults P11: interim responses pass before the change", async () => {
  await using target = await startRawTarget(
    (_, socket) =>
      void socket.write(
        Buffer.from(`HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${SWITCH}`, "latin1"),
      ),
  );
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(upgradeText(target.origin));
  assert.match(
    await client.untilText("101"),
    /^HTTP\/1\.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP\/1\.1 101 /,
  );
});

test("faults F14: errors of ours are answered on the connection, and end it", async () => {
  await using target = await startRawTarget((_, socket) => void socket.end("garbage\r\n\r\n"));
  await using door = await startForwardDoor();
  const cases = [
    [target.origin, 502, "target_protocol_error"],
    ["http://10.0.0.1", 403, "target_forbidden"],
    ["https://a.example", 400, "invalid_url"],
  ] as const;
  for (const [origin, status, code] of cases) {
    using client = await openRaw(door.port);
    client.write(upgradeText(origin));
    await client.untilEnd();
    assert.deepEqual(client.statuses, [status]);
    const problem = JSON.parse(client.text.slice(client.text.indexOf(END))) as Problem;
    assert.equal(problem.code, code);
  }
});

test("faults F14: a change of protocols with 300 headers is a protocol error of the target", async () => {
  const head = SWITCH.replace("X-Drop: 1\r\n", "A: b\r\n".repeat(300));
  await using target = await startRawTarget((_, socket) => void socket.write(head));
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(upgradeText(target.origin));
  await client.untilEnd();
  assert.deepEqual(client.statuses, [502]);
});

test("faults F1: either side's death ends the other", async () => {
  await using target = await startRawTarget((text, socket) => {
    if (text.endsWith(END)) socket.write(Buffer.from(SWITCH, "latin1"));
  });
  await using door = await startForwardDoor();
  using first = await openRaw(door.port);
  first.write(upgradeText(target.origin));
  await first.untilText(END);
  door.tunnels.last.break("agent_lost");
  assert.equal(await first.untilEnd(), "error");
  using second = await openRaw(door.port);
  second.write(upgradeText(target.origin));
  await second.untilText(END);
  second.socket.resetAndDestroy();
  await until("the target to be left", () => target.open === 0);
});

test("faults A28: a client that ends before the answer leaves the exit", async () => {
  await using target = await startRawTarget(() => undefined);
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(upgradeText(target.origin));
  await until("the request at the target", () => target.received.length === 1);
  client.socket.end();
  await until("the target to be left", () => door.tunnels.last.abortedWith === "cancelled", 1_000);
});

test("faults A28: a client that resets while it is held up leaves the exit, connected or not", async () => {
  await using target = await startRawTarget(() => undefined);
  await using door = await startForwardDoor();
  door.tunnels.isStuck = true;
  using early = await openRaw(door.port);
  early.write(upgradeText(target.origin));
  await early.writeUntilHeld();
  resetSocket(early.socket);
  await until("the tunnel to be called off", () => door.tunnels.cancelled === 1, 2_000);
  door.tunnels.isStuck = false;
  using late = await openRaw(door.port);
  late.write(upgradeText(target.origin));
  await late.writeUntilHeld();
  resetSocket(late.socket);
  await until("the tunnel to be left", () => !door.tunnels.last.isOpen, 2_000);
});

test("faults A28: a WebSocket whose client resets while its target takes no more leaves the exit", async () => {
  await using target = await startRawTarget((_, socket) => {
    socket.write(SWITCH, "latin1");
    socket.pause();
  });
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(upgradeText(target.origin));
  await client.untilText(END);
  await client.writeUntilHeld();
  assert.ok(door.tunnels.last.isOpen);
  resetSocket(client.socket);
  await until("the tunnel to be left", () => !door.tunnels.last.isOpen, 2_000);
});

test("a client that was held up is looked at no more once it is a WebSocket", async (context) => {
  const stopped = context.mock.method(globalThis, "clearInterval").mock;
  let agree = (): unknown => undefined;
  await using target = await startRawTarget((_, socket) => {
    agree = () => socket.write(SWITCH, "latin1");
  });
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(upgradeText(target.origin));
  await until("the request at the target", () => target.received[0]?.endsWith(END));
  await client.writeUntilHeld();
  agree();
  await client.untilText(END);
  await until("the looks to stop", () => stopped.callCount() > 0, 2_000);
});

test("faults F11: a target that does not answer is 504", async () => {
  await using target = await startRawTarget(() => undefined);
  await using door = await startForwardDoor({ headTimeoutMs: 200 });
  using client = await openRaw(door.port);
  client.write(upgradeText(target.origin));
  await client.untilEnd();
  assert.deepEqual(client.statuses, [504]);
});

test("faults P12: Upgrade: h2c is not sent on, and the request is an ordinary one", async () => {
  await using target = await startRawTarget(
    (_, socket) => void socket.write("HTTP/1.1 204 No\r\n\r\n"),
  );
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(
    `GET ${target.origin}/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n`,
  );
  await client.untilText("204 No");
  assert.equal(target.received[0], `GET / HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n\r\n`);
});

test("a request to become a WebSocket that has a body is refused", async () => {
  await using door = await startForwardDoor();
  using client = await openRaw(door.port);
  client.write(upgradeText("http://127.0.0.1:1", "Content-Length: 5\r\n"));
  await client.untilEnd();
  assert.deepEqual(client.statuses, [400]);
  assert.equal(door.tunnels.opened.length, 0);
});

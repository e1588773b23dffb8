/** Tunnels through the proxy when something goes wrong at either end, or in between. */
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import { startCluster } from "@porchlight/testkit/cluster";
import { connectHead, forwardHead, openTunnel } from "@porchlight/testkit/proxy-client";
import { openRaw } from "@porchlight/testkit/raw-http";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

/** A target that hands its connections to a test. */
class Sockets implements AsyncDisposable {
  readonly accepted: Socket[] = [];
  port = 0;
  readonly #server: Server;

  constructor(onSocket: (socket: Socket) => void = () => undefined) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.accepted.push(socket);
      socket.on("error", () => socket.destroy());
      onSocket(socket);
    });
  }

  async listen(): Promise<this> {
    this.port = await listenOnLoopback(this.#server);
    return this;
  }

  get open(): number {
    return this.accepted.filter(({ destroyed }) => !destroyed).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.accepted) socket.destroy();
    this.#server.close();
  }
}

test("faults P14: bytes right behind CONNECT arrive, in the same packet and in later ones", async () => {
  await using cluster = await startCluster();
  await using target = await startTarget();
  using connection = await openRaw(cluster.proxyPort);
  connection.write(`${connectHead(`127.0.0.1:${target.port}`)}GET /echo?ear`);
  connection.write("ly HTTP/1.1\r\nHost: x\r\n\r\n");
  const answer = await connection.untilText('"body":""');
  assert.match(answer, /"path":"\/echo\?early"/);
});

test("faults P14: so do those behind a CONNECT that says it has no body, and no other length is taken", async () => {
  await using cluster = await startCluster();
  await using target = await startTarget();
  const request = "GET /echo?early HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const [length, status] of [
    ["0", 200],
    [String(request.length), 400],
  ] as const) {
    using connection = await openRaw(cluster.proxyPort);
    const head = connectHead(`127.0.0.1:${target.port}`).slice(0, -2);
    connection.write(`${head}Content-Length: ${length}\r\n\r\n${request}`);
    await connection.untilText(status === 200 ? '"path":"/echo?early"' : "CONNECT has no body");
    assert.equal(connection.statuses[0], status);
  }
  assert.equal(target.requests.length, 1);
});

test("what takes a connection over behind a request that is under way ends it: their bytes would mix", async () => {
  await using cluster = await startCluster();
  await using target = await startTarget();
  const connect = connectHead(`127.0.0.1:${target.port}`);
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  const takeovers = {
    "a CONNECT": connect,
    "a CONNECT that is refused": connectHead(`127.0.0.1:${target.port}`, "porch_client_wrong"),
    "a WebSocket": forwardHead(`${target.origin}/echo`, upgrade),
    "a WebSocket that is refused": `GET ${target.origin}/ HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`,
  };
  for (const [what, takeover] of Object.entries(takeovers)) {
    using silent = await openRaw(cluster.proxyPort);
    silent.write(forwardHead(`${target.origin}/hang`) + takeover);
    await silent.untilEnd();
    assert.equal(silent.text, "", what);
    using begun = await openRaw(cluster.proxyPort);
    begun.write(forwardHead(`${target.origin}/hang-body`));
    await begun.untilText("0123456789");
    const { text } = begun;
    begun.write(takeover);
    await begun.untilEnd();
    assert.equal(begun.text, text, what);
  }
  const counted = (door: string): Promise<number> =>
    cluster.metric(`proxy_refusals_total{door="${door}",code="invalid_request"}`);
  assert.deepEqual([await counted("connect"), await counted("http")], [4, 4]);
  using client = await openRaw(cluster.proxyPort);
  client.write(forwardHead(`${target.origin}/status/201`));
  await client.untilText("\r\n0\r\n\r\n");
  client.write(connect);
  await client.untilText("200 Connection Established");
});

test("faults P15: after the client's half-close the target still answers in full", async () => {
  await using cluster = await startCluster();
  await using target = await new Sockets((socket) => {
    socket.resume();
    socket.once("end", () => socket.end(Buffer.alloc(1_000_000, "x")));
  }).listen();
  using connection = await openTunnel(cluster, target.port);
  connection.socket.end("question");
  await connection.untilEnd(10_000);
  assert.equal(connection.end, "end");
  assert.ok(connection.received.length > 1_000_000);
});

test("faults P16: 10 MiB both ways at once", async () => {
  await using cluster = await startCluster();
  const bytes = 10 * 1024 * 1024;
  let received = 0;
  await using target = await new Sockets((socket) => {
    socket.on("data", (chunk: Buffer) => (received += chunk.length));
    socket.write(Buffer.alloc(bytes, "t"));
  }).listen();
  using connection = await openTunnel(cluster, target.port);
  connection.write(Buffer.alloc(bytes, "c"));
  await until(
    "all bytes both ways",
    () => received === bytes && connection.received.length > bytes,
    20_000,
  );
});

test("faults F1: an agent killed in mid-body resets the client's connection", async () => {
  await using cluster = await startCluster();
  await using target = await startTarget();
  using connection = await openTunnel(cluster, target.port);
  connection.write("GET /bytes/500000000 HTTP/1.1\r\nHost: x\r\n\r\n");
  await until("some of the body", () => connection.received.length > 1_000_000);
  cluster.agents[0]?.kill("SIGKILL");
  assert.equal(await connection.untilEnd(10_000), "error");
});

test("faults F2: the tunnels of a frozen agent end within two heartbeats", async () => {
  await using cluster = await startCluster({ orchestrator: { ORCH_HEARTBEAT_MS: "300" } });
  await using target = await new Sockets().listen();
  using connection = await openTunnel(cluster, target.port);
  cluster.agents[0]?.kill("SIGSTOP");
  assert.equal(await connection.untilEnd(3_000), "error");
});

test("faults F22: when an agent's line is cut its tunnels end visibly, and the next one works", async () => {
  await using cluster = await startCluster({ relay: true });
  await using target = await startTarget();
  using connection = await openTunnel(cluster, target.port);
  cluster.relay?.reset();
  assert.equal(await connection.untilEnd(5_000), "error");
  await cluster.untilAvailable(1, 15_000);
  using next = await openTunnel(cluster, target.port);
  assert.deepEqual(next.statuses, [200]);
});

test("faults A28: a client that goes takes its connection to the target along", async () => {
  await using cluster = await startCluster();
  await using target = await new Sockets().listen();
  const connection = await openTunnel(cluster, target.port);
  await until("the target's connection", () => target.open === 1);
  resetSocket(connection.socket);
  await until("its end", () => target.open === 0, 1_000);
});

test("faults A28: one that resets while its target takes no more is noticed as soon", async () => {
  await using cluster = await startCluster();
  await using target = await new Sockets((socket) => socket.pause()).listen();
  const connection = await openTunnel(cluster, target.port);
  await connection.writeUntilHeld();
  assert.equal(await cluster.metric("tunnels_in_flight"), 1);
  resetSocket(connection.socket);
  const isGone = async (): Promise<boolean> => (await cluster.metric("tunnels_in_flight")) === 0;
  await until("the tunnel to end", isGone, 1_000);
});

test("faults F10: a client that reads nothing of 1 GB costs little memory and holds no other up", async () => {
  await using cluster = await startCluster();
  await using target = await startTarget();
  using slow = await openTunnel(cluster, target.port);
  slow.socket.pause();
  slow.write("GET /bytes/1000000000 HTTP/1.1\r\nHost: x\r\n\r\n");
  const before = cluster.orchestrator.usage.rssBytes;
  for (let round = 0; round < 20; round++) {
    using fast = await openTunnel(cluster, target.port);
    fast.write("GET /bytes/100000 HTTP/1.1\r\nHost: x\r\n\r\n");
    await until("the fast answer", () => fast.received.length > 100_000, 2_000);
  }
  assert.ok(cluster.orchestrator.usage.rssBytes - before < 100_000_000);
});

test("an idle tunnel is ended after ORCH_TUNNEL_IDLE_MS, one with a little traffic is not", async () => {
  await using cluster = await startCluster({ orchestrator: { ORCH_TUNNEL_IDLE_MS: "1000" } });
  await using target = await new Sockets((socket) => socket.pipe(socket)).listen();
  using idle = await openTunnel(cluster, target.port);
  using alive = await openTunnel(cluster, target.port);
  const traffic = setInterval(() => alive.write("."), 200);
  try {
    await idle.untilEnd(5_000);
    assert.equal(alive.end, undefined);
  } finally {
    clearInterval(traffic);
  }
});

test("a tunnel whose last bytes cannot leave ends with the idle time too, though both sides have ended", async () => {
  await using cluster = await startCluster({ orchestrator: { ORCH_TUNNEL_IDLE_MS: "1000" } });
  await using target = await new Sockets((socket) => socket.end("bye")).listen();
  using connection = await openTunnel(cluster, target.port);
  await connection.untilEnd();
  // Takes nothing any more: what is sent now waits for credit, and the end behind it.
  cluster.agents[0]?.kill("SIGSTOP");
  try {
    connection.socket.end(Buffer.alloc(1_100_000));
    const isGone = async (): Promise<boolean> => (await cluster.metric("tunnels_in_flight")) === 0;
    await until("the tunnel to end", isGone, 5_000);
    assert.equal(await cluster.metric('tunnels_total{code="cancelled"}'), 1);
  } finally {
    cluster.agents[0]?.kill("SIGCONT");
  }
  for (const socket of target.accepted) socket.resume();
  await until("the target's connection to end", () => target.open === 0);
});

test("one key has so many connections, and the next is 429", async () => {
  await using cluster = await startCluster({
    orchestrator: { ORCH_PROXY_CONNECTIONS_PER_KEY: "2" },
  });
  await using target = await new Sockets().listen();
  using _first = await openTunnel(cluster, target.port);
  using second = await openTunnel(cluster, target.port);
  using third = await openRaw(cluster.proxyPort);
  third.write(connectHead(`127.0.0.1:${target.port}`));
  assert.match(await third.untilText("}"), /^HTTP\/1\.1 429 [\s\S]*rate_limited/);
  resetSocket(second.socket);
  await until("room again", async () => (await cluster.metric("tunnels_in_flight")) === 1);
  using fourth = await openTunnel(cluster, target.port);
  assert.deepEqual(fourth.statuses, [200]);
});

test("1,000 tunnels opened and broken off at random leave nothing behind", async () => {
  await using cluster = await startCluster({
    agent: { AGENT_MAX_CONCURRENCY: "256" },
    orchestrator: { ORCH_LOG_LEVEL: "info" },
  });
  await using target = await new Sockets((socket) => socket.pipe(socket)).listen();
  const socketsBefore = cluster.orchestrator.usage.sockets;
  let seed = 42;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  async function one(): Promise<void> {
    const connection = await openRaw(cluster.proxyPort);
    connection.write(connectHead(`127.0.0.1:${target.port}`));
    const choice = random();
    if (choice > 0.3) await connection.untilText("\r\n\r\n", 10_000);
    if (choice > 0.5) connection.write("x".repeat(Math.floor(random() * 50_000)));
    if (choice > 0.8) connection.socket.end();
    else if (choice > 0.6) resetSocket(connection.socket);
    connection[Symbol.dispose]();
    if (random() > 0.8) {
      const last = target.accepted.at(-1);
      if (last !== undefined) resetSocket(last);
    }
  }
  for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 50 }, one));
  const isClean = async (): Promise<boolean> =>
    (await cluster.metric("tunnels_in_flight")) === 0 &&
    (await cluster.metric("proxy_connections_open")) === 0 &&
    cluster.orchestrator.usage.sockets <= socketsBefore + 1 &&
    target.open === 0;
  await until("everything to be gone", isClean, 10_000);
  const [agent] = await cluster.client.agents();
  assert.equal(agent?.inFlight, 0);
});

test("faults P7: an address may have so many connections without a key; beyond, the first byte is answered with 429", async () => {
  await using cluster = await startCluster({
    orchestrator: { ORCH_PROXY_CONNECTIONS_PER_ADDRESS: "2" },
  });
  using first = await openRaw(cluster.proxyPort);
  using second = await openRaw(cluster.proxyPort);
  for (const slow of [first, second]) slow.write("G");
  using third = await openRaw(cluster.proxyPort);
  third.write("G");
  assert.match(await third.untilText("}"), /^HTTP\/1\.1 429 [\s\S]*rate_limited/);
});

test("a client that ends before it has said anything is not held", async () => {
  await using cluster = await startCluster();
  for (const said of ["", "\x05"]) {
    using silent = await openRaw(cluster.proxyPort, { allowHalfOpen: true });
    silent.socket.end(Buffer.from(said, "latin1"));
    await silent.untilEnd(1_000);
  }
});

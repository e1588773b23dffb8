/** The life of the proxy's listener: its start, TLS, its end under load, and its return. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { after, test } from "node:test";
import { selfSigned } from "porchlight/certificate-fixture";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import { startCluster, type Cluster } from "@porchlight/testkit/cluster";
import {
  callThroughProxy,
  connectHead,
  forwardHead,
  openTunnel,
  SOCKS_GREETING,
  socksLogin,
  socksRequest,
} from "@porchlight/testkit/proxy-client";
import { openRaw, sendRaw, type RawConnection } from "@porchlight/testkit/raw-http";
import { startTarget } from "@porchlight/testkit/target-server";
import { temporaryFolder } from "@porchlight/testkit/temporary-folder";
import { until } from "@porchlight/testkit/until";
import { connect as connectTls } from "node:tls";

const target = await startTarget();
const AUTHORITY = `127.0.0.1:${target.port}`;
const IPV4 = [1, 127, 0, 0, 1];

/** Sends back what it gets, and ends when it is ended. */
const sockets = new Set<Socket>();
const echo = createServer({ allowHalfOpen: true }, (socket) => {
  sockets.add(socket);
  socket.on("error", () => socket.destroy());
  socket.pipe(socket);
});
const echoPort = await listenOnLoopback(echo);

after(async () => {
  for (const socket of sockets) socket.destroy();
  echo.close();
  await target[Symbol.asyncDispose]();
});

/** Whether bytes still come back through a tunnel. */
async function isAlive(tunnel: RawConnection, word: string): Promise<void> {
  tunnel.write(word);
  await tunnel.untilText(word);
}

test("an address that is taken is one clear line and exit code 1, and nothing listens", async () => {
  const taken = createServer();
  const port = await listenOnLoopback(taken);
  const start = startCluster({
    agents: 0,
    orchestrator: { ORCH_PROXY_LISTEN: `127.0.0.1:${port}` },
  });
  await assert.rejects(start, (error: Error) => {
    assert.match(String(error.cause), /ended \(1\)/);
    const line = `Could not listen on 127.0.0.1:${port}: another program listens there`;
    assert.ok(error.message.includes(`\n${line}\n`), error.message);
    assert.doesNotMatch(error.message, /^ +at /m);
    return true;
  });
  taken.close();
});

test("TLS: all three forms work, a tunnel's sides end one by one, and a client in the clear is told nothing", async () => {
  await using cluster = await startCluster({ tls: true });
  const ca = cluster.certificate?.ca ?? "";
  using client = await openRaw(cluster.proxyPort, { ca });
  client.write(forwardHead(`${target.origin}/status/200`));
  await client.untilText("200\n");
  using socks = await openRaw(cluster.proxyPort, { ca });
  socks.write(Buffer.concat([SOCKS_GREETING, socksLogin(), socksRequest(IPV4, echoPort)]));
  await isAlive(socks, "through SOCKS5");
  using tunnel = await openTunnel(cluster, echoPort, { ca });
  await isAlive(tunnel, "through CONNECT");
  tunnel.socket.end("and the last of it");
  assert.equal(await tunnel.untilEnd(), "end");
  assert.match(tunnel.text, /through CONNECTand the last of it$/);
  const clear = await sendRaw(cluster.proxyPort, connectHead(AUTHORITY));
  assert.doesNotMatch(clear.text, /HTTP/);
});

async function certificateName(port: number): Promise<string | undefined> {
  const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return String(name);
}

test("TLS: a replaced certificate serves new connections, and a bad one does not take it away", async () => {
  await using folder = await temporaryFolder();
  const first = await selfSigned("first.test");
  const cert = await folder.write("cert.pem", first.cert);
  const key = await folder.write("key.pem", first.key);
  await using cluster = await startCluster({
    agents: 0,
    orchestrator: { ORCH_TLS_CERT: cert, ORCH_TLS_KEY: key },
  });
  assert.equal(await certificateName(cluster.proxyPort), "first.test");
  const second = await selfSigned("second.test");
  await writeFile(cert, second.cert);
  await writeFile(key, second.key);
  await until(
    "the new certificate",
    async () => (await certificateName(cluster.proxyPort)) === "second.test",
    10_000,
  );
  await writeFile(cert, "no certificate");
  await cluster.orchestrator.logs.waitFor(/TLS certificate.*cannot|could not/i, 10_000);
  assert.equal(await certificateName(cluster.proxyPort), "second.test");
});

/** Ends the orchestrator gracefully and waits until it takes no new work. */
async function drain(cluster: Cluster): Promise<void> {
  cluster.orchestrator.kill("SIGTERM");
  await cluster.orchestrator.logs.waitFor(/Shutting down/);
}

test("faults F3: at SIGTERM what is open goes on, new work is refused in every form, and the end is exit 0", async () => {
  await using cluster = await startCluster();
  let finish: (() => void) | undefined;
  target.route("slow-proxy", ({ response }) => {
    finish = () => response.end("done\n");
  });
  using tunnel = await openTunnel(cluster, echoPort);
  using running = await openRaw(cluster.proxyPort);
  running.write(forwardHead(`${target.origin}/slow-proxy`));
  await until("the request at the target", () => finish);
  await drain(cluster);
  for (const head of [connectHead(AUTHORITY), forwardHead(`${target.origin}/status/200`)]) {
    const refused = await sendRaw(cluster.proxyPort, head);
    assert.deepEqual(refused.statuses, [503]);
    assert.match(refused.text, /details="shutting_down"/);
    assert.match(refused.text, /^Connection: close\r$/m);
  }
  const socks = Buffer.concat([SOCKS_GREETING, socksLogin(), socksRequest(IPV4, echoPort)]);
  const refused = await sendRaw(cluster.proxyPort, socks);
  assert.match(refused.received.toString("hex"), /^050201000501/);
  await isAlive(tunnel, "still open");
  finish?.();
  await running.untilText("done\n");
  assert.equal(cluster.orchestrator.running, true);
  await isAlive(tunnel, "and still");
  tunnel.socket.end();
  assert.equal(await tunnel.untilEnd(), "end");
  assert.deepEqual(await cluster.orchestrator.ended, { code: 0, signal: null });
  assert.equal(await running.untilEnd(), "end");
});

test("faults F3: what is open at the end of the grace is cut visibly, silent connections hold nothing up, exit 0", async () => {
  await using cluster = await startCluster({ orchestrator: { ORCH_DRAIN_MS: "1000" } });
  using tunnel = await openTunnel(cluster, echoPort);
  // Of HTTP/1.0 and without a length: an orderly end would look like the body's.
  target.route("endless-drip", ({ response }) => {
    const timer = setInterval(() => response.write("."), 50);
    response.once("close", () => clearInterval(timer));
  });
  using body = await openRaw(cluster.proxyPort);
  body.write(forwardHead(`${target.origin}/endless-drip`).replace("HTTP/1.1", "HTTP/1.0"));
  await body.untilText("...");
  using waiting = await openRaw(cluster.proxyPort);
  waiting.write(forwardHead(`${target.origin}/hang`));
  using silent = await openRaw(cluster.proxyPort);
  const startMs = performance.now();
  await drain(cluster);
  await isAlive(tunnel, "still open");
  assert.deepEqual(await cluster.orchestrator.ended, { code: 0, signal: null });
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs > 900 && tookMs < 5_000, `${tookMs} ms`);
  assert.equal(await tunnel.untilEnd(), "error");
  assert.equal(await body.untilEnd(), "error");
  await waiting.untilEnd();
  assert.match(waiting.text, /^HTTP\/1\.1 503 [\s\S]*details="shutting_down"/);
  await silent.untilEnd();
  assert.ok(cluster.orchestrator.logs.text.includes("Work that was not done in time is cut off"));
});

test("faults F4: after a restart, graceful or not, the proxy serves again on the same port", async () => {
  await using cluster = await startCluster();
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    using tunnel = await openTunnel(cluster, echoPort);
    if (signal === "SIGTERM") tunnel.socket.end();
    cluster.orchestrator.kill(signal);
    await cluster.orchestrator.ended;
    await tunnel.untilEnd();
    await until("the tunnel's end at the target", () => [...sockets].every((it) => it.closed));
    await cluster.restartOrchestrator();
    await cluster.untilAvailable(1, 15_000);
    const { response } = await callThroughProxy(cluster, { url: `${target.origin}/status/200` });
    assert.equal(response.statusCode, 200);
    using next = await openTunnel(cluster, echoPort);
    await isAlive(next, "works again");
  }
});

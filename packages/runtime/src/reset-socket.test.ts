import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type Server, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import tls from "node:tls";
import { testCertificate } from "@porchlight/testkit/certificate";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import { socketPair } from "@porchlight/testkit/socket-pair";
import { temporaryFolder } from "@porchlight/testkit/temporary-folder";
import { until, within } from "@porchlight/testkit/until";
import { resetSocket } from "./reset-socket.ts";

/** What the client of `server` hears when the server resets the connection after half an answer. */
async function heardOfReset(server: Server, connect: () => Socket): Promise<string> {
  const event = server instanceof tls.Server ? "secureConnection" : "connection";
  const accepted = once(server, event) as Promise<[Socket]>;
  const client = connect();
  const end = new Promise<string>((resolve) => {
    client.on("end", () => resolve("end"));
    client.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
  });
  const [socket] = await accepted;
  socket.on("error", () => undefined);
  socket.write("half");
  await once(client, "data");
  const closed = once(socket, "close");
  resetSocket(socket);
  resetSocket(socket);
  await within("the socket to close", closed);
  const heard = await within("the client to hear of it", end);
  client.destroy();
  server.close();
  return heard;
}

test("faults F1: resetSocket resets a TCP connection", async () => {
  const server = net.createServer();
  const port = await listenOnLoopback(server);
  assert.equal(await heardOfReset(server, () => net.connect(port, "127.0.0.1")), "ECONNRESET");
});

test("faults F1: resetSocket resets the connection below TLS", async () => {
  const { ca, cert, key } = await testCertificate();
  const server = tls.createServer({ cert, key });
  const port = await listenOnLoopback(server);
  const connect = (): Socket => tls.connect({ port, host: "127.0.0.1", ca });
  assert.equal(await heardOfReset(server, connect), "ECONNRESET");
});

test("resetSocket ends what cannot be reset", async () => {
  const server = net.createServer();
  await using folder = await temporaryFolder();
  const path = join(folder.path, "socket");
  server.listen(path);
  await once(server, "listening");
  assert.equal(await heardOfReset(server, () => net.connect(path)), "end");
});

test("a socket whose end is on its way is closed as well", async () => {
  await using pair = await socketPair();
  const { accepted: socket, dialled: client } = pair;
  const before = openSockets();
  socket.end("all");
  resetSocket(socket);
  await within("the client's end", once(client.resume(), "end"));
  await until("the handle to be closed", () => openSockets() < before);
});

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith("TCPSocket")).length;
}

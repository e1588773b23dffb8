/**
 * The orchestrator of the benchmarks, configured by environment as always: its API on loopback without TLS,
 * since the load generator has none, and agents over TLS on a port of their own.
 * Prints one line of JSON with the ports.
 */
import { subscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { createLogger } from "@porchlight/runtime/logger";
import { beginYoung } from "@porchlight/runtime/young-objects";
import { readConfig } from "porchlight/config";
import { startNode } from "porchlight/node";

beginYoung();
const reading = readConfig({ env: process.env, argv: [] });
if (reading.kind !== "values") throw new Error(JSON.stringify(reading));
const logger = createLogger({ name: "orchestrator", level: reading.values.logLevel });
const node = await startNode(reading.values, { logger });
const agents = await listenForAgents(await serverOf(node.apiAddress.url));
const proxy = node.proxyAddress?.port;
console.log(JSON.stringify({ api: node.apiAddress.port, proxy, agents }));

/** The node's HTTP server, which shows itself when it is asked something. */
async function serverOf(url: string): Promise<Server> {
  const { promise, resolve } = Promise.withResolvers<Server>();
  subscribe("http.server.request.start", (message) => {
    resolve((message as { readonly server: Server }).server);
  });
  await fetch(`${url}/healthz`);
  return promise;
}

/** Gives connections of a TLS port to the same server: the agents' side of the link as it is in operation. */
async function listenForAgents(server: Server): Promise<number> {
  const front = createTlsServer({
    cert: readFileSync(process.env["BENCH_CERT"] ?? ""),
    key: readFileSync(process.env["BENCH_KEY"] ?? ""),
    ciphers: "TLS_AES_128_GCM_SHA256",
    noDelay: true,
  });
  front.on("secureConnection", (socket) => server.emit("connection", socket));
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  return (front.address() as AddressInfo).port;
}

/** Clients of the proxy that say more than is read before their exit has connected, and then break off. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import { startCluster } from "@porchlight/testkit/cluster";
import {
  connectHead,
  forwardHead,
  SOCKS_GREETING,
  socksLogin,
  socksRequest,
} from "@porchlight/testkit/proxy-client";
import { openRaw } from "@porchlight/testkit/raw-http";
import { startStalledListener } from "@porchlight/testkit/stalled-listener";
import { until } from "@porchlight/testkit/until";

/** Never answers: whoever connects to it is still connecting when a client goes. */
const stalled = await startStalledListener();
after(() => stalled[Symbol.dispose]());

const TARGET = `http://127.0.0.1:${stalled.port}/`;
const WEB_SOCKET = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

/** What a client says before its flood, by the kind of client. */
const BEGINNINGS: Readonly<Record<string, string | Buffer>> = {
  CONNECT: connectHead(`127.0.0.1:${stalled.port}`),
  SOCKS5: Buffer.concat([
    SOCKS_GREETING,
    socksLogin(),
    socksRequest([1, 127, 0, 0, 1], stalled.port),
  ]),
  "a WebSocket": forwardHead(TARGET, WEB_SOCKET),
  "an upload": forwardHead(TARGET, "Content-Length: 1000000000\r\n", "PUT"),
};

for (const carrier of ["TCP", "TLS"]) {
  describe(`over ${carrier}`, async () => {
    const cluster = await startCluster({ tls: carrier === "TLS" });
    after(() => cluster[Symbol.asyncDispose]());
    const ca = cluster.certificate?.ca;
    const agent = cluster.agents[0];

    for (const [kind, beginning] of Object.entries(BEGINNINGS)) {
      test(`faults A28, ${kind}: a client that floods and resets ends what its agent is dialling`, async () => {
        const idleSockets = agent?.usage.sockets;
        using client = await openRaw(cluster.proxyPort, ca === undefined ? {} : { ca });
        client.write(beginning);
        await client.writeUntilHeld();
        await until("the agent to dial", () => agent?.usage.sockets !== idleSockets);
        assert.equal(await cluster.metric("tunnels_in_flight"), 1);
        resetSocket(client.socket);
        const isOver = async (): Promise<boolean> =>
          (await cluster.metric("tunnels_in_flight")) === 0 &&
          (await cluster.metric("proxy_connections_open")) === 0 &&
          agent?.usage.sockets === idleSockets;
        await until("nothing to be left", isOver, 2_000);
        const [seen] = await cluster.client.agents();
        assert.equal(seen?.inFlight, 0);
      });
    }
  });
}

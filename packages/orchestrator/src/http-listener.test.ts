import assert from "node:assert/strict";
import { test } from "node:test";
import { sendRaw } from "@porchlight/testkit/raw-http";
import { HttpListener } from "./http-listener.ts";

/** A listener whose API answers 204 and whose door ends every upgrade with 403. */
async function listening() {
  const listener = new HttpListener({
    tls: undefined,
    api: {
      handle: (_request, response) => void response.writeHead(204, { Connection: "close" }).end(),
      protect: () => undefined,
    },
    door: { handleUpgrade: (_request, socket) => void socket.end("HTTP/1.1 403 No\r\n\r\n") },
    logger: { warn: () => undefined },
  });
  const { port } = await listener.open({ host: "127.0.0.1", port: 0 });
  return { port, [Symbol.asyncDispose]: () => listener.close() };
}

function upgradeTo(protocol: string): string {
  return `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;
}

test("HttpListener: an offer of HTTP/2 is answered as if it were none", async () => {
  await using listener = await listening();
  assert.deepEqual((await sendRaw(listener.port, upgradeTo("h2c"))).statuses, [204]);
});

test("HttpListener: WebSocket upgrades go to the door, in any spelling", async () => {
  await using listener = await listening();
  assert.deepEqual((await sendRaw(listener.port, upgradeTo("WebSocket"))).statuses, [403]);
});

test("HttpListener: a request without Host is left to the API", async () => {
  await using listener = await listening();
  assert.deepEqual((await sendRaw(listener.port, "GET / HTTP/1.1\r\n\r\n")).statuses, [204]);
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, Socket, type AddressInfo } from "node:net";
import { test } from "node:test";
import { until } from "@porchlight/testkit/until";
import { hasPeerReset } from "./has-peer-reset.ts";

test("hasPeerReset: of a connection that is not read, once it is reset and not before", async () => {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [socket] = (await accepted) as [Socket];
  client.write("unread");
  assert.notEqual(socket.remoteAddress, undefined);
  assert.equal(hasPeerReset(socket), false);
  client.resetAndDestroy();
  await until("the reset", () => hasPeerReset(socket));
  assert.equal(socket.destroyed, false);
  socket.destroy();
  server.close();
});

test("hasPeerReset: a socket that has no connection has not been reset", () => {
  assert.equal(hasPeerReset(new Socket()), false);
});

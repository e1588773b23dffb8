import assert from "node:assert/strict";
import { Socket } from "node:net";
import { test } from "node:test";
import { socketPair } from "@porchlight/testkit/socket-pair";
import { until } from "@porchlight/testkit/until";
import { hasPeerReset } from "./has-peer-reset.ts";

test("hasPeerReset: of a connection that is not read, once it is reset and not before", async () => {
  await using pair = await socketPair({ pauseOnConnect: true, allowHalfOpen: true });
  const { accepted: socket, dialled: client } = pair;
  client.write("unread");
  assert.notEqual(socket.remoteAddress, undefined);
  assert.equal(hasPeerReset(socket), false);
  client.resetAndDestroy();
  await until("the reset", () => hasPeerReset(socket));
  assert.equal(socket.destroyed, false);
});

test("hasPeerReset: a socket that has no connection has not been reset", () => {
  assert.equal(hasPeerReset(new Socket()), false);
});

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { Server } from "node:net";
import { test } from "node:test";
import { ASSUMED_DESCRIPTORS, ConnectionLimit, descriptorLimit } from "./connection-limit.ts";

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max processes             100                  100                  processes
Max open files            256                  4096                 files
`;

test("descriptorLimit: the soft limit where the system tells one", () => {
  assert.equal(
    descriptorLimit(() => LIMITS),
    256,
  );
  assert.equal(
    descriptorLimit(() => LIMITS.replace("256", "unlimited")),
    ASSUMED_DESCRIPTORS,
  );
  assert.equal(
    descriptorLimit(() => ""),
    ASSUMED_DESCRIPTORS,
  );
  const missing = (): string => {
    throw new Error("ENOENT");
  };
  assert.equal(descriptorLimit(missing), ASSUMED_DESCRIPTORS);
});

test("faults F18: new work is refused above the limit and taken again below it", () => {
  const limit = new ConnectionLimit(256);
  const server = new Server();
  limit.watch(server);
  assert.equal(server.maxConnections, 192);
  const sockets = Array.from({ length: 169 }, () => new EventEmitter());
  for (const socket of sockets.slice(1)) server.emit("connection", socket);
  assert.equal(limit.isExceeded, false);
  server.emit("connection", sockets[0]);
  assert.equal(limit.isExceeded, true);
  sockets[5]?.emit("close");
  assert.equal(limit.isExceeded, false);
  assert.equal(limit.open, 168);
});

test("faults F18: all servers together keep the reserve free", () => {
  const limit = new ConnectionLimit(66);
  const servers = [new Server(), new Server()];
  for (const server of servers) limit.watch(server);
  const destroyed: number[] = [];
  for (let number = 0; number < 3; number++) {
    const destroy = () => destroyed.push(number);
    servers[number % 2]?.emit("connection", Object.assign(new EventEmitter(), { destroy }));
  }
  assert.deepEqual(destroyed, [2]);
});

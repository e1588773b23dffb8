import assert from "node:assert/strict";
import { once } from "node:events";
import { Socket } from "node:net";
import { test } from "node:test";
import { youngSurvivors } from "@porchlight/testkit/young-survivors";
import { Visitors } from "./visitors.ts";

function setup({ perAddress = 2, perKey = 2 } = {}) {
  const visitors = new Visitors({ perAddress, perKey });
  return { visitors, enter: () => enter(visitors) };
}

/** An accepted connection; none of these has an address, so all of them have the same. */
function enter(visitors: Visitors) {
  const socket = new Socket();
  // A reset of one that is not connected is an error.
  socket.on("error", () => undefined);
  const close = () => void socket.emit("close");
  return { socket, visit: visitors.enter(socket), close };
}

test("faults P7: an address has so many connections without a key, and no more", () => {
  const { enter } = setup();
  const [first, second, third] = [enter(), enter(), enter()];
  first.visit.checkAddress();
  second.visit.checkAddress();
  assert.throws(() => third.visit.checkAddress(), { code: "rate_limited" });
  third.close();
  first.close();
  assert.equal(enter().visit.isCrowded, false);
});

test("faults P7: one that has proven itself makes room for another", () => {
  const { enter } = setup();
  const [first] = [enter(), enter()];
  first.visit.prove("key_1");
  assert.equal(enter().visit.isCrowded, false);
  assert.equal(enter().visit.isCrowded, true);
  first.close();
  assert.equal(enter().visit.isCrowded, true);
});

test("Visit.prove: a key has so many connections, another key its own", () => {
  const { enter } = setup({ perAddress: 9 });
  const [first, second, third] = [enter(), enter(), enter()];
  for (const { visit } of [first, second]) visit.prove("key_1");
  first.visit.prove("key_1");
  assert.throws(() => third.visit.prove("key_1"), { code: "rate_limited" });
  assert.equal(third.visit.keyId, undefined);
  third.visit.prove("key_2");
  second.visit.prove("key_2");
  enter().visit.prove("key_1");
  assert.equal(second.visit.keyId, "key_2");
});

test("Visitors.endKey: ends the connections of that key only", () => {
  const { visitors, enter } = setup({ perAddress: 9 });
  const visits = [enter(), enter(), enter()];
  visits[0]?.visit.prove("key_1");
  visits[1]?.visit.prove("key_2");
  visitors.endKey("key_1");
  assert.deepEqual(
    visits.map(({ socket }) => socket.destroyed),
    [true, false, false],
  );
  visitors.close();
  assert.ok(visits.every(({ socket }) => socket.destroyed));
});

test("Visitors.of: the visit of an open connection; behind its end, one that counts for nobody", async () => {
  const { visitors, enter } = setup();
  const { socket, visit } = enter();
  assert.equal(visitors.of(socket), visit);
  socket.destroy();
  await once(socket, "close");
  for (const late of [visit, visitors.of(socket)]) {
    late.prove("key_1");
    assert.equal(late.keyId, undefined);
  }
  assert.equal(visitors.open, 0);
  visitors.of(socket);
  assert.equal(enter().visit.isCrowded, false);
});

test("Visitors: a visit that is over is held by nothing", async () => {
  const { enter } = setup({ perAddress: 1_000 });
  const survivors = await youngSurvivors(100, () => {
    const { visit, close } = enter();
    close();
    return visit;
  });
  assert.ok(survivors < 20, `${survivors} of 100`);
});

import assert from "node:assert/strict";
import { Socket } from "node:net";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { Cancellation } from "./cancellation.ts";
import { type Dialled, type RaceWinner, alternateFamilies, raceConnect } from "./race-connect.ts";

interface Attempts {
  readonly dialled: string[];
  readonly sockets: Map<string, Socket>;
  readonly winner: Promise<RaceWinner>;
  readonly cancellation: Cancellation;
}

function race(addresses: readonly string[], attemptDelayMs = 60_000): Attempts {
  const dialled: string[] = [];
  const sockets = new Map<string, Socket>();
  const cancellation = new Cancellation();
  const dial = (address: string): Dialled => {
    const socket = new Socket();
    dialled.push(address);
    sockets.set(address, socket);
    return { socket };
  };
  const winner = raceConnect({ addresses, dial, cancellation, attemptDelayMs });
  return { dialled, sockets, winner, cancellation };
}

test("raceConnect: the next address is tried as soon as the one before has failed", async () => {
  const { dialled, sockets, winner } = race(["2001:db8::1", "192.0.2.1"]);
  assert.deepEqual(dialled, ["2001:db8::1"]);
  sockets.get("2001:db8::1")?.destroy(new Error("No route"));
  await new Promise(setImmediate);
  sockets.get("192.0.2.1")?.emit("connect");
  assert.equal((await winner).address, "192.0.2.1");
});

test("raceConnect: a slow attempt goes on while the next one is made, and wins if it is first", async () => {
  const { dialled, sockets, winner } = race(["192.0.2.1", "192.0.2.2"], 0);
  await setTimeout(5);
  assert.equal(dialled.length, 2);
  sockets.get("192.0.2.1")?.emit("connect");
  assert.equal((await winner).address, "192.0.2.1");
  assert.equal(sockets.get("192.0.2.2")?.destroyed, true);
});

test("raceConnect: rejects with the first error once all have failed", async () => {
  const { sockets, winner } = race(["192.0.2.1", "192.0.2.2"]);
  sockets.get("192.0.2.1")?.emit("error", new Error("first"));
  sockets.get("192.0.2.2")?.emit("error", new Error("second"));
  await assert.rejects(winner, /first/);
});

test("raceConnect: a cancellation ends every attempt with its reason", async () => {
  const { sockets, winner, cancellation } = race(["192.0.2.1", "192.0.2.2"]);
  cancellation.cancel(new Error("enough"));
  await assert.rejects(winner, /enough/);
  assert.equal(sockets.get("192.0.2.1")?.destroyed, true);
  assert.equal(sockets.size, 1);
});

test("raceConnect: of a hundred addresses only eight are tried", async () => {
  const addresses = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`);
  const { dialled, sockets, winner } = race(addresses);
  for (const address of addresses) sockets.get(address)?.emit("error", new Error("no"));
  await assert.rejects(winner);
  assert.equal(dialled.length, 8);
});

test("alternateFamilies: families take turns, none is lost", () => {
  assert.deepEqual(alternateFamilies(["::1", "::2", "1.1.1.1", "1.1.1.2", "1.1.1.3"]), [
    "::1",
    "1.1.1.1",
    "::2",
    "1.1.1.2",
    "1.1.1.3",
  ]);
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(fc.array(address), (addresses) => {
      assert.deepEqual(alternateFamilies(addresses).toSorted(), addresses.toSorted());
    }),
  );
});

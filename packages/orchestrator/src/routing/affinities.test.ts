import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Affinities, AFFINITY_IDLE_MS, type AffinityRequest } from "./affinities.ts";
import type { AffinityUse } from "./affinity.ts";

interface Exit {
  readonly name: string;
  readonly ip: string;
}

const A: Exit = { name: "a", ip: "203.0.113.1" };
const B: Exit = { name: "b", ip: "203.0.113.2" };
const EPOCH_MS = Date.UTC(2026, 0, 31);

function request(part: Partial<AffinityRequest> = {}, strict = false): AffinityRequest {
  const session = { id: "cart", ttlMs: 600_000, strict };
  return { account: "acme", session, filterKey: "", ...part };
}

describe("Affinities", () => {
  const begin = (
    table: Affinities<Exit>,
    nowMs: number,
    ...asked: Parameters<typeof request>
  ): AffinityUse<Exit> => table.begin(request(...asked), { nowMs, epochMs: EPOCH_MS + nowMs });

  /** A whole request, served by this exit. */
  const serve = (table: Affinities<Exit>, nowMs: number, exit: Exit) => {
    const use = begin(table, nowMs);
    use.settle(use.exit ?? exit);
    const view = use.served(use.exit ?? exit);
    use.end(nowMs);
    return { use, view };
  };

  it("the exit of the first request is that of the next ones", () => {
    const table = new Affinities<Exit>();
    const first = begin(table, 0);
    assert.equal(first.exit, undefined);
    assert.equal(first.settle(A), true);
    const second = begin(table, 1);
    assert.equal(second.exit, A);
    assert.equal(second.settle(B), false);
    const expiresAt = new Date(EPOCH_MS + 600_000).toISOString();
    assert.deepEqual(first.served(A), { id: "cart", moved: false, expiresAt });
    assert.deepEqual(second.served(A), { id: "cart", moved: false, expiresAt });
    assert.equal(table.moves, 0);
  });

  it("the same name of another account, and another name, are other sessions", () => {
    const table = new Affinities<Exit>();
    begin(table, 0).settle(A);
    const session = { id: "other", ttlMs: 1, strict: false };
    assert.equal(begin(table, 0, { account: "rival" }).exit, undefined);
    assert.equal(begin(table, 0, { session }).exit, undefined);
    assert.equal(table.live(0), 3);
  });

  it("other filters are session_mismatch, which takes nothing from the session", () => {
    const table = new Affinities<Exit>();
    serve(table, 0, A);
    assert.throws(() => begin(table, 59_999, { filterKey: "de" }), {
      code: "session_mismatch",
      message: "The session was begun with other filters",
    });
    assert.equal(begin(table, AFFINITY_IDLE_MS, { filterKey: "de" }).exit, undefined);
  });

  it("ends at its time to live, which the first request decides, even when it is never idle", () => {
    const table = new Affinities<Exit>();
    for (let nowMs = 0; nowMs < 600_000; nowMs += 30_000) {
      assert.equal(serve(table, nowMs, nowMs === 0 ? A : B).use.exit, A);
    }
    const session = { id: "cart", ttlMs: 86_400_000, strict: false };
    assert.equal(begin(table, 599_999, { session }).exit, A);
    assert.equal(begin(table, 600_000, { session }).exit, undefined);
  });

  it("ends 60 s after the end of its last request; the next one begins anew, not moved", () => {
    const table = new Affinities<Exit>();
    const long = begin(table, 0);
    long.settle(A);
    long.served(A);
    long.end(100_000);
    long.end(150_000);
    assert.equal(begin(table, 159_999).exit, A);
    const later = new Affinities<Exit>();
    serve(later, 0, A);
    assert.equal(later.live(AFFINITY_IDLE_MS - 1), 1);
    assert.equal(serve(later, AFFINITY_IDLE_MS, B).view.moved, false);
  });

  it("is not idle while anything is under way, even for hours", () => {
    const table = new Affinities<Exit>();
    const session = { id: "cart", ttlMs: 86_400_000, strict: false };
    const tunnel = begin(table, 0, { session });
    tunnel.settle(A);
    begin(table, 1, { session }).end(2);
    assert.equal(begin(table, 7_200_000, { session }).exit, A);
  });

  it("work of a session that is over disturbs neither itself nor the next session", () => {
    const table = new Affinities<Exit>();
    const old = begin(table, 0);
    old.settle(A);
    const fresh = begin(table, 600_000);
    fresh.settle(B);
    assert.equal(old.exit, A);
    old.end(600_001);
    fresh.end(600_002);
    assert.equal(begin(table, 660_001).exit, B);
    assert.equal(table.live(660_001), 1);
  });

  it("moves when it leaves its exit: each request that saw the old one is told, later ones are not", () => {
    const table = new Affinities<Exit>();
    serve(table, 0, A);
    const [first, second] = [begin(table, 1), begin(table, 1)];
    first.leave();
    assert.equal(first.formerIp, A.ip);
    first.settle(B);
    assert.equal(second.exit, B);
    assert.equal(first.served(B).moved, true);
    assert.equal(second.served(B).moved, true);
    assert.equal(begin(table, 2).served(B).moved, false);
    assert.equal(table.moves, 2);
  });

  it("is not bound before anything may have left through its exit, even when strict", () => {
    const table = new Affinities<Exit>();
    const first = begin(table, 0, {}, true);
    first.settle(A);
    first.failed(A, true);
    assert.equal(first.isBound, false);
    first.leave();
    first.settle(B);
    assert.equal(first.served(B).moved, false);
    assert.equal(first.isBound, true);
  });

  it("is bound when strict, once something may have left", () => {
    for (const how of ["failed", "served"] as const) {
      const table = new Affinities<Exit>();
      const first = begin(table, 0, {}, true);
      first.settle(A);
      first[how](A, false);
      assert.equal(first.isBound, true, how);
      assert.equal(begin(table, 0).isBound, false, how);
    }
  });

  it("what happens on an exit that it has left does not bind it to the next one", () => {
    for (const how of ["failed", "served"] as const) {
      const table = new Affinities<Exit>();
      const [slow, quick] = [begin(table, 0, {}, true), begin(table, 0, {}, true)];
      slow.settle(A);
      slow[how](A, false);
      quick.leave();
      quick.settle(B);
      slow[how](A, false);
      assert.equal(quick.isBound, false, how);
      assert.equal(quick.exit, B, how);
    }
  });

  it("a request that ends twice takes nothing from those under way", () => {
    const table = new Affinities<Exit>();
    const [first, second] = [begin(table, 0), begin(table, 0)];
    first.settle(A);
    for (let time = 0; time < 2; time++) first.end(0);
    assert.equal(begin(table, AFFINITY_IDLE_MS).exit, A);
    second.end(AFFINITY_IDLE_MS);
  });

  it("one whose time was over ends without the next of its name", () => {
    const table = new Affinities<Exit>();
    const session = { id: "cart", ttlMs: 30_000, strict: false };
    begin(table, 0, { session }).end(0);
    const fresh = begin(table, 30_000);
    fresh.settle(B);
    assert.equal(begin(table, AFFINITY_IDLE_MS).exit, B);
  });

  it("is bounded by what is idle: with all in use, one more begins all the same", () => {
    const table = new Affinities<Exit>(1);
    begin(table, 0).settle(A);
    begin(table, 0, { account: "rival" }).settle(B);
    assert.equal(begin(table, 1).exit, A);
    assert.equal(begin(table, 1, { account: "rival" }).exit, B);
  });

  it("is bounded: the one idle longest goes, none that is in use", () => {
    const table = new Affinities<Exit>(3);
    const named = (id: string, nowMs: number) =>
      begin(table, nowMs, { session: { id, ttlMs: 600_000, strict: false } });
    const used = named("used", 0);
    used.settle(A);
    for (const [index, id] of ["old", "new"].entries()) {
      const use = named(id, index);
      use.settle(A);
      use.end(index);
    }
    named("fourth", 10).end(10);
    assert.equal(table.live(10), 3);
    assert.equal(named("used", 11).exit, A);
    assert.equal(named("new", 11).exit, A);
    assert.equal(named("old", 11).exit, undefined);
  });

  it("in any order of requests: keeps its exit until it is over, then begins anew, and leaves nothing", () => {
    const step = fc.record({
      end: fc.boolean(),
      id: fc.constantFrom("x", "y"),
      account: fc.constantFrom("acme", "rival"),
      exit: fc.constantFrom(A, B),
      waitMs: fc.oneof(fc.nat(100), fc.nat(70_000)),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const table = new Affinities<Exit>();
        /** What each name stands for, said as plainly as can be. */
        const model = new Map<
          string,
          { exit: Exit; endsMs: number; open: number; idleMs: number }
        >();
        const open: { use: AffinityUse<Exit>; session: { open: number; idleMs: number } }[] = [];
        let nowMs = 0;
        for (const { end, id, account, exit, waitMs } of steps) {
          nowMs += waitMs;
          if (end) {
            const ending = open.shift();
            ending?.use.end(nowMs);
            if (ending !== undefined && --ending.session.open === 0) ending.session.idleMs = nowMs;
            continue;
          }
          const use = begin(table, nowMs, {
            account,
            session: { id, ttlMs: 100_000, strict: false },
          });
          const known = model.get(`${account} ${id}`);
          const idle = known?.open === 0 && nowMs - known.idleMs >= AFFINITY_IDLE_MS;
          const over = known === undefined || idle || nowMs >= known.endsMs;
          assert.equal(use.exit, over ? undefined : known.exit);
          use.settle(exit);
          const session = over ? { exit, endsMs: nowMs + 100_000, open: 0, idleMs: 0 } : known;
          model.set(`${account} ${id}`, session);
          session.open++;
          open.push({ use, session });
        }
        for (const { use } of open) use.end(nowMs);
        assert.equal(table.live(nowMs + AFFINITY_IDLE_MS), 0);
      }),
    );
  });
});

import assert from "node:assert/strict";
import { afterEach, describe, it, mock } from "node:test";
import fc from "fast-check";
import type { ProxyError } from "@porchlight/protocol/errors";
import { Registry, type AgentRecord } from "../agents/registry.ts";
import type { ExitWish } from "../routing/exit-filter.ts";
import { Pacing } from "../routing/pacing.ts";
import { Selector } from "../routing/selector.ts";
import { wish as wishOf } from "../routing/wish-fixture.ts";
import { connectAgent } from "./scripted-agent.ts";
import { WaitingLine, type Grant } from "./waiting-line.ts";

type Wish = ExitWish<AgentRecord>;

describe("WaitingLine, with pacing", () => {
  let registry: Registry;
  let line: WaitingLine;
  /** `name at ms`. */
  let events: string[];
  let grants: Map<string, Grant>;

  const shop = (name = "any"): Wish =>
    wishOf(name === "any" ? {} : { agent: name }, { host: "shop.example" });
  const news: Wish = wishOf({}, { host: "news.example" });

  function setUp(rules: { perSecond?: number; concurrent?: number }): void {
    mock.timers.enable({ apis: ["setTimeout", "Date"] });
    registry = new Registry();
    const { perSecond, concurrent } = rules;
    const selector = new Selector<AgentRecord>({
      pool: registry,
      strategy: "round-robin",
      random: () => 0,
      pacing: new Pacing({ perSecond, concurrent }),
    });
    line = new WaitingLine({ registry, selector, now: Date.now });
    events = [];
    grants = new Map();
  }

  afterEach(() => mock.timers.reset());

  /** Acquires, or waits for, an agent. */
  function ask(name: string, wish: Wish, { priority = 5, waitMs = 10_000 } = {}): void {
    const granted = (grant: Grant) => {
      grants.set(name, grant);
      events.push(`${name} ${grant.record.name} ${Date.now()}`);
    };
    const grant = line.acquire(wish);
    if (grant !== undefined) return granted(grant);
    const waiter = {
      granted,
      deserted: () => events.push(`${name} deserted`),
      refused: (error: ProxyError) => events.push(`${name} ${error.message}`),
    };
    line.wait(wish, { priority, waitMs, waiter });
  }

  it("sends work for a held-back exit to another one, else wakes it in time and in order", () => {
    setUp({ perSecond: 2 });
    connectAgent(registry, "a");
    connectAgent(registry, "b");
    for (const name of ["1", "2", "3", "4", "5"]) ask(name, shop());
    ask("urgent", shop(), { priority: 9 });
    ask("news", news);
    assert.deepEqual(events, ["1 a 0", "2 b 0", "news a 0"]);
    mock.timers.tick(499);
    assert.equal(events.length, 3);
    mock.timers.tick(1);
    assert.deepEqual(events.slice(3), ["urgent b 500", "3 a 500"]);
    mock.timers.tick(500);
    assert.deepEqual(events.slice(5), ["4 b 1000", "5 a 1000"]);
    assert.equal(line.length, 0);
  });

  it("serves by one alarm for all of them, and leaves none", () => {
    setUp({ perSecond: 1 });
    connectAgent(registry, "a");
    const timers = mock.method(globalThis, "setTimeout");
    for (const name of ["1", "2", "3"]) ask(name, shop());
    // One for each wait's end.
    assert.equal(timers.mock.callCount(), 2 + 1);
    timers.mock.restore();
    for (let second = 0; second < 2; second++) mock.timers.tick(1_000);
    assert.deepEqual(events, ["1 a 0", "2 a 1000", "3 a 2000"]);
    line.close();
    mock.timers.tick(10_000);
    assert.equal(events.length, 3);
  });

  it("gives an exit that becomes free to who waits for another target, and wakes the others later", () => {
    setUp({ perSecond: 1 });
    const { record } = connectAgent(registry, "a", { maxConcurrency: 1 });
    ask("1", shop());
    ask("2", shop());
    ask("news", news);
    grants.get("1")?.slot.release();
    assert.deepEqual(events, ["1 a 0", "news a 0"]);
    mock.timers.tick(1_000);
    assert.equal(events.length, 2);
    mock.timers.tick(200);
    grants.get("news")?.slot.release();
    assert.deepEqual(events.slice(2), ["2 a 1200"]);
    assert.equal(record.inFlight, 1);
  });

  it("learns of a time that was not known when the wait began", () => {
    setUp({ perSecond: 1 });
    connectAgent(registry, "a", { maxConcurrency: 1 });
    ask("news", news);
    ask("1", shop());
    ask("2", shop());
    mock.timers.tick(100);
    grants.get("news")?.slot.release();
    grants.get("1")?.slot.release();
    assert.deepEqual(events, ["news a 0", "1 a 100"]);
    mock.timers.tick(1_000);
    assert.deepEqual(events.slice(2), ["2 a 1100"]);
  });

  it("wakes those who wait for different targets, each in time", () => {
    setUp({ perSecond: 1 });
    connectAgent(registry, "a");
    ask("1", shop());
    mock.timers.tick(300);
    ask("news 1", news);
    ask("2", shop());
    ask("news 2", news);
    mock.timers.tick(700);
    mock.timers.tick(300);
    assert.deepEqual(events, ["1 a 0", "news 1 a 300", "2 a 1000", "news 2 a 1300"]);
  });

  it("is not put off by an exit with room that may go later than another", () => {
    setUp({ perSecond: 1 });
    connectAgent(registry, "a");
    connectAgent(registry, "b", { maxConcurrency: 1 });
    ask("1", shop());
    mock.timers.tick(500);
    ask("2", shop());
    ask("3", shop());
    grants.get("2")?.slot.release();
    mock.timers.tick(500);
    assert.deepEqual(events, ["1 a 0", "2 b 500", "3 a 1000"]);
  });

  it("bounds work under way for one target, whatever else there is room for", () => {
    setUp({ concurrent: 1 });
    const { record } = connectAgent(registry, "a");
    ask("1", shop());
    ask("2", shop("a"));
    ask("news", news);
    assert.deepEqual(events, ["1 a 0", "news a 0"]);
    mock.timers.tick(50);
    grants.get("1")?.slot.release();
    grants.get("1")?.slot.release();
    assert.deepEqual(events.slice(2), ["2 a 50"]);
    assert.equal(record.inFlight, 2);
  });

  it("a wait in vain ends with the reason", () => {
    setUp({ perSecond: 0.1 });
    connectAgent(registry, "a");
    ask("1", shop());
    ask("2", shop(), { waitMs: 500 });
    mock.timers.tick(500);
    assert.equal(
      events[1],
      "2 The only matching agent is busy or paced: at most 0.1 requests per second through one exit to shop.example",
    );
  });

  it("in any schedule: nobody who could go is left waiting, and the order within a wish is kept", () => {
    const step = fc.record({
      waitMs: fc.nat(700),
      target: fc.constantFrom(shop(), news),
      release: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        setUp({ perSecond: 2, concurrent: 2 });
        connectAgent(registry, "a", { maxConcurrency: 3 });
        connectAgent(registry, "b", { maxConcurrency: 3 });
        const held: string[] = [];
        for (const [index, { waitMs, target, release }] of steps.entries()) {
          mock.timers.tick(waitMs);
          ask(`${target === news ? "news" : "shop"} ${index}`, target, { waitMs: 1_000_000 });
          if (!release) continue;
          const next = [...grants.keys()].find((name) => !held.includes(name));
          if (next !== undefined) held.push(next);
          if (next !== undefined) grants.get(next)?.slot.release();
        }
        for (let round = 0; round < 2 * steps.length; round++) {
          for (const { slot } of grants.values()) slot.release();
          mock.timers.tick(500);
        }
        assert.equal(line.length, 0);
        for (const kind of ["news", "shop"]) {
          const order = [...grants.keys()].filter((name) => name.startsWith(kind));
          const numbers = order.map((name) => Number(name.split(" ")[1]));
          assert.deepEqual(
            numbers,
            numbers.toSorted((one, other) => one - other),
          );
        }
        line.close();
        mock.timers.reset();
      }),
      { numRuns: 50 },
    );
  });
});

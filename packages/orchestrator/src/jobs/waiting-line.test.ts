import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import type { ProxyError } from "@porchlight/protocol/errors";
import type { Labels } from "@porchlight/protocol/message";
import { Registry, type AgentRecord } from "../agents/registry.ts";
import type { ExitWish } from "../routing/exit-filter.ts";
import { Selector } from "../routing/selector.ts";
import { wish as wishOf } from "../routing/wish-fixture.ts";
import { connectAgent } from "./scripted-agent.ts";
import { WaitingLine, type Grant, type Place } from "./waiting-line.ts";

type Wish = ExitWish<AgentRecord>;

const any: Wish = wishOf();

function labelled(labels: Labels): Wish {
  return wishOf({ labels });
}

describe("WaitingLine", () => {
  let registry: Registry;
  let line: WaitingLine;
  let selections: number;
  /** What happened, in order: `name` when granted, `name code` when refused. */
  let events: string[];
  let grants: Map<string, Grant>;

  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout", "Date"] });
    registry = new Registry();
    selections = 0;
    const pool = {
      get records() {
        selections++;
        return registry.records;
      },
    };
    const selector = new Selector<AgentRecord>({ pool, strategy: "round-robin", random: () => 0 });
    line = new WaitingLine({ registry, selector, now: Date.now, maxWaiting: 5 });
    events = [];
    grants = new Map();
  });

  afterEach(() => mock.timers.reset());

  function wait(name: string, { priority = 5, wish = any, waitMs = 1_000 } = {}) {
    return line.wait(wish, {
      priority,
      waitMs,
      waiter: {
        granted: (grant) => {
          events.push(name);
          grants.set(name, grant);
        },
        deserted: () => events.push(`${name} deserted`),
        refused: (error: ProxyError) => events.push(`${name} ${error.code}: ${error.message}`),
      },
    });
  }

  it("acquire grants a free agent at once and takes its slot", () => {
    const { record } = connectAgent(registry, "a", { maxConcurrency: 1 });
    const grant = line.acquire(any);
    assert.equal(grant?.record, record);
    assert.equal(record.inFlight, 1);
    assert.equal(line.acquire(any), undefined);
    grant.slot.release();
    assert.equal(record.inFlight, 0);
  });

  it("serves by priority, 9 first, then in order of arrival", () => {
    const { record } = connectAgent(registry, "a", { maxConcurrency: 1 });
    const first = line.acquire(any);
    wait("low", { priority: 0 });
    wait("first");
    wait("second");
    wait("high", { priority: 9 });
    first?.slot.release();
    for (const name of ["high", "first", "second"]) grants.get(name)?.slot.release();
    assert.deepEqual(events, ["high", "first", "second", "low"]);
    assert.equal(record.inFlight, 1);
    assert.equal(line.length, 0);
  });

  it("serves by priority and arrival across different wishes", () => {
    const labels = { site: "berlin" };
    connectAgent(registry, "a", { maxConcurrency: 1, labels });
    const first = line.acquire(any);
    wait("any first");
    wait("berlin second", { wish: labelled(labels) });
    wait("oslo", { wish: labelled({ site: "oslo" }), priority: 9 });
    wait("berlin urgent", { wish: labelled(labels), priority: 6 });
    first?.slot.release();
    for (const name of ["berlin urgent", "any first"]) grants.get(name)?.slot.release();
    assert.deepEqual(events, ["berlin urgent", "any first", "berlin second"]);
    assert.equal(line.length, 1);
  });

  it("compares wishes by their first place: priority, and arrival between equals alone", () => {
    const labels = { site: "berlin" };
    connectAgent(registry, "a", { maxConcurrency: 1, labels });
    const first = line.acquire(any);
    wait("any 1");
    wait("berlin 2", { wish: labelled(labels) });
    wait("any 3");
    wait("any urgent", { priority: 9 });
    first?.slot.release();
    for (const name of ["any urgent", "any 1", "berlin 2"]) grants.get(name)?.slot.release();
    assert.deepEqual(events, ["any urgent", "any 1", "berlin 2", "any 3"]);
  });

  it("serves as many as a new agent has room for", () => {
    for (const name of ["1", "2", "3"]) wait(name);
    connectAgent(registry, "a", { maxConcurrency: 2 });
    assert.deepEqual(events, ["1", "2"]);
  });

  it("serves when a pause ends", () => {
    const { record } = connectAgent(registry, "a");
    registry.pause(record.id);
    assert.equal(line.acquire(any), undefined);
    wait("1");
    registry.activate(record.id);
    assert.deepEqual(events, ["1"]);
  });

  it("does not give an agent to work that has tried it", () => {
    const { record } = connectAgent(registry, "a", { maxConcurrency: 1 });
    const first = line.acquire(any);
    wait("tried", { priority: 9, wish: { ...any, tried: [record] } });
    wait("fresh");
    first?.slot.release();
    assert.deepEqual(events, ["fresh"]);
    const other = connectAgent(registry, "b");
    assert.deepEqual(events, ["fresh", "tried"]);
    assert.equal(grants.get("tried")?.record, other.record);
  });

  it("lets nobody overtake who waits for the same", () => {
    const { record } = connectAgent(registry, "a", { maxConcurrency: 1 });
    const first = line.acquire(any);
    wait("1");
    // The report of room is swallowed, as if it had been missed.
    record.inFlight = 0;
    mock.timers.tick(99);
    assert.equal(line.acquire(any), undefined);
    mock.timers.tick(1);
    assert.equal(line.acquire(any), undefined);
    assert.deepEqual(events, ["1"]);
    assert.ok(first);
  });

  it("serves who comes when nobody waits for the same any more", () => {
    const { record } = connectAgent(registry, "a", { maxConcurrency: 2 });
    for (let job = 0; job < 2; job++) line.acquire(any);
    wait("1");
    // The report of room is swallowed, as if it had been missed.
    record.inFlight = 0;
    mock.timers.tick(100);
    assert.equal(line.acquire(any)?.record, record);
    assert.deepEqual(events, ["1"]);
  });

  it("does not search the pool again for work that others wait for", () => {
    connectAgent(registry, "a", { maxConcurrency: 1 });
    line.acquire(any);
    line.acquire(any);
    wait("1");
    selections = 0;
    for (let call = 0; call < 100; call++) line.acquire(any);
    assert.equal(selections, 0);
    mock.timers.tick(100);
    for (let call = 0; call < 100; call++) line.acquire(any);
    // One search looks at the pool, and whether its list may have missed somebody.
    assert.ok(selections <= 2, `${selections}`);
    line.acquire(labelled({ site: "oslo" }));
    assert.ok(selections > 0);
  });

  it("faults A25: nobody came free within the wait: no_agent_available, with the reason", () => {
    wait("nobody", { waitMs: 500, wish: labelled({ site: "berlin" }) });
    mock.timers.tick(499);
    assert.deepEqual(events, []);
    mock.timers.tick(1);
    const nobody = "nobody no_agent_available: No connected agent matches label site=berlin";
    assert.deepEqual(events, [nobody]);
    connectAgent(registry, "a", { maxConcurrency: 1 });
    line.acquire(any);
    wait("busy", { waitMs: 500 });
    mock.timers.tick(500);
    assert.equal(events[1], "busy no_agent_available: The only matching agent is busy");
    assert.equal(line.length, 0);
  });

  it("is bounded: overloaded beyond, and open again when somebody has left", () => {
    const places = ["1", "2", "3", "4", "5"].map((name) => wait(name));
    assert.throws(() => wait("6"), { code: "overloaded" });
    line.leave(places[2] as Place);
    wait("7");
    assert.equal(line.length, 5);
  });

  it("forgets who leaves: never granted, never refused, no timer left", () => {
    const place = wait("gone");
    line.leave(place);
    line.leave(place);
    assert.equal(line.length, 0);
    mock.timers.tick(2_000);
    connectAgent(registry, "a");
    assert.deepEqual(events, []);
  });

  it("leaves no timer behind a place that was served", () => {
    wait("1");
    connectAgent(registry, "a");
    mock.timers.tick(2_000);
    assert.deepEqual(events, ["1"]);
  });

  it("close refuses everybody and takes no notice of agents any more", () => {
    wait("1");
    wait("2", { priority: 9 });
    wait("3", { wish: labelled({ site: "oslo" }) });
    line.close();
    const gone = "shutting_down: The orchestrator is shutting down";
    assert.deepEqual(events, [`2 ${gone}`, `1 ${gone}`, `3 ${gone}`]);
    connectAgent(registry, "a");
    assert.equal(line.length, 0);
    assert.throws(() => wait("4"), { code: "shutting_down" });
  });

  describe("for one agent only", () => {
    it("waits for that one though others are free", () => {
      const { record } = connectAgent(registry, "a", { maxConcurrency: 1 });
      const only = wishOf({}, { only: record });
      const first = line.acquire(only);
      connectAgent(registry, "b");
      assert.equal(line.acquire(only), undefined);
      wait("1", { wish: only });
      first?.slot.release();
      assert.equal(grants.get("1")?.record, record);
    });

    for (const how of ["gone", "draining", "paused by an admin", "paused by its operator"]) {
      it(`hears at once that it is ${how}, and no other waiter does`, () => {
        const { record } = connectAgent(registry, "a", { maxConcurrency: 1 });
        const { record: other } = connectAgent(registry, "b", { maxConcurrency: 1 });
        line.acquire(any);
        line.acquire(any);
        wait("1", { wish: wishOf({}, { only: record }) });
        wait("2", { wish: wishOf({}, { only: record }), priority: 9 });
        wait("other", { wish: wishOf({}, { only: other }) });
        wait("any");
        if (how === "gone") registry.dispose(record, "link_a");
        else if (how === "draining") registry.drain(record, "link_a");
        else if (how === "paused by an admin") registry.pause(record.id);
        else registry.setOperatorPause(record, "link_a", "night");
        assert.deepEqual(events, ["2 deserted", "1 deserted"]);
        assert.equal(line.length, 2);
      });
    }

    it("hears nothing of a link that is replaced by a newer one", () => {
      const { record } = connectAgent(registry, "a", { maxConcurrency: 1 });
      const first = line.acquire(any);
      wait("1", { wish: wishOf({}, { only: record }) });
      connectAgent(registry, "a", { maxConcurrency: 1 });
      assert.deepEqual(events, []);
      first?.slot.release();
      assert.deepEqual(events, ["1"]);
    });
  });

  it("survives a waiter that gives its slot back at once", () => {
    connectAgent(registry, "a", { maxConcurrency: 1 });
    const first = line.acquire(any);
    for (const name of ["1", "2", "3"]) {
      const waiter = {
        granted: (grant: Grant) => {
          events.push(name);
          grant.slot.release();
        },
        deserted: () => assert.fail("deserted"),
        refused: () => assert.fail("refused"),
      };
      line.wait(any, { priority: 5, waitMs: 1_000, waiter });
    }
    first?.slot.release();
    assert.deepEqual(events, ["1", "2", "3"]);
  });
});

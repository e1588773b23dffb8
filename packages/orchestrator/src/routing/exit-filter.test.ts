import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compileFilter, matches, type ExitFilter } from "./exit-filter.ts";
import { Pacing } from "./pacing.ts";
import { explainShortage, hasServing } from "./shortage.ts";
import { wish, type Agent } from "./wish-fixture.ts";

function agent(part: Partial<Agent> = {}): Agent {
  return {
    id: "agent_1",
    name: "attic",
    ip: "203.0.113.7",
    labels: { site: "berlin", line: "dsl" },
    link: { startTcp: true },
    inFlight: 0,
    maxConcurrency: 1,
    pausedByAdmin: false,
    pausedByOperator: undefined,
    draining: false,
    ...part,
  };
}

const berlin = compileFilter({ labels: { site: "berlin" } });

function explain(records: readonly Agent[], filter: ExitFilter): string {
  return explainShortage(records, { ...wish(), filter }, { pacing: undefined, nowMs: 0 });
}

describe("compileFilter", () => {
  it("gives equal filters one key, whatever the order of labels", () => {
    const one = compileFilter({ agent: "x", labels: { a: "1", b: "2" } });
    const other = compileFilter({ labels: { b: "2", a: "1" }, agent: "x" });
    assert.equal(one.key, other.key);
  });

  it("gives different filters different keys", () => {
    const filters = [
      compileFilter({}),
      compileFilter({}, true),
      compileFilter({ agent: "a" }),
      compileFilter({ agent: "a" }, true),
      compileFilter({ labels: { a: "b" } }),
      compileFilter({ labels: { a: "b,c" } }),
      compileFilter({ labels: { a: "b", c: "d" } }),
      compileFilter({ labels: { 'a","b': "c" } }),
    ];
    assert.equal(new Set(filters.map(({ key }) => key)).size, filters.length);
  });

  it("does not build anything for work that any agent may do", () => {
    assert.equal(compileFilter({}), compileFilter({ labels: {} }));
  });
});

describe("matches", () => {
  it("asks for every given label", () => {
    assert.ok(matches(agent(), compileFilter({ labels: { site: "berlin", line: "dsl" } })));
    assert.ok(!matches(agent(), compileFilter({ labels: { site: "berlin", line: "fibre" } })));
  });

  it("faults A5, A30: names of Object.prototype match nothing", () => {
    for (const name of ["__proto__", "constructor", "toString"]) {
      const labels = Object.fromEntries([[name, "x"]]);
      assert.ok(!matches(agent(), compileFilter({ labels })));
    }
  });
});

describe("hasServing", () => {
  it("counts a busy agent, but none that was tried, is paused or is elsewhere", () => {
    const busy = agent({ inFlight: 1 });
    assert.ok(hasServing([busy], { ...wish(), filter: berlin }));
    assert.ok(!hasServing([busy], { ...wish(), filter: berlin, tried: [busy] }));
    assert.ok(!hasServing([agent({ pausedByAdmin: true })], { ...wish(), filter: berlin }));
    assert.ok(!hasServing([agent({ labels: {} })], { ...wish(), filter: berlin }));
  });
});

describe("explainShortage", () => {
  it("tells nobody from busy from paused", () => {
    assert.equal(explain([], compileFilter({})), "No agent is connected");
    assert.equal(
      explain([agent({ link: undefined })], berlin),
      "No connected agent matches label site=berlin",
    );
    assert.equal(
      explain([agent()], compileFilter({ agent: "cellar", labels: { site: "oslo" } })),
      "No connected agent matches agent cellar and label site=oslo",
    );
    const busy = [agent({ inFlight: 1 }), agent({ inFlight: 1 }), agent({ inFlight: 1 })];
    assert.equal(
      explain([...busy, agent({ draining: true })], berlin),
      "All 3 matching agents are busy",
    );
    assert.equal(explain([agent({ inFlight: 1 })], berlin), "The only matching agent is busy");
    const paused = [agent({ pausedByAdmin: true }), agent({ pausedByOperator: "night" })];
    assert.equal(explain(paused, berlin), "All 2 matching agents are paused or draining");
    assert.equal(
      explain([agent({ link: {} })], compileFilter({}, true)),
      "No connected agent carries tunnels",
    );
  });

  it("says that pacing is why, when it is", () => {
    const pacing = new Pacing<Agent>({ perSecond: 2, concurrent: undefined });
    const pool = [agent({ maxConcurrency: 8 }), agent({ inFlight: 1 })];
    pacing.begin(pool[0]!, wish().target, 0);
    assert.equal(
      explainShortage(pool, wish<Agent>(), { pacing, nowMs: 100 }),
      "All 2 matching agents are busy or paced: at most 2 requests per second through one exit to example.com",
    );
    assert.equal(
      explainShortage(pool, wish<Agent>({}, { only: pool[0]! }), { pacing, nowMs: 100 }),
      "The session's exit is busy or paced: at most 2 requests per second through one exit to example.com",
    );
    const elsewhere = wish<Agent>({}, { host: "other.example" });
    pool[0]!.inFlight = 8;
    assert.equal(
      explainShortage(pool, elsewhere, { pacing, nowMs: 100 }),
      "All 2 matching agents are busy",
    );
  });

  it("says that it was the session's exit that was waited for", () => {
    const busy = agent({ inFlight: 1 });
    const pool = [busy, agent()];
    const paced = { pacing: undefined, nowMs: 0 };
    assert.equal(
      explainShortage(pool, wish<Agent>({}, { only: busy }), paced),
      "The session's exit is busy",
    );
  });
});

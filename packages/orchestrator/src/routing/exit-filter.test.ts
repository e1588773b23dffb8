import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UNKNOWN_WHEREABOUTS, whereaboutsOf, type Location } from "../agents/location.ts";
import { compileFilter, matches, type ExitFilter } from "./exit-filter.ts";
import { Pacing } from "./pacing.ts";
import type { Targeting } from "./request-options.ts";
import { explainShortage, hasServing } from "./shortage.ts";
import { wish, type Agent } from "./wish-fixture.ts";

function agent(part: Partial<Agent> = {}): Agent {
  return {
    id: "agent_1",
    name: "attic",
    ip: "203.0.113.7",
    labels: { site: "berlin", line: "dsl" },
    whereabouts: UNKNOWN_WHEREABOUTS,
    link: { startTcp: true },
    inFlight: 0,
    maxConcurrency: 1,
    pausedByAdmin: false,
    pausedByOperator: undefined,
    draining: false,
    ...part,
  };
}

function agentAt(location: Location): Agent {
  return agent({ whereabouts: whereaboutsOf(location) });
}

const COLOGNE = { country: "DE", region: "Nordrhein-Westfalen", regionCode: "NW", city: "Köln" };

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
      compileFilter({ country: "DE" }),
      compileFilter({ region: "DE" }),
      compileFilter({ city: "DE" }),
      compileFilter({ city: "DE", asn: 1 }),
      compileFilter({ asn: 1 }),
      compileFilter({ asn: 2 }),
      compileFilter({ agent: "a_b" }),
      compileFilter({ agent: "a b" }),
    ];
    assert.equal(new Set(filters.map(({ key }) => key)).size, filters.length);
  });

  it("gives one place one key, however it is spelt", () => {
    const spellings = [
      { country: "US", region: "New York", city: "São Paulo" },
      { city: "sao_paulo", country: "us", region: "NEW_YORK" },
      { country: "us", region: "new-york", city: "Sa\u0303o Paulo" },
    ];
    const keys = spellings.map((targeting) => compileFilter(targeting).key);
    assert.equal(new Set(keys).size, 1);
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

  it("asks for a link that carries tunnels for a tunnel alone, and not while the agent is away", () => {
    const [job, tunnel] = [compileFilter({}), compileFilter({}, true)];
    const [plain, away] = [agent({ link: {} }), agent({ link: undefined })];
    assert.deepEqual([matches(plain, job), matches(plain, tunnel)], [true, false]);
    assert.deepEqual([matches(away, job), matches(away, tunnel)], [true, true]);
  });

  it("takes _ for a space too in an agent's name and a label's value, and not in an id", () => {
    const home = agent({ id: "a 1", name: "home one", labels: { site: "new york" } });
    const really = agent({ name: "home_one", labels: { site: "new_york" } });
    for (const candidate of [home, really]) {
      assert.ok(matches(candidate, compileFilter({ agent: "home_one" })));
      assert.ok(matches(candidate, compileFilter({ labels: { site: "new_york" } })));
    }
    assert.ok(!matches(really, compileFilter({ agent: "home one" })));
    assert.ok(!matches(home, compileFilter({ agent: "a_1" })));
  });

  const HERE: readonly Targeting[] = [
    { country: "DE" },
    { country: "de" },
    { region: "nordrhein_westfalen" },
    { region: "nw" },
    { region: "DE-NW" },
    { city: "KÖLN" },
    { city: "koln" },
    { asn: 64_496 },
    { country: "DE", region: "NW", city: "Köln", asn: 64_496, agent: "attic" },
  ];
  const ELSEWHERE: readonly Targeting[] = [
    { country: "FR" },
    { region: "BY" },
    { region: "DE" },
    { region: "Köln" },
    { region: "FR-NW" },
    { city: "Bonn" },
    { city: "NW" },
    { asn: 64_497 },
    { country: "DE", city: "Bonn" },
    { country: "FR", city: "Köln" },
    { country: "DE", region: "NW", city: "Köln", asn: 64_497 },
    { country: "DE", agent: "cellar" },
    { country: "DE", labels: { site: "oslo" } },
  ];

  it("asks for country, region by name or code, city and network, all that are given", () => {
    const candidate = agentAt({ ...COLOGNE, asn: 64_496 });
    for (const targeting of HERE) {
      assert.ok(matches(candidate, compileFilter(targeting)), JSON.stringify(targeting));
    }
    for (const targeting of ELSEWHERE) {
      assert.ok(!matches(candidate, compileFilter(targeting)), JSON.stringify(targeting));
    }
  });

  it("finds nobody at a place that is not known of", () => {
    for (const targeting of HERE) {
      assert.ok(!matches(agent(), compileFilter(targeting)), JSON.stringify(targeting));
    }
  });

  it("takes a name nothing is left of for nowhere, not for anywhere", () => {
    for (const name of ["_", "***", " "]) {
      for (const targeting of [{ city: name }, { region: name }, { country: name }]) {
        assert.ok(!matches(agentAt(COLOGNE), compileFilter(targeting)));
        assert.ok(!matches(agentAt({ city: "?", region: "-" }), compileFilter(targeting)));
      }
    }
  });

  it("faults A5, A30: names of Object.prototype match nothing", () => {
    for (const name of ["__proto__", "constructor", "toString"]) {
      const labels = Object.fromEntries([[name, "x"]]);
      assert.ok(!matches(agent(), compileFilter({ labels })));
      const short = Object.fromEntries([[name, "_"]]);
      assert.ok(!matches(agent(), compileFilter({ labels: short })));
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
    assert.equal(
      explain([agent()], compileFilter({ country: "DE", city: "Köln" })),
      "No connected agent matches country DE and city Köln",
    );
    assert.equal(
      explain([agent()], compileFilter({ labels: { a: "b" }, region: "x_y", asn: 7 })),
      "No connected agent matches region x_y and asn 7 and label a=b",
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
      explainShortage(pool, wish(), { pacing, nowMs: 100 }),
      "All 2 matching agents are busy or paced: at most 2 requests per second through one exit to example.com",
    );
    assert.equal(
      explainShortage(pool, wish({}, { only: pool[0]! }), { pacing, nowMs: 100 }),
      "The session's exit is busy or paced: at most 2 requests per second through one exit to example.com",
    );
    assert.equal(
      explainShortage(pool, wish({}, { only: pool[1]! }), { pacing, nowMs: 100 }),
      "The session's exit is busy",
    );
    const elsewhere = wish({}, { host: "other.example" });
    pool[0]!.inFlight = 8;
    for (const full of [elsewhere, wish()]) {
      assert.equal(
        explainShortage(pool, full, { pacing, nowMs: 100 }),
        "All 2 matching agents are busy",
      );
    }
  });

  it("says that it was the session's exit that was waited for", () => {
    const busy = agent({ inFlight: 1 });
    const pool = [busy, agent()];
    const paced = { pacing: undefined, nowMs: 0 };
    assert.equal(
      explainShortage(pool, wish({}, { only: busy }), paced),
      "The session's exit is busy",
    );
  });
});

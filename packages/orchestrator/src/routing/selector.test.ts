import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Pacing } from "./pacing.ts";
import { SELECTION_STRATEGIES, Selector, type SelectionStrategy } from "./selector.ts";
import { agent, agents, randomFrom, wish, type Agent } from "./wish-fixture.ts";

function selectorOf(records: Agent[], strategy: SelectionStrategy): Selector<Agent> {
  return new Selector({ pool: { records }, strategy, random: randomFrom(1) });
}

const anyone = wish();

describe("Selector, every strategy", () => {
  const UNAVAILABLE: Record<string, Partial<Agent>> = {
    offline: { link: undefined },
    busy: { inFlight: 8 },
    draining: { draining: true },
    "paused by the admin": { pausedByAdmin: true },
    "paused by its operator": { pausedByOperator: "outside its hours" },
  };

  for (const strategy of SELECTION_STRATEGIES) {
    for (const size of [2, 40, 200]) {
      it(`${strategy} of ${size}: finds the only available agent`, () => {
        for (const part of Object.values(UNAVAILABLE)) {
          const pool = agents(size, (index) => (index === 1 ? {} : part));
          assert.equal(selectorOf(pool, strategy).select(anyone, 0), pool[1]);
        }
      });

      it(`${strategy} of ${size}: undefined when nobody is available`, () => {
        const pool = agents(size, () => ({ inFlight: 8 }));
        assert.equal(selectorOf(pool, strategy).select(anyone, 0), undefined);
        assert.equal(selectorOf([], strategy).select(anyone, 0), undefined);
      });

      it(`${strategy} of ${size}: honours id, name, labels and what was tried`, () => {
        const pool = agents(size, (index) => ({ labels: { site: index < 2 ? "berlin" : "oslo" } }));
        const selector = selectorOf(pool, strategy);
        assert.equal(selector.select(wish({ agent: "a1" }), 0), pool[1]);
        assert.equal(selector.select(wish({ agent: "agent_a0" }), 0), pool[0]);
        assert.equal(
          selector.select(wish({ agent: "a1", labels: { site: "oslo" } }), 0),
          undefined,
        );
        const berlin = wish({ labels: { site: "berlin" } }, { tried: pool.slice(0, 1) });
        for (let turn = 0; turn < 5; turn++) assert.equal(selector.select(berlin, 0), pool[1]);
        assert.equal(
          selector.select(wish({ labels: { site: "berlin" } }, { tried: pool }), 0),
          undefined,
        );
      });

      it(`${strategy} of ${size}: a tunnel needs a link that carries tunnels`, () => {
        const pool = agents(size, (index) => (index === 1 ? {} : { link: {} }));
        const tunnel = wish({}, { tunnel: true });
        const selector = selectorOf(pool, strategy);
        for (let turn = 0; turn < 5; turn++) assert.equal(selector.select(tunnel, 0), pool[1]);
      });
    }
  }
});

describe("Selector, round-robin", () => {
  it("rotates over all agents", () => {
    const pool = agents(5);
    const selector = selectorOf(pool, "round-robin");
    const picks = Array.from({ length: 10 }, () => selector.select(anyone, 0)?.name);
    assert.deepEqual(picks, ["a0", "a1", "a2", "a3", "a4", "a0", "a1", "a2", "a3", "a4"]);
  });

  it("rotates per filter: other filters do not disturb the turn", () => {
    const pool = agents(6, (index) => ({ labels: { side: index % 2 === 0 ? "even" : "odd" } }));
    const selector = selectorOf(pool, "round-robin");
    const picks: (string | undefined)[] = [];
    for (let turn = 0; turn < 6; turn++) {
      picks.push(selector.select(wish({ labels: { side: "odd" } }), 0)?.name);
      selector.select(anyone, 0);
      selector.select(wish({ labels: { side: "even" } }), 0);
    }
    assert.deepEqual(picks, ["a1", "a3", "a5", "a1", "a3", "a5"]);
  });

  it("goes on when the pool has shrunk behind it", () => {
    const pool = agents(5);
    const selector = selectorOf(pool, "round-robin");
    for (let turn = 0; turn < 5; turn++) selector.select(anyone, 0);
    pool.length = 2;
    assert.equal(selector.select(anyone, 0), pool[0]);
  });
});

describe("Selector, round-robin, when agents are passed over", () => {
  it("leaves the turn of other targets as fair as before, and spreads what is left", () => {
    // Not a multiple of three, so that the two targets' turns do not fall into step.
    const pool = agents(7);
    const selector = selectorOf(pool, "round-robin");
    const shop = wish({}, { host: "shop.example" });
    for (const record of pool.slice(3)) {
      for (let failure = 0; failure < 3; failure++) {
        selector.failed(record, shop, { code: "dns_failed", ms: 1, nowMs: 0 });
      }
    }
    const counts = new Map<string, number>();
    const random = randomFrom(2);
    for (let turn = 0; turn < 3_000; turn++) {
      const target = random() < 1 / 3 ? shop : anyone;
      const name = `${target === shop ? "shop" : "any"} ${selector.select(target, 0)?.name}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const index of [0, 1, 2]) assert.ok(counts.get(`shop a${index}`)! > 200);
    assert.equal([...counts.keys()].filter((name) => name.startsWith("shop")).length, 3);
    for (const record of pool) assert.ok(counts.get(`any ${record.name}`)! > 250);
  });
});

describe("Selector, random", () => {
  it("reaches everybody about equally", () => {
    const pool = agents(4, (index) => (index === 1 ? { inFlight: 8 } : {}));
    const selector = selectorOf(pool, "random");
    const counts = new Map<Agent | undefined, number>();
    for (let turn = 0; turn < 3_000; turn++) {
      const picked = selector.select(anyone, 0);
      counts.set(picked, (counts.get(picked) ?? 0) + 1);
    }
    for (const index of [0, 2, 3]) assert.ok(Math.abs(counts.get(pool[index])! - 1_000) < 150);
  });
});

describe("Selector, least-busy", () => {
  it("picks the smallest share of concurrency in a small pool", () => {
    const pool = [
      agent("half", { inFlight: 4 }),
      agent("quarter", { inFlight: 25, maxConcurrency: 100 }),
      agent("one", { inFlight: 1, maxConcurrency: 2 }),
    ];
    assert.equal(selectorOf(pool, "least-busy").select(anyone, 0), pool[1]);
  });

  it("spreads work over a large pool: nobody is far above the mean", () => {
    const pool = agents(200, () => ({ maxConcurrency: 1_000 }));
    const selector = selectorOf(pool, "least-busy");
    for (let job = 0; job < 2_000; job++) selector.select(anyone, 0)!.inFlight++;
    assert.ok(Math.max(...pool.map(({ inFlight }) => inFlight)) <= 14);
  });
});

describe("Selector, fastest", () => {
  it("picks the agent that has answered fastest", () => {
    const pool = agents(3);
    const selector = selectorOf(pool, "fastest");
    for (const [index, ms] of [80, 20, 50].entries())
      selector.succeeded(pool[index]!, anyone, { ms: ms, nowMs: 0 });
    assert.equal(selector.select(anyone, 0), pool[1]);
  });

  it("tries an agent that was never measured, with one job at a time", () => {
    const pool = agents(3);
    const selector = selectorOf(pool, "fastest");
    selector.succeeded(pool[0]!, anyone, { ms: 20, nowMs: 0 });
    selector.succeeded(pool[1]!, anyone, { ms: 30, nowMs: 0 });
    assert.equal(selector.select(anyone, 0), pool[2]);
    selector.chosen(pool[2]!, anyone, 0);
    assert.equal(selector.select(anyone, 0), pool[0]);
  });

  it("follows a change, and weighs work in flight", () => {
    const pool = agents(2);
    const selector = selectorOf(pool, "fastest");
    selector.succeeded(pool[0]!, anyone, { ms: 20, nowMs: 0 });
    selector.succeeded(pool[1]!, anyone, { ms: 30, nowMs: 0 });
    pool[0]!.inFlight = 1;
    assert.equal(selector.select(anyone, 0), pool[1]);
    pool[0]!.inFlight = 0;
    for (let answer = 1; answer <= 20; answer++)
      selector.succeeded(pool[0]!, anyone, { ms: 200, nowMs: answer });
    assert.equal(selector.select(anyone, 20), pool[1]);
  });

  it("tries a slow agent again after a while", () => {
    const pool = agents(2);
    const selector = selectorOf(pool, "fastest");
    selector.succeeded(pool[0]!, anyone, { ms: 20, nowMs: 0 });
    selector.succeeded(pool[1]!, anyone, { ms: 2_000, nowMs: 0 });
    selector.succeeded(pool[0]!, anyone, { ms: 20, nowMs: 240_000 });
    assert.equal(selector.select(anyone, 240_000), pool[1]);
  });

  it("does not take an agent that fails at once for a fast one", () => {
    const pool = agents(2);
    const selector = selectorOf(pool, "fastest");
    selector.succeeded(pool[0]!, anyone, { ms: 300, nowMs: 0 });
    selector.failed(pool[1]!, anyone, { code: "agent_lost", ms: 1, nowMs: 0 });
    assert.equal(selector.select(anyone, 0), pool[0]);
  });
});

describe("Selector, fastest, by target", () => {
  const near = wish({}, { host: "near.example" });
  const far = wish({}, { host: "www.far.example" });

  it("compares the times of the target's domain alone", () => {
    const pool = agents(2);
    const selector = selectorOf(pool, "fastest");
    for (const [index, ms] of [10, 20].entries()) {
      selector.succeeded(pool[index]!, near, { ms, nowMs: 0 });
      selector.succeeded(pool[index]!, far, { ms: 500 - 10 * ms, nowMs: 0 });
    }
    assert.equal(selector.select(near, 0), pool[0]);
    assert.equal(selector.select(wish({}, { host: "api.far.example" }), 0), pool[1]);
  });

  it("compares jobs with jobs and tunnels with tunnels", () => {
    const pool = agents(2);
    const selector = selectorOf(pool, "fastest");
    const tunnel = wish({}, { host: "near.example", tunnel: true });
    for (const [index, ms] of [100, 120].entries()) {
      selector.succeeded(pool[index]!, near, { ms, nowMs: 0 });
      selector.succeeded(pool[index]!, tunnel, { ms: 20 - 10 * index, nowMs: 0 });
    }
    assert.equal(selector.select(near, 0), pool[0]);
    assert.equal(selector.select(tunnel, 0), pool[1]);
  });

  it("sends one request to find out about an agent, however many come at once", () => {
    const pool = agents(2);
    const selector = selectorOf(pool, "fastest");
    selector.succeeded(pool[0]!, near, { ms: 20, nowMs: 0 });
    // It works for others: that is no reason not to try it.
    pool[1]!.inFlight = 3;
    const picks = Array.from({ length: 5 }, () => {
      const picked = selector.select(near, 0)!;
      selector.chosen(picked, near, 0);
      return picked.name;
    });
    assert.deepEqual(picks, ["a1", "a0", "a0", "a0", "a0"]);
  });

  it("in a large pool, mostly stays with agents whose times are known", () => {
    const pool = agents(200);
    const selector = selectorOf(pool, "fastest");
    const known = new Set(pool.filter((_, index) => index % 2 === 0));
    for (const record of known) selector.succeeded(record, near, { ms: 20, nowMs: 0 });
    const picks = Array.from({ length: 1_000 }, () => selector.select(near, 0)!);
    const share = picks.filter((record) => known.has(record)).length / picks.length;
    assert.ok(share > 0.65 && share < 0.85, `${share}`);
  });
});

describe("Selector, one exit or one address", () => {
  for (const strategy of SELECTION_STRATEGIES) {
    it(`${strategy}: no other than the one that is asked for, even when it cools down`, () => {
      const pool = agents(200);
      const selector = selectorOf(pool, strategy);
      const only = wish({}, { only: pool[7]! });
      assert.equal(selector.select(only, 0), pool[7]);
      for (let failure = 0; failure < 3; failure++) {
        selector.failed(pool[7]!, only, { code: "agent_lost", ms: 1, nowMs: 0 });
      }
      assert.equal(selector.select(only, 0), pool[7]);
      pool[7]!.inFlight = 8;
      assert.equal(selector.select(only, 0), undefined);
    });

    it(`${strategy}: only agents with the address`, () => {
      const pool = agents(200, (index) => ({ ip: `198.51.100.${index % 100}` }));
      const selector = selectorOf(pool, strategy);
      const there = wish({}, { ip: "198.51.100.7" });
      for (let turn = 0; turn < 5; turn++) {
        assert.equal(selector.select(there, 0)?.ip, "198.51.100.7");
      }
      pool[7]!.link = undefined;
      assert.equal(selector.select(there, 0), pool[107]);
      pool[107]!.inFlight = 8;
      assert.equal(selector.select(there, 0), undefined);
    });
  }
});

describe("Selector, pacing", () => {
  const shop = wish({}, { host: "shop.example" });
  const news = wish({}, { host: "news.example" });

  for (const strategy of SELECTION_STRATEGIES) {
    it(`${strategy}: passes over an exit until it may go there again`, () => {
      const pool = agents(40);
      const pacing = new Pacing<Agent>({ perSecond: 1, concurrent: undefined });
      const random = randomFrom(1);
      const selector = new Selector({ pool: { records: pool }, strategy, random, pacing });
      const picks = new Set<Agent>();
      for (const _ of pool) {
        const picked = selector.select(shop, 0)!;
        pacing.begin(picked, shop.target, 0);
        picks.add(picked);
      }
      assert.equal(picks.size, 40);
      assert.equal(selector.select(shop, 999), undefined);
      assert.ok(selector.select(news, 0));
      assert.ok(selector.select(shop, 1_000));
    });
  }

  it("opensAtMs: when the first matching exit may go again; infinite when time does not help", () => {
    const pool = agents(4);
    const pacing = new Pacing<Agent>({ perSecond: 1, concurrent: 1 });
    const selector = new Selector({
      pool: { records: pool },
      strategy: "round-robin",
      random: () => 0,
      pacing,
    });
    assert.equal(selector.opensAtMs(shop, 0), Number.POSITIVE_INFINITY);
    for (const [index, record] of pool.entries()) {
      const pace = pacing.begin(record, shop.target, 100 * index);
      if (index > 1) pace.end(100 * index);
    }
    pool[3]!.inFlight = 8;
    assert.equal(selector.opensAtMs(shop, 500), 1_200);
    assert.equal(
      selector.opensAtMs(wish({}, { host: "shop.example", only: pool[3]! }), 500),
      1_300,
    );
    assert.equal(
      selector.opensAtMs(wish({}, { host: "shop.example", tried: pool.slice(2) }), 500),
      Number.POSITIVE_INFINITY,
    );
    pool[2]!.draining = true;
    assert.equal(selector.opensAtMs(shop, 500), 1_300);
    assert.equal(selector.opensAtMs(shop, 1_300), Number.POSITIVE_INFINITY);
  });
});

describe("Selector, narrow filters in a large pool", () => {
  it("finds an agent that came to match a moment ago", () => {
    const pool = agents(500, (index) => (index === 3 ? { labels: { site: "berlin" } } : {}));
    const selector = selectorOf(pool, "round-robin");
    const berlin = wish({ labels: { site: "berlin" } });
    assert.equal(selector.select(berlin, 0), pool[3]);
    pool[3]!.inFlight = 8;
    pool[400]!.labels = { site: "berlin" };
    assert.equal(selector.select(berlin, 10), pool[400]);
  });

  it("does not pick an agent that has ceased to match", () => {
    const pool = agents(500, (index) => (index === 3 ? { labels: { site: "berlin" } } : {}));
    const selector = selectorOf(pool, "round-robin");
    const berlin = wish({ labels: { site: "berlin" } });
    assert.equal(selector.select(berlin, 0), pool[3]);
    pool[3]!.labels = {};
    assert.equal(selector.select(berlin, 10), undefined);
  });

  it("remembers a bounded number of filters and still finds everybody", () => {
    const pool = agents(500, (index) => ({ labels: { n: `${index}` } }));
    const selector = selectorOf(pool, "round-robin");
    for (let round = 0; round < 2; round++) {
      for (const record of pool) {
        assert.equal(selector.select(wish({ labels: record.labels }), 0), record);
      }
    }
  });

  it("compares ten thousand agents once a second, not per call", () => {
    let compared = 0;
    const pool = agents(10_000);
    for (const record of pool) {
      Object.defineProperty(record, "labels", {
        get: () => {
          compared++;
          return {};
        },
      });
    }
    const selector = selectorOf(pool, "least-busy");
    for (let call = 0; call < 10; call++) selector.select(wish({ labels: { site: "berlin" } }), 5);
    assert.equal(compared, 10_000);
  });
});

/** How long choosing one of 10,000 agents takes, by strategy, by how much the filter leaves, and by what holds agents back. */
import { whereaboutsOf } from "porchlight/agents/location";
import {
  SELECTION_STRATEGIES,
  Selector,
  type SelectionStrategy,
} from "porchlight/routing/selector";
import { compileFilter, type ExitFilter, type ExitWish } from "porchlight/routing/exit-filter";
import type { Candidate } from "porchlight/routing/candidate";
import { Pacing } from "porchlight/routing/pacing";
import { Target } from "porchlight/routing/target";

const AGENTS = 10_000;
const ROUNDS = 20_000;

/** `docs/benchmarks.md` holds this bound. */
const BOUND_US = 20;

/** Domains that every agent has been to. */
const DOMAINS = 8;

function agent(index: number, busyShare: number): Candidate {
  const maxConcurrency = 8;
  return {
    id: `agent_${index}`,
    name: `home-${index}`,
    ip: `203.0.113.${index % 256}`,
    labels: { site: `site-${index % 100}`, tier: index % 2 === 0 ? "gold" : "silver" },
    whereabouts: whereaboutsOf({
      country: index % 2 === 0 ? "DE" : "FR",
      region: `Region ${index % 16}`,
      city: `City ${index % 100}`,
      asn: 64_496 + (index % 8),
    }),
    link: { startTcp: true },
    inFlight: index % 100 < busyShare * 100 ? maxConcurrency : index % 3,
    maxConcurrency,
    pausedByAdmin: false,
    pausedByOperator: undefined,
    draining: false,
  };
}

const FILTERS: Readonly<Record<string, ExitFilter>> = {
  any: compileFilter({}),
  "1 in 2": compileFilter({ labels: { tier: "gold" } }),
  "1 in 100": compileFilter({ labels: { site: "site-99" } }),
  "country, 1 in 2": compileFilter({ country: "DE" }),
  "city, 1 in 100": compileFilter({ country: "FR", city: "city_99" }),
  "1 of all": compileFilter({ agent: "home-9999" }),
};

interface Scene {
  readonly busyShare: number;
  /** Share of the agents whose breaker for the target is open. */
  readonly coolShare: number;
  /** Share of the agents that pacing holds back from the target; `undefined` without pacing. */
  readonly pacedShare: number | undefined;
}

const SCENES: Readonly<Record<string, Scene>> = {
  "all free": { busyShare: 0, coolShare: 0, pacedShare: undefined },
  "9 in 10 busy": { busyShare: 0.9, coolShare: 0, pacedShare: undefined },
  "half cool down": { busyShare: 0, coolShare: 0.5, pacedShare: undefined },
  "all cool down": { busyShare: 0, coolShare: 1, pacedShare: undefined },
  "half paced": { busyShare: 0, coolShare: 0, pacedShare: 0.5 },
  "half paced, half cool down": { busyShare: 0, coolShare: 0.5, pacedShare: 0.5 },
};

/** In no order that any filter shares; the last agent, the only one of its filter, is among them when all are. */
function isAmong(index: number, share: number): boolean {
  return (((index + 2) * 7_919) % AGENTS) / AGENTS < share;
}

const SHOP = "www.shop.example";

function setUp(scene: Scene, strategy: SelectionStrategy): Selector<Candidate> {
  const { busyShare, coolShare, pacedShare } = scene;
  const records = Array.from({ length: AGENTS }, (_, index) => agent(index, busyShare));
  // So slow that nobody held back comes free while it runs.
  const pacing =
    pacedShare === undefined
      ? undefined
      : new Pacing<Candidate>({ perSecond: 0.001, concurrent: undefined });
  const selector = new Selector({ pool: { records }, strategy, random: Math.random, pacing });
  const nowMs = performance.now();
  const shop = wishFor(compileFilter({}));
  for (const [index, record] of records.entries()) {
    for (let domain = 0; domain < DOMAINS; domain++) {
      const wish = { ...shop, target: new Target(domain === 0 ? SHOP : `${domain}.example`) };
      selector.succeeded(record, wish, { ms: 20 + (index % 100), nowMs });
    }
    for (let failure = 0; failure < 3 && isAmong(index, coolShare); failure++) {
      selector.failed(record, shop, { code: "connection_refused", ms: 1, nowMs });
    }
    if (isAmong(index, pacedShare ?? 0)) pacing?.begin(record, shop.target, nowMs).end(nowMs);
  }
  return selector;
}

function wishFor(filter: ExitFilter): ExitWish<Candidate> {
  return { filter, tried: [], target: new Target(SHOP) };
}

/** Mean of many selections, each for a target whose domain is not known yet. Microseconds. */
function measureUs(selector: Selector<Candidate>, filter: ExitFilter): number {
  const startMs = performance.now();
  for (let round = 0; round < ROUNDS; round++) selector.select(wishFor(filter), performance.now());
  return ((performance.now() - startMs) * 1000) / ROUNDS;
}

console.log(`Selection among ${AGENTS} agents, µs each (bound ${BOUND_US})\n`);
const columns = ["strategy", "agents", ...Object.keys(FILTERS)];
console.log(`| ${columns.join(" | ")} |\n| ${columns.map(() => "---").join(" | ")} |`);
let slowestUs = 0;
for (const [name, scene] of Object.entries(SCENES)) {
  for (const strategy of SELECTION_STRATEGIES) {
    const selector = setUp(scene, strategy);
    const cells = Object.values(FILTERS).map((filter) => {
      measureUs(selector, filter);
      const us = measureUs(selector, filter);
      slowestUs = Math.max(slowestUs, us);
      return us.toFixed(2);
    });
    console.log(`| ${strategy} | ${name} | ${cells.join(" | ")} |`);
  }
}
console.log(`\nSlowest: ${slowestUs.toFixed(2)} µs`);

/** How long choosing one of 10,000 agents takes, by strategy and by how much the filter leaves. */
import { whereaboutsOf } from "porchlight/agents/location";
import { SELECTION_STRATEGIES, Selector } from "porchlight/routing/selector";
import { compileFilter, type ExitFilter } from "porchlight/routing/exit-filter";
import { Target } from "porchlight/routing/target";
import type { Candidate } from "porchlight/routing/candidate";

const AGENTS = 10_000;
const ROUNDS = 20_000;

/** `docs/benchmarks.md` holds this bound. */
const BOUND_US = 20;

function agent(index: number, busyShare: number): Candidate {
  const maxConcurrency = 8;
  return {
    id: `agent_${index}`,
    name: `home-${index}`,
    ip: "203.0.113.7",
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

/** Mean of many selections. Microseconds. */
function measureUs(selector: Selector<Candidate>, filter: ExitFilter): number {
  const wish = {
    filter,
    tried: [],
    target: new Target("www.example.com"),
    only: undefined,
    ip: undefined,
  };
  const startMs = performance.now();
  for (let round = 0; round < ROUNDS; round++) selector.select(wish, performance.now());
  return ((performance.now() - startMs) * 1000) / ROUNDS;
}

console.log(`Selection among ${AGENTS} agents, µs each (bound ${BOUND_US})\n`);
console.log(`| strategy | busy | ${Object.keys(FILTERS).join(" | ")} |`);
console.log(
  `| --- | --- | ${Object.keys(FILTERS)
    .map(() => "---")
    .join(" | ")} |`,
);
let slowestUs = 0;
for (const busyShare of [0, 0.9]) {
  const pool = { records: Array.from({ length: AGENTS }, (_, index) => agent(index, busyShare)) };
  for (const strategy of SELECTION_STRATEGIES) {
    const selector = new Selector({ pool, strategy, random: Math.random });
    const cells = Object.values(FILTERS).map((filter) => {
      measureUs(selector, filter);
      const us = measureUs(selector, filter);
      slowestUs = Math.max(slowestUs, us);
      return us.toFixed(2);
    });
    console.log(`| ${strategy} | ${busyShare * 100} % | ${cells.join(" | ")} |`);
  }
}
console.log(`\nSlowest: ${slowestUs.toFixed(2)} µs`);

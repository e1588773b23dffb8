/** Wishes and agents for tests of routing and of those that use it. */
import { UNKNOWN_WHEREABOUTS } from "../agents/location.ts";
import type { Candidate } from "./candidate.ts";
import { compileFilter, type ExitWish } from "./exit-filter.ts";
import type { Targeting } from "./request-options.ts";
import { Target } from "./target.ts";

/** An agent whose state a test changes. */
export type Agent = { -readonly [Key in keyof Candidate]: Candidate[Key] };

/** An idle agent with room for eight. */
export function agent(name: string, part: Partial<Agent> = {}): Agent {
  return {
    id: `agent_${name}`,
    name,
    ip: "203.0.113.7",
    labels: {},
    whereabouts: UNKNOWN_WHEREABOUTS,
    link: { startTcp: true },
    inFlight: 0,
    maxConcurrency: 8,
    pausedByAdmin: false,
    pausedByOperator: undefined,
    draining: false,
    ...part,
  };
}

/** Agents `a0`, `a1`, … */
export function agents(
  count: number,
  part: (index: number) => Partial<Agent> = () => ({}),
): Agent[] {
  return Array.from({ length: count }, (_, index) => agent(`a${index}`, part(index)));
}

interface WishParts<R> {
  readonly tunnel?: boolean;
  readonly tried?: readonly R[];
  readonly host?: string;
  readonly only?: R;
  readonly ip?: string;
}

/** A job for example.com, unless told. */
export function wish<R = Agent>(wanted: Targeting = {}, parts: WishParts<R> = {}): ExitWish<R> {
  const { tunnel = false, tried = [], host = "example.com", only, ip } = parts;
  return { filter: compileFilter(wanted, tunnel), tried, target: new Target(host), only, ip };
}

/** Deterministic numbers in [0, 1). Source: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What an exit has to be: a client's targeting, compiled once per job so that thousands of agents are compared cheaply. */
import type { Candidate } from "./candidate.ts";
import { compilePlace, isAt, type WantedPlace } from "./exit-place.ts";
import { matchesText } from "./matches-text.ts";
import type { Targeting } from "./request-options.ts";
import type { Target } from "./target.ts";

/** Compiled targeting; everything given has to match. */
export interface ExitFilter {
  /** The same for equal filters, different for others; empty when every agent will do. */
  readonly key: string;
  /** Asks for more than any agent, so that it may match few out of many. */
  readonly narrow: boolean;
  /** As the client gave it. */
  readonly targeting: Targeting;
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly place: WantedPlace | undefined;
  /** The agent's link has to carry tunnels. */
  readonly tunnel: boolean;
}

/** What one selection asks for. */
export interface ExitWish<R> {
  readonly filter: ExitFilter;
  /** Agents that have failed this work already. */
  readonly tried: readonly R[];
  readonly target: Target;
  /** No other will do: a sticky session is on it. */
  readonly only?: R | undefined;
  /** Only agents with this public address. */
  readonly ip?: string | undefined;
}

const ANY_EXIT: ExitFilter = {
  key: "",
  narrow: false,
  targeting: {},
  labels: [],
  place: undefined,
  tunnel: false,
};

const ANY_TUNNEL: ExitFilter = { ...ANY_EXIT, key: "tunnel", tunnel: true };

/** Compiles a client's targeting; `tunnel` asks for an agent that carries tunnels. */
export function compileFilter(targeting: Targeting, tunnel = false): ExitFilter {
  const labels = targeting.labels === undefined ? [] : Object.entries(targeting.labels);
  const { agent } = targeting;
  const place = compilePlace(targeting);
  if (agent === undefined && labels.length === 0 && place === undefined) {
    return tunnel ? ANY_TUNNEL : ANY_EXIT;
  }
  labels.sort(([a], [b]) => (a < b ? -1 : 1));
  const key = JSON.stringify([agent, labels, place, tunnel]);
  return { key, narrow: true, targeting, labels, place, tunnel };
}

/** Whether an agent is what the filter asks for, whatever it is doing at the moment. */
export function matches(candidate: Candidate, filter: ExitFilter): boolean {
  const { labels, place } = filter;
  const { agent } = filter.targeting;
  const isNamed = agent === undefined || candidate.id === agent;
  if (!isNamed && !matchesText(candidate.name, agent)) return false;
  if (place !== undefined && !isAt(candidate.whereabouts, place)) return false;
  for (const label of labels) {
    if (!matchesText(candidate.labels[label[0]], label[1])) return false;
  }
  return !filter.tunnel || candidate.link === undefined || candidate.link.startTcp !== undefined;
}

/** Whether an agent is what the wish asks for, whatever it is doing at the moment. */
export function isWished<R extends Candidate>(record: R, wish: ExitWish<R>): boolean {
  return (
    (wish.only === undefined || wish.only === record) &&
    (wish.ip === undefined || wish.ip === record.ip) &&
    matches(record, wish.filter) &&
    !wish.tried.includes(record)
  );
}

/** The filter in words, as the client gave it, for error messages: `agent attic and label site=berlin`. */
export function describeFilter({ targeting, labels }: ExitFilter): string {
  const { agent, country, region, city, asn } = targeting;
  const fields = Object.entries({ agent, country, region, city, asn });
  const parts = fields.flatMap(([name, value]) => (value === undefined ? [] : `${name} ${value}`));
  return [...parts, ...labels.map(([name, value]) => `label ${name}=${value}`)].join(" and ");
}

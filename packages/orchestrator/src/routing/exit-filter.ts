/** What an exit has to be: a client's targeting, compiled once per job so that thousands of agents are compared cheaply. */
import type { Labels } from "@porchlight/protocol/message";
import type { Candidate } from "./candidate.ts";
import type { Target } from "./target.ts";

/** The part of a client's targeting that is judged here; everything given has to match. */
interface Wanted {
  /** Id or name. */
  readonly agent?: string;
  readonly labels?: Labels;
}

/** Compiled targeting. */
export interface ExitFilter {
  /** The same for equal filters, different for others; empty when every agent will do. */
  readonly key: string;
  /** Names an agent or labels, so that it may match few out of many. */
  readonly narrow: boolean;
  readonly agent: string | undefined;
  readonly labels: readonly (readonly [name: string, value: string])[];
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
  agent: undefined,
  labels: [],
  tunnel: false,
};

const ANY_TUNNEL: ExitFilter = { ...ANY_EXIT, key: "tunnel", tunnel: true };

/** Compiles a client's targeting; `tunnel` asks for an agent that carries tunnels. */
export function compileFilter(wanted: Wanted, tunnel = false): ExitFilter {
  const labels = wanted.labels === undefined ? [] : Object.entries(wanted.labels);
  const { agent } = wanted;
  if (agent === undefined && labels.length === 0) return tunnel ? ANY_TUNNEL : ANY_EXIT;
  labels.sort(([a], [b]) => (a < b ? -1 : 1));
  const key = JSON.stringify([agent ?? null, labels, tunnel]);
  return { key, narrow: true, agent, labels, tunnel };
}

/** Whether an agent is what the filter asks for, whatever it is doing at the moment. */
export function matches(candidate: Candidate, filter: ExitFilter): boolean {
  const { agent, labels } = filter;
  if (agent !== undefined && candidate.id !== agent && candidate.name !== agent) return false;
  for (const label of labels) {
    if (candidate.labels[label[0]] !== label[1]) return false;
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

/** The filter in words, for error messages: `agent attic and label site=berlin`. */
export function describeFilter(filter: ExitFilter): string {
  const parts = filter.labels.map(([name, value]) => `label ${name}=${value}`);
  if (filter.agent !== undefined) parts.unshift(`agent ${filter.agent}`);
  return parts.join(" and ");
}

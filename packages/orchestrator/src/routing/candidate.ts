/** What routing reads of an agent: the registry's records have this shape. */
import type { Labels } from "@porchlight/protocol/message";
import type { Whereabouts } from "../agents/location.ts";

/** One agent as a possible exit. */
export interface Candidate {
  readonly id: string;
  readonly name: string;
  /** Public address, as observed. */
  readonly ip: string;
  readonly labels: Labels;
  readonly whereabouts: Whereabouts;
  /** The current link, `undefined` while the agent is away; only links with `startTcp` carry tunnels. */
  readonly link: { readonly startTcp?: unknown } | undefined;
  readonly inFlight: number;
  readonly maxConcurrency: number;
  readonly pausedByAdmin: boolean;
  readonly pausedByOperator: string | undefined;
  readonly draining: boolean;
}

/** Whether an agent takes work at all: connected, not paused by anybody, not leaving. */
export function isServing(candidate: Candidate): boolean {
  return (
    candidate.link !== undefined &&
    !candidate.draining &&
    !candidate.pausedByAdmin &&
    candidate.pausedByOperator === undefined
  );
}

/** Whether an agent takes one more job or tunnel at this moment. */
export function isAvailable(candidate: Candidate): boolean {
  return candidate.inFlight < candidate.maxConcurrency && isServing(candidate);
}

import type { ErrorCode } from "@porchlight/protocol/errors";
import type { TunnelRequest } from "../tunnels/tunnel-request.ts";

/** How a client asks. */
export type DoorName = TunnelRequest["door"];

/** How often a door has refused for one reason. */
export interface RefusalCount {
  readonly door: DoorName;
  readonly code: ErrorCode;
  readonly count: number;
}

/** Counts what is refused before a tunnel is asked for; from there on the tunnels are counted. */
export class Refusals {
  readonly #counts = new Map<string, RefusalCount>();

  /** Since the start; what has not been refused yet is not there. */
  get counts(): readonly RefusalCount[] {
    return [...this.#counts.values()];
  }

  /** Counts one. */
  count(door: DoorName, code: ErrorCode): void {
    const key = `${door} ${code}`;
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.set(key, { door, code, count });
  }
}

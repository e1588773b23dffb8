import type { Clock } from "@porchlight/runtime/clock";
import type { Logger } from "@porchlight/runtime/logger";
import type { Principal } from "../accounts/principal.ts";
import type { Registry } from "../agents/registry.ts";
import type { GatewayCounters } from "./counters.ts";
import type { JobOwners } from "./job-owners.ts";

/** Where links log: what an operator should know, what agents do wrong, and faults of ours. */
export type GatewayLogger = Pick<Logger, "info" | "warn" | "error">;

/** What all links of the gateway share. */
export interface GatewayContext {
  readonly registry: Registry;
  readonly jobs: JobOwners;
  readonly counters: GatewayCounters;
  readonly logger: GatewayLogger;
  readonly clock: Clock;
  /** Ping interval; two silent ones mean dead. */
  readonly heartbeatMs: number;
  /** Largest response body that fits into one message of the JSON profile. */
  readonly maxBodyBytes: number;
}

/** Who has come through the door: known by key, observed by address. */
export interface Visitor {
  readonly principal: Principal;
  readonly ip: string;
}

import { type TargetPolicy } from "@porchlight/runtime/target-policy";
import { localNetworks } from "@porchlight/runtime/target-policy-local";

/** How long the list of this machine's networks is believed: a laptop changes them. Milliseconds. */
const NETWORKS_MAX_AGE_MS = 10_000;

/** The operator's target policy together with the networks this machine is on at the moment (faults A16, G17). */
export class HomePolicy {
  readonly #rules: TargetPolicy;
  readonly #readNetworks: typeof localNetworks;
  #current: TargetPolicy;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    rules: TargetPolicy,
    readNetworks: () => ReturnType<typeof localNetworks> = localNetworks,
  ) {
    this.#rules = rules;
    this.#readNetworks = readNetworks;
    this.#current = rules;
  }

  /** The policy to judge a connection by; time is monotonic milliseconds. */
  at(nowMs: number): TargetPolicy {
    if (nowMs - this.#readAtMs >= NETWORKS_MAX_AGE_MS) {
      this.#readAtMs = nowMs;
      this.#current = { ...this.#rules, local: this.#readNetworks() };
    }
    return this.#current;
  }
}

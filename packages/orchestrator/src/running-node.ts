import type { Logger } from "@porchlight/runtime/logger";
import type { Authenticator } from "./accounts/authenticator.ts";
import type { Registry } from "./agents/registry.ts";
import type { BoundAddress } from "./http-listener.ts";
import type { Dispatcher } from "./jobs/dispatcher.ts";
import type { WaitingLine } from "./jobs/waiting-line.ts";
import type { Tunnels } from "./tunnels/tunnels.ts";

/** Whether new work is welcome: what `/readyz` says. */
export interface Readiness {
  ready: boolean;
}

/** What a running node is made of. */
export interface NodeParts {
  readonly apiAddress: BoundAddress;
  /** `undefined` when no proxy listens. */
  readonly proxyAddress: BoundAddress | undefined;
  readonly registry: Registry;
  readonly waitingLine: WaitingLine;
  readonly dispatcher: Dispatcher;
  readonly tunnels: Tunnels;
  readonly authenticator: Authenticator;
}

/** What a node needs to end. */
export interface NodeEnding {
  readonly readiness: Readiness;
  /** Asks every agent to finish its work and to go elsewhere. */
  readonly door: { drain(reason: string): void };
  /** How long running work may go on. Milliseconds. */
  readonly drainMs: number;
  /** Closes doors, store and timers. */
  readonly cleanUp: AsyncDisposableStack;
  readonly logger: Pick<Logger, "warn">;
}

/** An orchestrator that has started. */
export class RunningNode implements NodeParts, AsyncDisposable {
  readonly apiAddress: BoundAddress;
  readonly proxyAddress: BoundAddress | undefined;
  readonly registry: Registry;
  readonly waitingLine: WaitingLine;
  readonly dispatcher: Dispatcher;
  readonly tunnels: Tunnels;
  readonly authenticator: Authenticator;
  readonly #ending: NodeEnding;
  #closing: Promise<void> | undefined;

  constructor(parts: NodeParts, ending: NodeEnding) {
    this.apiAddress = parts.apiAddress;
    this.proxyAddress = parts.proxyAddress;
    this.registry = parts.registry;
    this.waitingLine = parts.waitingLine;
    this.dispatcher = parts.dispatcher;
    this.tunnels = parts.tunnels;
    this.authenticator = parts.authenticator;
    this.#ending = ending;
  }

  /**
   * Ends gracefully (faults F3): not ready any more, agents drained, running work finished within the grace,
   * then everything closed. Nothing is left behind. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const { readiness, door, cleanUp } = this.#ending;
    readiness.ready = false;
    const finished = Promise.all([this.dispatcher.drain(), this.tunnels.drain()]);
    // Who still waits for an agent is told at once: none will become free for it here.
    this.waitingLine.close();
    door.drain("The orchestrator is shutting down");
    await this.#withinGrace(finished);
    this.dispatcher.close();
    this.tunnels.close();
    await cleanUp.disposeAsync();
  }

  async #withinGrace(finished: Promise<unknown>): Promise<void> {
    const { promise: graceOver, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(resolve, this.#ending.drainMs, "late");
    if ((await Promise.race([finished, graceOver])) === "late") {
      const left = { jobs: this.dispatcher.inFlight, tunnels: this.tunnels.inFlight };
      this.#ending.logger.warn(left, "Work that was not done in time is cut off");
    }
    clearTimeout(timer);
  }
}

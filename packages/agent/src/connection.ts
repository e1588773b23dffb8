/**
 * Keeps the agent connected, for ever.
 *
 *   dial → hello → welcome → live → lost → wait → dial …
 *
 * One link is current and takes work; a next one may be on its way; others are leaving and finish what runs on
 * them. A link is replaced before it ends wherever that can be known: when the orchestrator drains, and before a
 * carrier reaches its greatest age (faults F24). Links are told apart by their object, so that the end of an old
 * one never touches a newer one.
 */
import type { Hello, Open, Welcome } from "@porchlight/protocol/message";
import type { Stream, StreamHandler } from "@porchlight/protocol/stream";
import { Backoff } from "@porchlight/runtime/backoff";
import type { Clock } from "@porchlight/runtime/clock";
import type { Logger } from "@porchlight/runtime/logger";
import { AgentLink, type LinkEnd, type LinkListener } from "./agent-link.ts";
import type { DialOptions } from "./dial.ts";

/** Wait after another program took over this identity, ± 10 % (faults G12). Milliseconds. */
const PARK_MS = 60_000;

/** Wait after the orchestrator said that it cannot speak with this version (faults G2). Milliseconds. */
const UNSUPPORTED_MS = 600_000;

/** Within this time of a wake-up, retries come within RETRY_AWAKE_MS, since no others wake with it (faults F23). Milliseconds. */
const JUST_AWAKE_MS = 10_000;
const RETRY_AWAKE_MS = 1_000;

/** Share of a carrier's greatest age after which a new link is made. */
const AGE_SHARE = 0.9;

/** Longest delay a timer holds. Milliseconds. Source: `setTimeout`, 2³¹ − 1. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What the connection dials, says and tells; `random` gives 0 ≤ x < 1. */
export interface ConnectionOptions {
  readonly dial: DialOptions;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  /** What every hello says; `takeover` is added here. */
  readonly hello: () => Omit<Hello, "takeover">;
  readonly onOpen: (stream: Stream, open: Open) => StreamHandler;
  /** The key is not taken: there is no point in going on. */
  readonly onRejected: () => void;
  /** A link has ended. */
  readonly onLinkEnded: () => void;
}

/** The agent's connection to its orchestrator: one current link, replaced whenever it ends, until `close`. */
export class Connection implements LinkListener {
  readonly #options: ConnectionOptions;
  readonly #backoff: Backoff;
  #current: AgentLink | undefined;
  #next: AgentLink | undefined;
  readonly #leaving = new Set<AgentLink>();
  #callOffDial: (() => void) | undefined;
  #callOffRenewal: (() => void) | undefined;
  /** Take the identity from an older link; not after having been replaced (faults G12). */
  #takeover = true;
  #isClosing = false;
  #awakeSinceMs = Number.NEGATIVE_INFINITY;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ random: options.random });
  }

  /** Dials; call once. */
  start(): void {
    this.#dialNow();
  }

  /** Streams open on all links. */
  get streams(): number {
    return this.#links().reduce((sum, link) => sum + link.streams, 0);
  }

  /** A link stands that takes work. */
  get isLive(): boolean {
    return this.#current !== undefined;
  }

  /** Links that have not ended. */
  get links(): number {
    return this.#links().length;
  }

  /** Tells why no work is taken, or that work is taken again. */
  tellPaused(reason: string | undefined): void {
    for (const link of this.#links()) link.tellPaused(reason);
  }

  /** The machine slept, or its clock jumped: is the link still there (faults F23)? */
  wake(): void {
    this.#backoff.reset();
    this.#awakeSinceMs = this.#options.clock.nowMs;
    this.#current?.check();
    if (this.#callOffDial === undefined || !this.#takeover) return;
    this.#options.logger.info("This computer was asleep, reconnecting");
    this.#dialNow();
  }

  /** Dials no more; every link finishes what runs on it and closes. */
  leave(reason: string): void {
    this.#stopDialling();
    for (const link of this.#links()) link.leave(reason);
  }

  /** Ends every link now. */
  close(reason: string): void {
    this.#stopDialling();
    for (const link of this.#links()) link.close(reason);
  }

  // ── what links say ──

  onLive(link: AgentLink, welcome: Welcome): void {
    const { dial, hello, logger, clock } = this.#options;
    this.#next = undefined;
    this.#replaceCurrent(link);
    this.#takeover = true;
    this.#backoff.succeeded(clock.nowMs);
    this.#planRenewal(welcome);
    const { agentId, linkId } = welcome;
    logger.info({ agentId, linkId }, `Connected to ${dial.url.host} as ${hello().name}`);
  }

  onOpen(stream: Stream, open: Open): StreamHandler {
    return this.#options.onOpen(stream, open);
  }

  onDrain(link: AgentLink, reason: string): void {
    if (link !== this.#current || this.#isClosing) return;
    this.#options.logger.info({ reason }, "The orchestrator asks to move, connecting anew");
    this.#dialNow();
  }

  onEnded(link: AgentLink, end: LinkEnd): void {
    const isOfUse = link === this.#next || link === this.#current;
    this.#forget(link);
    this.#options.onLinkEnded();
    if (!isOfUse || this.#isClosing) return;
    if (end.kind === "key-rejected") {
      this.#stopDialling();
      this.#options.logger.error(
        `The orchestrator rejects the key: ${end.reason}. Check AGENT_KEY`,
      );
      this.#options.onRejected();
      return;
    }
    // An old link may end while the next one is on its way, or waited for.
    if (this.#next === undefined && this.#callOffDial === undefined) this.#waitAfter(end);
  }

  onFault(error: unknown): void {
    this.#options.logger.error({ err: error }, "A job failed for a fault of this program");
  }

  // ── inside ──

  #waitAfter(end: LinkEnd): void {
    const { logger, clock, random } = this.#options;
    if (end.kind === "replaced") {
      this.#takeover = false;
      const delayMs = PARK_MS * (0.9 + 0.2 * random());
      logger.warn(
        `Another program with this key and name is connected; trying again in ${seconds(delayMs)} s. Give one of them another AGENT_NAME`,
      );
      this.#dialIn(delayMs);
    } else if (end.kind === "unsupported") {
      logger.error(
        `The orchestrator does not accept this agent: ${end.reason}. Trying again in ${seconds(UNSUPPORTED_MS)} s`,
      );
      this.#dialIn(UNSUPPORTED_MS);
    } else {
      const isJustAwake = clock.nowMs - this.#awakeSinceMs < JUST_AWAKE_MS;
      const delayMs = isJustAwake
        ? RETRY_AWAKE_MS * random()
        : this.#backoff.nextDelayMs(clock.nowMs) + (end.retryAfterMs ?? 0);
      logger.warn(`Not connected: ${end.reason}. Reconnecting in ${seconds(delayMs)} s`);
      this.#dialIn(delayMs);
    }
  }

  #dialIn(delayMs: number): void {
    this.#callOffDial?.();
    this.#callOffDial = this.#options.clock.schedule(Math.round(delayMs), () => this.#dialNow());
  }

  #dialNow(): void {
    this.#callOffDial?.();
    this.#callOffDial = undefined;
    if (this.#isClosing || this.#next !== undefined) return;
    const { dial, hello, clock } = this.#options;
    this.#next = new AgentLink({
      dial,
      clock,
      hello: () => ({ ...hello(), takeover: this.#takeover }),
      listener: this,
    });
  }

  #replaceCurrent(link: AgentLink): void {
    const old = this.#current;
    this.#current = link;
    if (old === undefined) return;
    this.#leaving.add(old);
    old.leave("Moved to a new link");
  }

  /** The old link stops taking work first, so that the orchestrator does not take the new one for a rival's. */
  #planRenewal(welcome: Welcome): void {
    this.#callOffRenewal?.();
    this.#callOffRenewal = undefined;
    if (welcome.maxAgeMs === undefined) return;
    const delayMs = Math.min(welcome.maxAgeMs * AGE_SHARE, MAX_TIMER_MS);
    this.#callOffRenewal = this.#options.clock.schedule(delayMs, () => {
      this.#current?.leave("Soon at its greatest age");
      this.#dialNow();
    });
  }

  #stopDialling(): void {
    this.#isClosing = true;
    this.#callOffDial?.();
    this.#callOffRenewal?.();
    this.#callOffDial = undefined;
    if (this.#next?.welcome === undefined) this.#next?.close("Stopped");
  }

  #forget(link: AgentLink): void {
    this.#leaving.delete(link);
    if (link === this.#next) this.#next = undefined;
    if (link !== this.#current) return;
    this.#current = undefined;
    this.#callOffRenewal?.();
    this.#callOffRenewal = undefined;
  }

  #links(): readonly AgentLink[] {
    const named = [this.#current, this.#next].filter((link) => link !== undefined);
    return [...named, ...this.#leaving];
  }
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

/**
 * Everything this agent does at the moment: takes streams, refuses those the operator's limits forbid, and says
 * what became of each. Hosts and numbers are told; never paths, queries, headers or bodies.
 */
import type { ProxyError } from "@porchlight/protocol/errors";
import type { Open } from "@porchlight/protocol/message";
import type { Stream, StreamHandler } from "@porchlight/protocol/stream";
import type { Logger } from "@porchlight/runtime/logger";
import { NO_SEAT, Roster, type Seated } from "@porchlight/runtime/roster";
import type { TargetPolicy } from "@porchlight/runtime/target-policy";
import type { ConnectionPool } from "./connection-pool.ts";
import { Fetch } from "./fetch.ts";
import type { LedgerEntry } from "./ledger.ts";
import { type Throttle, ThrottledStream } from "./throttle.ts";
import { Tunnel } from "./tunnel.ts";
import type { Work, WorkResult } from "./work.ts";

/** What all work shares, what may refuse it, and who hears of each end. */
export interface WorkloadOptions {
  readonly policy: () => TargetPolicy;
  readonly pool: ConnectionPool;
  readonly logger: Logger;
  readonly throttle: Throttle | undefined;
  /** Why a new stream is not taken, if so. */
  readonly refusal: () => ProxyError | undefined;
  readonly onRecord: (entry: LedgerEntry) => void;
}

/** How often those that run are told that they last. Milliseconds. */
const LASTING_MS = 30_000;

/** A job or tunnel with what is said about it. */
interface Running extends Seated {
  readonly work: Work;
  readonly open: Open;
  readonly startedAtMs: number;
}

/** The jobs and tunnels of this agent, across all its links. */
export class Workload {
  readonly #options: WorkloadOptions;
  readonly #running = new Roster<Running>();
  #lastingTimer: NodeJS.Timeout | undefined;

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  /** Jobs and tunnels at this moment. */
  get count(): number {
    return this.#running.size;
  }

  /** Bytes on the line of those that run, both directions. */
  get bytes(): number {
    let sum = 0;
    for (const { work } of this.#running) sum += work.bytes.sent + work.bytes.received;
    return sum;
  }

  /** Takes a stream, or refuses it. */
  take(stream: Stream, open: Open): StreamHandler {
    const refusal = this.#options.refusal();
    if (refusal !== undefined) {
      this.#options.logger.info(
        describeOpen(open),
        `Refused work for ${hostOf(open)}: ${refusal.message}`,
      );
      stream.abort(refusal.code, refusal.message, true);
      return NOBODY;
    }
    const { throttle } = this.#options;
    if (throttle === undefined) return this.#begin(stream, open);
    const throttled = new ThrottledStream(stream, throttle);
    throttled.attach(this.#begin(throttled, open));
    return throttled;
  }

  /** Ends everything that runs. */
  abortAll(error: ProxyError): void {
    for (const { work } of this.#running) work.abort(error);
  }

  #begin(stream: Stream, open: Open): Work {
    const { policy, pool } = this.#options;
    const onEnded = (result: WorkResult): void => this.#onEnded(running, result);
    const work =
      open.kind === "http"
        ? new Fetch(stream, open, { pool, policy, onEnded })
        : new Tunnel(stream, open, { policy, onEnded });
    const running = { work, open, startedAtMs: performance.now(), seat: NO_SEAT };
    this.#running.add(running);
    this.#lastingTimer ??= setInterval(this.#tellLasting, LASTING_MS).unref();
    work.start();
    return work;
  }

  readonly #tellLasting = (): void => {
    for (const { work } of this.#running) work.onLasting?.();
    if (this.#running.size > 0) return;
    clearInterval(this.#lastingTimer);
    this.#lastingTimer = undefined;
  };

  #onEnded(running: Running, result: WorkResult): void {
    this.#running.delete(running);
    const { open, work } = running;
    const ms = Math.round(performance.now() - running.startedAtMs);
    const { sent, received } = work.bytes;
    this.#log({ open, result, ms, sentBytes: sent, receivedBytes: received });
    this.#options.onRecord({
      time: new Date(),
      kind: open.kind,
      host: hostOf(open),
      ...(result.redirectHosts !== undefined && { redirectHosts: result.redirectHosts }),
      sentBytes: sent,
      receivedBytes: received,
      ms,
      outcome: result.outcome,
    });
  }

  #log(done: Done): void {
    const { logger } = this.#options;
    if (done.result.outcome === "internal") {
      logger.error({ ...describeOpen(done.open), err: done.result.error?.cause }, sentenceOf(done));
    } else if (logger.isLevelEnabled("info")) {
      const { sentBytes, receivedBytes, ms, result } = done;
      const { status, outcome, redirectHosts } = result;
      const facts = { redirectHosts, status, outcome, sentBytes, receivedBytes, ms };
      logger.info({ ...describeOpen(done.open), ...facts }, sentenceOf(done));
    }
  }
}

interface Done {
  readonly open: Open;
  readonly result: WorkResult;
  readonly ms: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

function describeOpen(open: Open) {
  const { jobId, requestId, kind } = open;
  const method = open.kind === "http" ? open.method : undefined;
  return { jobId, requestId, kind, method, host: hostOf(open) };
}

/** Host and port, never more of a URL. */
function hostOf(open: Open): string {
  if (open.kind === "tcp") return `${open.host}:${open.port}`;
  return URL.parse(open.url)?.host ?? "an unreadable URL";
}

function sentenceOf({ open, result, ms }: Done): string {
  const what =
    open.kind === "http" ? `${open.method} ${hostOf(open)}` : `Tunnel to ${hostOf(open)}`;
  if (result.error !== undefined) return `${what} failed: ${result.error.message}`;
  return open.kind === "http"
    ? `${what} answered ${result.status ?? "nothing"} in ${ms} ms`
    : `${what} closed after ${ms} ms`;
}

function ignore(): void {
  // A refused stream is over.
}

const NOBODY: StreamHandler = {
  onHead: ignore,
  onData: ignore,
  onEnd: ignore,
  onDrain: ignore,
  onError: ignore,
};

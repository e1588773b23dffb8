/** Opens tunnels through agents: the use case behind CONNECT and SOCKS5. */
import { roundMs } from "@porchlight/protocol/round-ms";
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { Logger } from "@porchlight/runtime/logger";
import { Roster } from "@porchlight/runtime/roster";
import type { SearchContext } from "../jobs/exit-search.ts";
import { sessionState } from "../jobs/job-log.ts";
import { Tunnel, type TunnelContext } from "./tunnel.ts";
import type { RunningTunnel, TunnelDoor, TunnelRequest } from "./tunnel-request.ts";

interface TunnelsOptions extends Omit<SearchContext, "now"> {
  /** A tunnel through which nothing has passed for so long is ended. Milliseconds; default 10 minutes. */
  readonly idleMs?: number;
  readonly logger: Logger;
  /** Milliseconds that never go back; default `performance.now`. */
  readonly now?: () => number;
}

/** Source: contract, a tunnel that is idle lives. Milliseconds. */
const DEFAULT_IDLE_MS = 600_000;

/** An idle tunnel may live on for this share of the time longer: that is how often they are looked at. */
const SWEEPS_PER_IDLE_TIME = 10;

/** What this node's tunnels have come to. */
export interface TunnelCounts {
  /** Tunnels that have ended, by error code; `completed` for those that both sides ended. */
  readonly ended: Readonly<Record<string, number>>;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Opens the tunnels of this node, and ends them with it. */
export class Tunnels {
  readonly #context: TunnelContext;
  readonly #logger: Logger;
  readonly #tunnels = new Roster<Tunnel>();
  readonly #ended: Record<string, number> = {};
  #sentBytes = 0;
  #receivedBytes = 0;
  readonly #sweep: NodeJS.Timeout;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(options: TunnelsOptions) {
    this.#logger = options.logger;
    this.#context = {
      ...options,
      now: options.now ?? (() => performance.now()),
      ended: (tunnel, code) => this.#onEnded(tunnel, code),
    };
    const idleMs = options.idleMs ?? DEFAULT_IDLE_MS;
    this.#sweep = setInterval(() => this.#endIdle(idleMs), idleMs / SWEEPS_PER_IDLE_TIME).unref();
  }

  /** Tunnels not yet ended, those being opened included. */
  get inFlight(): number {
    return this.#tunnels.size;
  }

  /** Since the start; bytes are counted when their tunnel has ended. */
  get counts(): TunnelCounts {
    return {
      ended: this.#ended,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
    };
  }

  /** Opens a tunnel; the door hears of it, possibly before this returns. While draining: `shutting_down`. */
  open(request: TunnelRequest, door: TunnelDoor): RunningTunnel {
    const tunnel = new Tunnel(request, door, this.#context);
    this.#tunnels.add(tunnel);
    if (this.#drained === undefined) tunnel.start();
    else tunnel.fail(shuttingDown());
    return tunnel;
  }

  /** Opens no new tunnels; resolves when those under way have ended. */
  drain(): Promise<void> {
    this.#drained ??= Promise.withResolvers();
    if (this.#tunnels.size === 0) this.#drained.resolve();
    return this.#drained.promise;
  }

  /** Ends every tunnel under way with `shutting_down`, and opens no new ones. */
  close(): void {
    void this.drain();
    const tunnels = [...this.#tunnels];
    // First those that wait: they would be given the slots that the others leave.
    for (const tunnel of tunnels) if (tunnel.waiting) tunnel.fail(shuttingDown());
    for (const tunnel of tunnels) tunnel.fail(shuttingDown());
    clearInterval(this.#sweep);
  }

  /** All at once and by their byte counters: no timer per tunnel, and no work per chunk. */
  #endIdle(idleMs: number): void {
    const nowMs = this.#context.now();
    for (const tunnel of this.#tunnels) {
      if (tunnel.idleSinceMs(nowMs) + idleMs > nowMs) continue;
      tunnel.fail(new ProxyError("cancelled", `Nothing has passed for ${idleMs} ms`));
    }
  }

  #onEnded(tunnel: Tunnel, code: ErrorCode | undefined): void {
    this.#tunnels.delete(tunnel);
    const outcome = code ?? "completed";
    this.#ended[outcome] = (this.#ended[outcome] ?? 0) + 1;
    this.#sentBytes += tunnel.attempt?.sentBytes ?? 0;
    this.#receivedBytes += tunnel.attempt?.receivedBytes ?? 0;
    logTunnel(this.#logger, tunnel, { code, nowMs: this.#context.now() });
    if (this.#tunnels.size === 0) this.#drained?.resolve();
  }
}

interface TunnelEnd {
  readonly code: ErrorCode | undefined;
  readonly nowMs: number;
}

/** The one line a tunnel leaves in the log; builds nothing below `info`. */
function logTunnel(logger: Logger, tunnel: Tunnel, { code, nowMs }: TunnelEnd): void {
  if (!logger.isLevelEnabled("info")) return;
  const { request, attempt } = tunnel;
  const fields = {
    jobId: request.id,
    requestId: request.requestId,
    account: request.account,
    door: request.door,
    agentId: attempt?.record.id,
    linkId: attempt?.linkId,
    host: request.host,
    port: request.port,
    code,
    attempts: tunnel.attempts.length,
    session: sessionState(tunnel.session),
    bytesSent: attempt?.sentBytes ?? 0,
    bytesReceived: attempt?.receivedBytes ?? 0,
    ms: roundMs(nowMs - tunnel.startedAtMs),
  };
  logger.info(fields, code === undefined ? "Tunnel closed" : "Tunnel ended early");
}

function shuttingDown(): ProxyError {
  return new ProxyError("shutting_down", "The orchestrator is shutting down");
}

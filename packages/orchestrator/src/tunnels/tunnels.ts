/** Opens tunnels through agents: the use case behind CONNECT and SOCKS5. */
import { roundMs } from "@porchlight/protocol/round-ms";
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { Logger } from "@porchlight/runtime/logger";
import type { SearchContext } from "../jobs/exit-search.ts";
import { sessionState } from "../jobs/job-log.ts";
import { Tunnel, type TunnelContext } from "./tunnel.ts";
import type { RunningTunnel, TunnelDoor, TunnelRequest } from "./tunnel-request.ts";

interface TunnelsOptions extends Omit<SearchContext, "now"> {
  readonly logger: Logger;
  /** Milliseconds that never go back; default `performance.now`. */
  readonly now?: () => number;
}

/** Opens the tunnels of this node, and ends them with it. */
export class Tunnels {
  readonly #context: TunnelContext;
  readonly #logger: Logger;
  readonly #tunnels = new Set<Tunnel>();
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(options: TunnelsOptions) {
    this.#logger = options.logger;
    this.#context = {
      ...options,
      now: options.now ?? (() => performance.now()),
      ended: (tunnel, code) => this.#ended(tunnel, code),
    };
  }

  /** Tunnels not yet ended, those being opened included. */
  get inFlight(): number {
    return this.#tunnels.size;
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
  }

  #ended(tunnel: Tunnel, code: ErrorCode | undefined): void {
    this.#tunnels.delete(tunnel);
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

/**
 * One tunnel from request to end:
 *
 *   seeking ──granted──▶ connecting ──connected──▶ open ──both sides ended──▶ ended
 *      ▲                     │ failed                │ failed, cancelled
 *      └──may try another────┴───────────────────────┴───────────────────────▶ ended
 *
 * Nothing of the client's is sent before it is open, so that until then a failure may be followed by an
 * attempt on another agent whatever the client is about to say.
 */
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { Attempt, SessionView } from "@porchlight/protocol/job";
import type { OpenTcp, TcpHead } from "@porchlight/protocol/message";
import { NO_SEAT, type Seated } from "@porchlight/runtime/roster";
import { exitOf } from "../agents/registry.ts";
import { ExitSearch, type SearchContext, type SearchOwner } from "../jobs/exit-search.ts";
import { agentTimeoutMs } from "../jobs/job-attempt.ts";
import type { Grant } from "../jobs/waiting-line.ts";
import { TunnelAttempt, type TunnelAttemptOwner } from "./tunnel-attempt.ts";
import type { RunningTunnel, TunnelDoor, TunnelRequest } from "./tunnel-request.ts";

/** What all tunnels share. */
export interface TunnelContext extends SearchContext {
  /** Called once, at the end; without `code` both sides have ended. */
  ended(tunnel: Tunnel, code: ErrorCode | undefined): void;
}

/** One accepted tunnel. Its door hears `onOpen` at most once, and of no end that it asked for itself. */
export class Tunnel implements RunningTunnel, SearchOwner, TunnelAttemptOwner, Seated {
  readonly request: TunnelRequest;
  readonly startedAtMs: number;
  /** Among those not yet ended. */
  seat = NO_SEAT;
  /** The attempt under way, or the last one. */
  attempt: TunnelAttempt | undefined;
  /** All attempts; the one that serves is the last. */
  attempts: readonly Attempt[];
  /** Of a tunnel that asked for one, once it is open. */
  session: SessionView | undefined;
  readonly #door: TunnelDoor;
  readonly #context: TunnelContext;
  readonly #search: ExitSearch;
  readonly #deadline: NodeJS.Timeout;
  #state: "opening" | "open" | "ended" = "opening";
  /** What had passed when it was last looked at, and since when no more has. */
  #seenBytes = -1;
  #idleSinceMs = 0;

  constructor(request: TunnelRequest, door: TunnelDoor, context: TunnelContext) {
    this.request = request;
    this.#door = door;
    this.#context = context;
    this.#search = new ExitSearch(context, { work: request, tunnel: true, owner: this });
    this.attempts = this.#search.trail.attempts;
    this.startedAtMs = context.now();
    this.#deadline = setTimeout(this.#expire, request.openTimeoutMs);
  }

  /** Whether it stands in the waiting line. */
  get waiting(): boolean {
    return this.#search.waiting;
  }

  /** Since when nothing has passed, as far as calls of this have noticed; `nowMs` while it is not open. */
  idleSinceMs(nowMs: number): number {
    const { attempt } = this;
    if (this.#state !== "open" || attempt === undefined) return nowMs;
    const bytes = attempt.sentBytes + attempt.receivedBytes;
    if (bytes !== this.#seenBytes) {
      this.#seenBytes = bytes;
      this.#idleSinceMs = nowMs;
    }
    return this.#idleSinceMs;
  }

  start(): void {
    this.#search.seek();
  }

  cancel(reason: string): void {
    this.#abort("cancelled", reason);
  }

  /** Ends it in every state, and tells the door. */
  fail(error: ProxyError): void {
    if (this.#state === "ended") return;
    this.#abort(error.code, error.message);
    this.#door.onError(error, this.attempts);
  }

  remainingMs(): number {
    return this.startedAtMs + this.request.openTimeoutMs - this.#context.now();
  }

  granted(grant: Grant): void {
    const nowMs = this.#context.now();
    this.attempt = new TunnelAttempt(grant, { owner: this, door: this.#door, nowMs });
    this.attempt.start(this.#open());
  }

  exhausted(error: ProxyError): void {
    this.ended(error.code);
    this.#door.onError(error, this.attempts);
  }

  connected(attempt: TunnelAttempt, head: TcpHead): void {
    this.#state = "open";
    clearTimeout(this.#deadline);
    const { record } = attempt;
    const ms = this.#context.now() - attempt.startedAtMs;
    const { attempts, session } = this.#search.served(record, ms);
    this.attempts = attempts;
    this.session = session;
    this.#door.onOpen({ head, exit: exitOf(record), attempts, session, exchange: attempt });
  }

  failed(attempt: TunnelAttempt, error: ProxyError): void {
    if (this.#state === "open") {
      this.#search.broke(attempt.record, error.code, this.#context.now() - attempt.startedAtMs);
      return this.exhausted(error);
    }
    const failure = this.#note(attempt, error);
    // Nothing goes to the target before the door has been told that it is connected.
    if (this.#search.mayGoOn(error.code, true)) this.#search.seek();
    else this.exhausted(failure);
  }

  ended(code: ErrorCode | undefined): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    clearTimeout(this.#deadline);
    this.#search.end();
    this.#context.ended(this, code);
  }

  readonly #expire = (): void => {
    const { host, port, openTimeoutMs } = this.request;
    if (this.#search.waiting) {
      const message = `No agent came free within ${openTimeoutMs} ms`;
      return this.fail(new ProxyError("no_agent_available", message));
    }
    const message = `The tunnel to ${host}:${port} was not open within ${openTimeoutMs} ms`;
    const error = new ProxyError("connect_timeout", message);
    if (this.attempt !== undefined) this.#note(this.attempt, error);
    this.fail(error);
  };

  #open(): OpenTcp {
    const { id, requestId, host, port } = this.request;
    const connectTimeoutMs = agentTimeoutMs(this.remainingMs());
    return { kind: "tcp", jobId: id, requestId, host, port, connectTimeoutMs };
  }

  #abort(code: ErrorCode, reason: string): void {
    this.attempt?.abort(code, reason);
    this.ended(code);
  }

  /** What the tunnel fails of if this was its last attempt. */
  #note({ record, startedAtMs }: TunnelAttempt, error: ProxyError): ProxyError {
    const ms = this.#context.now() - startedAtMs;
    return this.#search.failed(record, { error, unsent: true, ms });
  }
}

/**
 * One request and its response on one connection. Foreign shapes end here: above are our own errors and header
 * lists only.
 */
import { ProxyError } from "@porchlight/protocol/errors";
import { MAX_HEADERS } from "@porchlight/protocol/limits";
import type { Dispatcher } from "undici";
import type { ConnectionPool } from "./connection-pool.ts";
import type { ConnectTimings } from "./connector.ts";
import { type LineBytes, NO_BYTES, bytesOnLine } from "./line-bytes.ts";
import type { SentRequest } from "./redirect.ts";
import type { RequestBody } from "./request-body.ts";
import type { ResponseHead } from "./response-head.ts";
import type { TargetConnection } from "./target-connection.ts";
import { type TargetPhase, isConnectionEnd, translateTargetError } from "./target-error.ts";

/** 1xx responses skipped before the target counts as hostile (faults F14). */
const MAX_INFORMATIONAL = 32;

/** Largest trailer section: names and values together. Bytes. */
const MAX_TRAILER_BYTES = 16 * 1024;

/** Methods that may be sent twice. Source: RFC 9110 §9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** Hears the response. After `onComplete` or `onFailure` nothing more comes. */
export interface ExchangeListener {
  /** The final response head, once. */
  onResponse(head: ResponseHead): void;
  /** A piece of the body; `false` asks for a pause until `resume`. */
  onBody(chunk: Uint8Array): boolean;
  /** The response is complete. */
  onComplete(trailers: string[]): void;
  onFailure(error: ProxyError): void;
}

/** One request as it leaves for the target, and who hears of its response. */
export interface ExchangeOptions {
  readonly pool: ConnectionPool;
  readonly account: string;
  readonly request: SentRequest;
  readonly bodyBytes: number;
  /** Present when `bodyBytes` is more than 0. */
  readonly body: RequestBody | undefined;
  readonly listener: ExchangeListener;
}

/** A request under way on a pooled connection; sent once more, on a new one, where a kept-alive one had ended unseen. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  #connection: TargetConnection;
  #connectsBefore: number;
  #bytesBefore: LineBytes;
  #controller: Dispatcher.DispatchController | undefined;
  #informational = 0;
  #responseBegun = false;
  #headSeen = false;
  #repeated = false;
  #ended = false;
  #bytes: LineBytes | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#connection = options.pool.acquire(options.account, options.request.url);
    this.#connectsBefore = this.#connection.connects;
    this.#bytesBefore = bytesOnLine(this.#connection.carrier);
  }

  /** Sends the request. */
  start(): void {
    const { request, body, bodyBytes } = this.#options;
    this.#connection.dispatch(
      {
        path: request.url.pathname + request.url.search,
        method: request.method,
        headers:
          body === undefined
            ? [...request.headers]
            : [...request.headers, "content-length", String(bodyBytes)],
        body: body ?? null,
      },
      this,
    );
  }

  /** The connection is still being made: no request has left. */
  get isConnecting(): boolean {
    return this.#connection.isConnecting;
  }

  /** Nothing of the request has left: the connection was never made. */
  get isUnsent(): boolean {
    return this.#connection.connects === 0 && !this.#repeated;
  }

  /** What connecting took, `undefined` on a kept-alive connection. */
  get timings(): ConnectTimings | undefined {
    const isNew = this.#connection.connects > this.#connectsBefore;
    return isNew ? this.#connection.timings : undefined;
  }

  /** Bytes on the line so far, TLS included. */
  get bytes(): LineBytes {
    if (this.#bytes !== undefined) return this.#bytes;
    const now = bytesOnLine(this.#connection.carrier);
    const isNew = this.#connection.connects > this.#connectsBefore;
    const before = isNew ? NO_BYTES : this.#bytesBefore;
    return { sent: now.sent - before.sent, received: now.received - before.received };
  }

  /** The listener takes body again. */
  resume(): void {
    if (!this.#ended) this.#controller?.resume();
  }

  /** Ends it now, down to the socket; the listener hears nothing more. */
  abort(reason: ProxyError): void {
    if (!this.#end()) return;
    this.#options.pool.dispose(this.#connection);
    this.#connection.destroy(reason);
  }

  // ── what undici calls ──

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  onResponseStarted(): void {
    this.#responseBegun = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#ended) return;
    if (status < 200) {
      this.#informational += 1;
      if (this.#informational > MAX_INFORMATIONAL) this.#refuse("sent too many interim responses");
      return;
    }
    const headers = headerList(controller.rawHeaders);
    if (headers.length > MAX_HEADERS * 2) {
      this.#refuse(`sent more than ${MAX_HEADERS} headers`);
      return;
    }
    this.#headSeen = true;
    this.#options.listener.onResponse({ status, headers });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#ended) return;
    if (!this.#options.listener.onBody(chunk)) controller.pause();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#ended) return;
    const trailers = headerList(controller.rawTrailers);
    if (trailers.length > MAX_HEADERS * 2 || trailers.join("").length > MAX_TRAILER_BYTES) {
      this.#refuse("sent trailers that are too large");
      return;
    }
    this.#end();
    this.#options.pool.release(this.#connection);
    this.#options.listener.onComplete(trailers);
  }

  onResponseError(_: unknown, error: Error): void {
    if (this.#ended) return;
    if (this.#mayRepeat(error)) {
      this.#repeat();
      return;
    }
    this.#end();
    this.#options.pool.dispose(this.#connection);
    const { host } = this.#options.request.url;
    const translated = translateTargetError(error, this.#phase, host);
    // Faults F18: what is kept idle may be what is missing.
    if (translated.code === "overloaded") this.#options.pool.closeIdle();
    this.#options.listener.onFailure(translated);
  }

  // ── inside ──

  get #phase(): TargetPhase {
    if (this.#headSeen) return "body";
    return this.#responseBegun ? "head" : "exchange";
  }

  /** A kept-alive connection may end just as a request is sent on it. Source: RFC 9112 §9.3.1. */
  #mayRepeat(error: Error): boolean {
    const { request, body } = this.#options;
    const wasKeptAlive = this.#connectsBefore > 0 && this.timings === undefined;
    return (
      wasKeptAlive &&
      !this.#repeated &&
      !this.#responseBegun &&
      body === undefined &&
      IDEMPOTENT.has(request.method) &&
      isConnectionEnd(error)
    );
  }

  #repeat(): void {
    const { pool, account, request } = this.#options;
    this.#repeated = true;
    pool.dispose(this.#connection);
    this.#connection = pool.create(account, request.url);
    this.#connectsBefore = 0;
    this.#bytesBefore = NO_BYTES;
    this.start();
  }

  #refuse(what: string): void {
    const { host } = this.#options.request.url;
    const error = new ProxyError("target_protocol_error", `${host} ${what}`);
    this.abort(error);
    this.#options.listener.onFailure(error);
  }

  /** `false` when it had ended before. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#bytes = this.bytes;
    this.#ended = true;
    return true;
  }
}

/** undici's raw headers: bytes of Latin-1, name, value, name, value, … */
function headerList(raw: Dispatcher.DispatchController["rawHeaders"]): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((item) => (typeof item === "string" ? item : item.toString("latin1")));
}

/**
 * A job: fetches a URL and streams request and response through a stream of the link, without buffering whole
 * bodies. Redirects are followed here; each hop is judged like the first (faults A17, G17).
 */
import { ProxyError } from "@porchlight/protocol/errors";
import { headerValue } from "@porchlight/protocol/header-list";
import type { AgentTimings, OpenHttp } from "@porchlight/protocol/message";
import type { Stream } from "@porchlight/protocol/stream";
import { roomInFront } from "@porchlight/runtime/roomy-reads";
import { type TargetPolicy, judgeUrl } from "@porchlight/runtime/target-policy";
import type { ConnectionPool } from "./connection-pool.ts";
import { Exchange, type ExchangeListener } from "./exchange.ts";
import { type LineBytes, NO_BYTES, addBytes } from "./line-bytes.ts";
import {
  type RedirectedRequest,
  type SentRequest,
  isRedirect,
  redirectedRequest,
} from "./redirect.ts";
import { checkRequest } from "./request-check.ts";
import { RequestBody } from "./request-body.ts";
import { type ResponseHead, announcedBytes } from "./response-head.ts";
import type { OnWorkEnded, Work, WorkResult } from "./work.ts";

/** Body of a redirect read to keep its connection; a longer one costs the connection. Bytes. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/** What a job needs of the agent. */
export interface FetchTools {
  readonly pool: ConnectionPool;
  readonly policy: () => TargetPolicy;
  readonly onEnded: OnWorkEnded;
}

/** One `http` stream at work. */
export class Fetch implements Work, ExchangeListener {
  readonly #stream: Stream;
  readonly #open: OpenHttp;
  readonly #tools: FetchTools;
  readonly #startedAtMs = performance.now();
  readonly #body: RequestBody | undefined;
  #request: SentRequest | undefined;
  #exchange: Exchange | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #redirects = 0;
  /** Every host a request was meant for, the asked one first. */
  readonly #hosts = new Set<string>();
  /** The request after a redirect, while the redirect's own body is still read. */
  #next: RedirectedRequest | undefined;
  /** Body bytes of the newest response. */
  #bodyBytes = 0;
  #status: number | undefined;
  readonly #connectTimings = { dnsMs: 0, connectMs: 0, tlsMs: 0 };
  #bytesOfEarlierHops = NO_BYTES;
  #ended = false;

  constructor(stream: Stream, open: OpenHttp, tools: FetchTools) {
    this.#stream = stream;
    this.#open = open;
    this.#tools = tools;
    this.#body = open.bodyBytes > 0 ? new RequestBody(stream, open.bodyBytes) : undefined;
  }

  start(): void {
    this.#deadline = setTimeout(() => this.#onDeadline(), this.#open.timeoutMs);
    this.#guard(() => this.#send(checkRequest(this.#open)));
  }

  get bytes(): LineBytes {
    return addBytes(this.#bytesOfEarlierHops, this.#exchange?.bytes ?? NO_BYTES);
  }

  abort(error: ProxyError): void {
    this.#fail(error);
  }

  // ── what the stream says ──

  onHead(): void {
    // Only the side that opens a stream hears a head.
  }

  onData(chunk: Uint8Array): void {
    if (this.#body === undefined) {
      this.#stream.consume(chunk.length);
      this.#fail(new ProxyError("invalid_request", "A request body came where none was announced"));
    } else if (this.#ended) {
      // The response was complete before the request: what still comes is let go.
      this.#stream.consume(chunk.length);
    } else {
      this.#guard(() => this.#body?.receive(chunk));
    }
  }

  onEnd(): void {
    if (!this.#ended) this.#guard(() => this.#body?.finish());
  }

  onDrain(): void {
    this.#exchange?.resume();
  }

  /** Cancelled, or the link is lost: the target's socket goes at once (faults A28). */
  onError(error: ProxyError): void {
    if (!this.#finish({ outcome: error.code, error })) return;
    this.#exchange?.abort(error);
  }

  // ── what the target says ──

  onResponse(head: ResponseHead): void {
    this.#addTimings();
    this.#status = head.status;
    this.#guard(() => {
      const next = this.#redirectAfter(head);
      if (next === undefined) this.#relayHead(head);
      else this.#onRedirect(head, next);
    });
  }

  onBody(chunk: Uint8Array): boolean {
    this.#bodyBytes += chunk.length;
    if (this.#next !== undefined) {
      this.#discard(this.#next);
      return true;
    }
    const { maxResponseBytes } = this.#open;
    if (maxResponseBytes !== undefined && this.#bodyBytes > maxResponseBytes) {
      this.#fail(tooLarge(maxResponseBytes));
      return true;
    }
    return this.#stream.write(chunk, roomInFront(chunk));
  }

  onComplete(trailers: string[]): void {
    if (this.#next === undefined) this.#complete(trailers);
    else this.#follow(this.#next);
  }

  onFailure(error: ProxyError): void {
    this.#fail(error);
  }

  // ── hops ──

  #send(request: SentRequest): void {
    const refusal = judgeUrl(request.url, this.#tools.policy());
    if (refusal !== undefined) throw refusal;
    this.#bytesOfEarlierHops = this.bytes;
    this.#request = request;
    this.#hosts.add(request.url.host);
    this.#bodyBytes = 0;
    const body = this.#redirects === 0 ? this.#body : undefined;
    const { account, bodyBytes } = this.#open;
    const { pool } = this.#tools;
    this.#exchange = new Exchange({ pool, account, request, body, bodyBytes, listener: this });
    this.#exchange.start();
  }

  #redirectAfter(head: ResponseHead): RedirectedRequest | undefined {
    if (!this.#open.followRedirects || !isRedirect(head.status)) return undefined;
    const location = headerValue(head.headers, "location");
    if (location === undefined || this.#request === undefined) return undefined;
    if (this.#redirects >= this.#open.maxRedirects) {
      throw new ProxyError(
        "too_many_redirects",
        `The target redirected more than ${this.#open.maxRedirects} times`,
      );
    }
    this.#redirects += 1;
    return redirectedRequest(this.#request, head.status, location);
  }

  #onRedirect(head: ResponseHead, next: RedirectedRequest): void {
    // No copy of the body is kept here: who has it sends the job anew.
    if (next.keepsBody && this.#body !== undefined) this.#askForBody(head, next);
    else this.#next = next;
  }

  #askForBody(head: ResponseHead, next: RedirectedRequest): void {
    const refusal = judgeUrl(next.url, this.#tools.policy());
    if (refusal !== undefined) throw refusal;
    const resend = { url: next.url.href, headers: [...next.headers] };
    this.#stream.head({ ...this.#describeHead(head), resend });
    this.#exchange?.abort(NOT_NEEDED);
    this.#complete([]);
  }

  #discard(next: RedirectedRequest): void {
    if (this.#bodyBytes <= MAX_DISCARDED_BYTES) return;
    this.#exchange?.abort(NOT_NEEDED);
    this.#follow(next);
  }

  #follow(next: RedirectedRequest): void {
    this.#next = undefined;
    this.#guard(() => this.#send(next));
  }

  // ── the answer ──

  #relayHead(head: ResponseHead): void {
    const { maxResponseBytes } = this.#open;
    const announced = announcedBytes(this.#request?.method, head);
    if (maxResponseBytes !== undefined && announced > maxResponseBytes) {
      throw tooLarge(maxResponseBytes);
    }
    this.#stream.head(this.#describeHead(head));
  }

  #describeHead(head: ResponseHead) {
    const timings: AgentTimings = {
      ...this.#connectTimings,
      ttfbMs: performance.now() - this.#startedAtMs,
    };
    return {
      kind: "http" as const,
      status: head.status,
      headers: [...head.headers],
      url: this.#request?.url.href ?? this.#open.url,
      redirects: this.#redirects,
      timings,
    };
  }

  #addTimings(): void {
    const timings = this.#exchange?.timings;
    if (timings === undefined) return;
    this.#connectTimings.dnsMs += timings.dnsMs;
    this.#connectTimings.connectMs += timings.connectMs;
    this.#connectTimings.tlsMs += timings.tlsMs;
  }

  // ── ends ──

  #complete(trailers: string[]): void {
    if (!this.#finish({ outcome: "completed" })) return;
    this.#stream.end(trailers);
  }

  #fail(error: ProxyError): void {
    const told = this.#redirects === 0 ? error : refusedHop(error, this.#redirects);
    const isUnsent = this.#redirects === 0 && (this.#exchange?.isUnsent ?? true);
    if (!this.#finish({ outcome: told.code, error: told })) return;
    this.#exchange?.abort(told);
    this.#stream.abort(told.code, told.message, isUnsent);
  }

  /** Faults F11: one deadline for everything, connecting included. */
  #onDeadline(): void {
    const { timeoutMs } = this.#open;
    const host = this.#request?.url.host ?? "The target";
    this.#fail(
      this.#exchange?.isConnecting === true
        ? new ProxyError(
            "connect_timeout",
            `${host} did not take the connection in ${timeoutMs} ms`,
          )
        : new ProxyError("target_timeout", `${host} did not answer in full in ${timeoutMs} ms`),
    );
  }

  /** `false` when it had ended before. */
  #finish(result: WorkResult): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    clearTimeout(this.#deadline);
    this.#body?.destroy();
    const status = this.#status;
    const redirectHosts = [...this.#hosts].slice(1);
    this.#tools.onEnded({
      ...result,
      ...(status !== undefined && { status }),
      ...(redirectHosts.length > 0 && { redirectHosts }),
    });
    return true;
  }

  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fail(ProxyError.from(error));
    }
  }
}

const NOT_NEEDED = new ProxyError("cancelled", "The rest of the response is not needed");

/** Faults F12. */
function tooLarge(maxResponseBytes: number): ProxyError {
  return new ProxyError(
    "response_too_large",
    `The response is larger than the ${maxResponseBytes} bytes asked for at most`,
  );
}

/** Faults A17: a refusal after redirects says which one led there. */
function refusedHop(error: ProxyError, hop: number): ProxyError {
  if (error.code !== "target_forbidden" && error.code !== "port_forbidden") return error;
  return new ProxyError(
    error.code,
    `Redirect ${hop} leads to a target that is not allowed: ${error.message}`,
    {
      cause: error,
    },
  );
}

/**
 * One try of a job on one agent: asks, checks what the agent answers, and counts. It may ask twice: when the
 * target redirects a request with a body (307, 308), the agent keeps no copy of it, and the body is sent anew.
 */
import { ERRORS, ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { AgentTimings, HttpHead, OpenHttp } from "@porchlight/protocol/message";
import type { HttpExchange, HttpListener, Link } from "../agents/link.ts";
import type { AgentRecord, Slot } from "../agents/registry.ts";
import type { Job } from "./job.ts";
import type { Grant } from "./waiting-line.ts";

/** Share of the remaining time, and at most so many milliseconds, by which the agent's deadline is earlier. */
const AGENT_MARGIN_SHARE = 0.05;
const MAX_AGENT_MARGIN_MS = 250;

/** Hears how an attempt goes. `succeeded` or `failed` is the last call; after `abort`, none comes. */
export interface AttemptOwner {
  /** Milliseconds left until the job's deadline. */
  remainingMs(): number;
  begun(attempt: JobAttempt, head: HttpHead): void;
  data(chunk: Uint8Array, consume: (bytes: number) => void): void;
  succeeded(attempt: JobAttempt): void;
  failed(attempt: JobAttempt, error: ProxyError): void;
}

/** A job running on one agent; holds the agent's slot until it ends. */
export class JobAttempt implements HttpListener {
  /** The sinks keep what they need. */
  readonly borrows = true;
  readonly record: AgentRecord;
  readonly startedAtMs: number;
  linkId: string | undefined;
  /** Body bytes of the answer so far. */
  receivedBytes = 0;
  /** A target has answered, if only with a redirect: the request has left. */
  answered = false;
  readonly #job: Job;
  readonly #slot: Slot;
  readonly #owner: AttemptOwner;
  #link: Link | undefined;
  #exchange: HttpExchange | undefined;
  #head: HttpHead | undefined;
  /** The redirect that the request has to be sent anew for, once the agent has ended. */
  #redirect: HttpHead | undefined;
  #redirectsFollowed = 0;
  #earlier: AgentTimings | undefined;
  #ended = false;

  constructor(job: Job, grant: Grant, options: { owner: AttemptOwner; nowMs: number }) {
    this.#job = job;
    this.record = grant.record;
    this.#slot = grant.slot;
    this.#owner = options.owner;
    this.startedAtMs = options.nowMs;
  }

  /** Asks the agent. */
  start(): void {
    this.#link = this.record.link;
    this.linkId = this.#link?.id;
    this.#ask(this.#job.url, this.#job.headers);
  }

  /** Ends the attempt here and at the agent; the owner hears nothing more. Idempotent. */
  abort(code: ErrorCode, reason: string): void {
    if (this.#ended) return;
    if (ERRORS[code].fault === "target") this.record.failed++;
    this.#exchange?.abort(code, reason);
    this.#end();
  }

  onHead(head: HttpHead): void {
    if (this.#ended) return;
    this.answered = true;
    if (this.#redirect !== undefined || this.#head !== undefined) {
      return this.#refuse(protocolError("The agent answered twice"));
    }
    if (head.resend !== undefined) return this.#redirected(head);
    this.#head = this.#earlier === undefined ? head : withEarlier(head, this.#earlier);
    this.#owner.begun(this, this.#head);
  }

  onData(chunk: Uint8Array): void {
    if (this.#ended) return;
    if (this.#head === undefined) {
      return this.#refuse(protocolError("The agent sent a body without a response head"));
    }
    this.receivedBytes += chunk.length;
    this.record.bytesReceived += chunk.length;
    const { maxResponseBytes } = this.#job;
    if (maxResponseBytes !== undefined && this.receivedBytes > maxResponseBytes) {
      const limit = `The response is longer than the ${maxResponseBytes} bytes asked for`;
      return this.#refuse(new ProxyError("response_too_large", limit));
    }
    this.#owner.data(chunk, this.#consume);
  }

  onEnd(): void {
    if (this.#ended) return;
    if (this.#redirect !== undefined) return this.#follow(this.#redirect);
    if (this.#head === undefined) {
      return this.#fail(protocolError("The agent ended without a response head"));
    }
    this.#end();
    this.record.completed++;
    this.#owner.succeeded(this);
  }

  onError(error: ProxyError): void {
    if (!this.#ended) this.#fail(error);
  }

  readonly #consume = (bytes: number): void => {
    this.#exchange?.consume(bytes);
  };

  #ask(url: string, headers: readonly string[]): void {
    if (this.#link === undefined) {
      const message = "The agent left before it was asked";
      return this.#fail(new ProxyError("agent_lost", message, { unsent: true }));
    }
    const { body } = this.#job;
    if (body !== undefined) this.record.bytesSent += body.length;
    this.#exchange = this.#link.startHttp(this.#open(url, headers), body, this);
  }

  #open(url: string, headers: readonly string[]): OpenHttp {
    const job = this.#job;
    const open: OpenHttp = {
      kind: "http",
      jobId: job.id,
      requestId: job.requestId,
      account: job.account,
      method: job.method,
      url,
      headers: [...headers],
      bodyBytes: job.body?.length ?? 0,
      timeoutMs: agentTimeoutMs(this.#owner.remainingMs()),
      followRedirects: job.followRedirects,
      maxRedirects: job.maxRedirects - this.#redirectsFollowed,
    };
    if (job.maxResponseBytes !== undefined) open.maxResponseBytes = job.maxResponseBytes;
    return open;
  }

  #redirected(head: HttpHead): void {
    const { body, followRedirects, maxRedirects } = this.#job;
    if (body === undefined || !followRedirects) {
      return this.#refuse(protocolError("The agent asked for a body again without need"));
    }
    // An agent that claims to have followed none must not go round for ever.
    this.#redirectsFollowed += Math.max(1, head.redirects);
    if (this.#redirectsFollowed > maxRedirects) {
      const limit = `The target redirected more than ${maxRedirects} times`;
      return this.#refuse(new ProxyError("too_many_redirects", limit));
    }
    this.#redirect = head;
  }

  #follow({ resend, timings }: HttpHead): void {
    this.#redirect = undefined;
    if (resend === undefined) return;
    this.#earlier = this.#earlier === undefined ? timings : added(timings, this.#earlier);
    this.#ask(resend.url, resend.headers);
  }

  /** Ends what the agent is still doing, then fails. */
  #refuse(error: ProxyError): void {
    this.#exchange?.abort(error.code, error.message);
    this.#fail(error);
  }

  #fail(error: ProxyError): void {
    this.#end();
    this.record.failed++;
    this.#owner.failed(this, error);
  }

  /** After the abort, if there is one: the slot may be given to other work before this returns. */
  #end(): void {
    this.#ended = true;
    this.#slot.release();
  }
}

/** Earlier than the job's deadline, so that the agent's specific answer arrives before it. Whole milliseconds. */
export function agentTimeoutMs(remainingMs: number): number {
  const marginMs = Math.min(remainingMs * AGENT_MARGIN_SHARE, MAX_AGENT_MARGIN_MS);
  return Math.max(1, Math.floor(remainingMs - marginMs));
}

function protocolError(message: string): ProxyError {
  return new ProxyError("agent_protocol_error", message);
}

function withEarlier(head: HttpHead, earlier: AgentTimings): HttpHead {
  return { ...head, timings: added(head.timings, earlier) };
}

function added(a: AgentTimings, b: AgentTimings): AgentTimings {
  return {
    dnsMs: a.dnsMs + b.dnsMs,
    connectMs: a.connectMs + b.connectMs,
    tlsMs: a.tlsMs + b.tlsMs,
    ttfbMs: a.ttfbMs + b.ttfbMs,
  };
}

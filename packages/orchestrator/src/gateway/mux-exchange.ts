import { ERRORS, ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import { checkHeaderList } from "@porchlight/protocol/http-head";
import { MAX_DATA_BYTES } from "@porchlight/protocol/limits";
import type { Head, OpenHttp, Trailers } from "@porchlight/protocol/message";
import type { Stream, StreamHandler } from "@porchlight/protocol/stream";
import type { HttpExchange, HttpListener } from "../agents/link.ts";
import { agentError } from "./agent-error.ts";
import { ResponseCheck } from "./response-check.ts";

const NO_BODY = new Uint8Array(0);

/** What work on a link tells the link. */
export interface ExchangeHost {
  /** The job is over, however it ended. */
  ended(jobId: string): void;
  /** A stream has heard of the end of the link. */
  lost(): void;
}

/**
 * The end of a stream as its listener hears it. Codes of fault `agent` come from the end of the link itself:
 * the link is told first, so that work which is tried again does not come back to it.
 */
export function streamError(error: ProxyError, host: ExchangeHost): ProxyError {
  if (ERRORS[error.code].fault !== "agent") {
    return agentError(error.code, error.message, error.unsent);
  }
  host.lost();
  return error;
}

/** One job on one stream. The request body is in memory and goes out as the agent takes it. */
export class MuxExchange implements HttpExchange, StreamHandler {
  readonly #host: ExchangeHost;
  readonly #jobId: string;
  readonly #check: ResponseCheck;
  readonly #listener: HttpListener;
  #body: Uint8Array = NO_BODY;
  #sentBytes = 0;
  #bodySent = false;
  #stream: Stream | undefined;
  #over = false;

  constructor(host: ExchangeHost, open: OpenHttp, listener: HttpListener) {
    this.#host = host;
    this.#jobId = open.jobId;
    this.#check = new ResponseCheck(open);
    this.#listener = listener;
  }

  get borrows(): boolean {
    return this.#listener.borrows ?? false;
  }

  /** Sends the request body, which ends the request. */
  send(stream: Stream, body: Uint8Array | undefined): void {
    this.#stream = stream;
    this.#body = body ?? NO_BODY;
    this.#sendBody();
  }

  consume(bytes: number): void {
    this.#stream?.consume(bytes);
  }

  abort(code: ErrorCode, reason: string): void {
    if (this.#over) return;
    this.#end();
    this.#stream?.abort(code, reason);
  }

  onHead(head: Head): void {
    if (this.#over) return;
    if (head.kind !== "http") {
      this.#fail(new ProxyError("agent_protocol_error", "Agent answered a job like a tunnel"));
      return;
    }
    const error = this.#check.head(head);
    if (error === undefined) this.#listener.onHead(head);
    else this.#fail(error);
  }

  onData(chunk: Uint8Array): void {
    if (this.#over) return;
    const error = this.#check.data(chunk.length);
    if (error === undefined) this.#listener.onData(chunk);
    else this.#fail(error);
  }

  onEnd(trailers: Trailers | undefined): void {
    if (this.#over) return;
    const error = this.#check.end() ?? (trailers && checkHeaderList(trailers));
    if (error !== undefined) {
      this.#fail(error);
      return;
    }
    this.#end();
    // The target has answered without waiting for the whole request: the rest is of no use.
    if (!this.#bodySent) this.#stream?.abort("cancelled", "The response is complete");
    this.#listener.onEnd(trailers);
  }

  onDrain(): void {
    if (!this.#over) this.#sendBody();
  }

  onError(error: ProxyError): void {
    if (this.#over) return;
    this.#end();
    this.#listener.onError(streamError(error, this.#host));
  }

  #sendBody(): void {
    const stream = this.#stream;
    if (stream === undefined || this.#bodySent) return;
    const body = this.#body;
    while (this.#sentBytes < body.length) {
      const start = this.#sentBytes;
      this.#sentBytes = Math.min(start + MAX_DATA_BYTES, body.length);
      if (!stream.write(body.subarray(start, this.#sentBytes))) break;
    }
    if (this.#sentBytes < body.length) return;
    this.#bodySent = true;
    stream.end();
  }

  #fail(error: ProxyError): void {
    this.#end();
    this.#stream?.abort(error.code, error.message);
    this.#listener.onError(error);
  }

  #end(): void {
    this.#over = true;
    this.#host.ended(this.#jobId);
  }
}

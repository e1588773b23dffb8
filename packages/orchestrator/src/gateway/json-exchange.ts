import type { ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import type { JsonResponse, JsonResult } from "@porchlight/protocol/json-profile-result";
import { INITIAL_WINDOW_BYTES, MAX_DATA_BYTES } from "@porchlight/protocol/limits";
import type { HttpHead, OpenHttp } from "@porchlight/protocol/message";
import type { HttpExchange, HttpListener } from "../agents/link.ts";
import { agentError } from "./agent-error.ts";
import { ResponseCheck } from "./response-check.ts";

const NO_BODY = new Uint8Array(0);

interface JsonExchangeOptions {
  readonly open: OpenHttp;
  readonly listener: HttpListener;
  /** Monotonic milliseconds. */
  readonly startedAtMs: number;
  /** Tells the agent to give the job up. */
  readonly cancel: (jobId: string) => void;
}

/** One job of the JSON profile: the answer comes whole and is handed on in pieces, as the reader takes them. */
export class JsonExchange implements HttpExchange {
  readonly #open: OpenHttp;
  readonly #listener: HttpListener;
  readonly #startedAtMs: number;
  readonly #cancel: (jobId: string) => void;
  #body: Uint8Array = NO_BODY;
  #offset = 0;
  #heldBytes = 0;
  #state: "running" | "answered" | "over" = "running";
  #handingOn = false;

  constructor(options: JsonExchangeOptions) {
    this.#open = options.open;
    this.#listener = options.listener;
    this.#startedAtMs = options.startedAtMs;
    this.#cancel = options.cancel;
  }

  /** The agent has answered; nothing happens when the job has ended before (faults G7, G8). */
  answer(result: JsonResult, nowMs: number): void {
    if (this.#state !== "running") return;
    if (result.kind === "response") this.#answered(result, nowMs);
    else if (result.kind === "failure") this.fail(agentError(result.code, result.message));
    else this.fail(result.error);
  }

  /** Ends an exchange that has no answer yet. */
  fail(error: ProxyError): void {
    if (this.#state !== "running") return;
    this.#state = "over";
    this.#listener.onError(error);
  }

  consume(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#handOn();
  }

  abort(_code: ErrorCode, _reason: string): void {
    if (this.#state === "running") this.#cancel(this.#open.jobId);
    this.#state = "over";
    this.#body = NO_BODY;
  }

  #answered(response: JsonResponse, nowMs: number): void {
    const head: HttpHead = {
      kind: "http",
      status: response.status,
      headers: response.headers,
      url: response.url ?? this.#open.url,
      redirects: 0,
      timings: { dnsMs: 0, connectMs: 0, tlsMs: 0, ttfbMs: nowMs - this.#startedAtMs },
    };
    // All of it is here: what is wrong is known before anything is passed on.
    const check = new ResponseCheck(this.#open);
    const error = check.head(head) ?? check.data(response.body.length) ?? check.end();
    if (error !== undefined) {
      this.fail(error);
      return;
    }
    this.#state = "answered";
    this.#body = response.body;
    this.#listener.onHead(head);
    this.#handOn();
  }

  #handOn(): void {
    // The listener may give credit back from within `onData`: the loop below sees it.
    if (this.#handingOn) return;
    this.#handingOn = true;
    while (
      this.#state === "answered" &&
      this.#offset < this.#body.length &&
      this.#heldBytes < INITIAL_WINDOW_BYTES
    ) {
      const chunk = this.#body.subarray(this.#offset, this.#offset + MAX_DATA_BYTES);
      this.#offset += chunk.length;
      this.#heldBytes += chunk.length;
      this.#listener.onData(chunk);
    }
    this.#handingOn = false;
    if (this.#state !== "answered" || this.#offset < this.#body.length) return;
    this.#state = "over";
    this.#listener.onEnd(undefined);
  }
}

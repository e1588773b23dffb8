/** The client's end of a forwarded request: where the target's answer goes. */
import type { ServerResponse } from "node:http";
import type { Writable } from "node:stream";
import type { ProxyError } from "@porchlight/protocol/errors";
import { headerValue } from "@porchlight/protocol/header-list";
import { breakOff, finish } from "../http/answer.ts";
import { exactHeaders, flushHead } from "../http/exact-headers.ts";
import { clientHeaders, sentTrailers } from "./forward-headers.ts";
import { sendProxyError, type ProxyErrorContext } from "./proxy-error.ts";

/** The head of an answer. */
export interface AnswerHead {
  readonly status: number;
  /** The reason phrase; may be empty. */
  readonly message: string;
  /** The target's, as they came: name, value, name, value, … */
  readonly headers: readonly string[];
  /** Ours, behind them. */
  readonly added: Readonly<Record<string, string>>;
}

/** A client that waits for its answer; `begin` or `fail` comes once. */
export interface ForwardClient {
  /** Takes the body, and holds its source up. */
  readonly sink: Writable;
  /** An interim response. */
  interim(status: number, headers: readonly string[]): void;
  /** @throws {TypeError} when node:http finds something that it cannot write; nothing has been sent then */
  begin(head: AnswerHead): void;
  /** The body is complete. */
  end(trailers: readonly string[]): void;
  /** An error of ours, where nothing of an answer has begun. */
  fail(error: ProxyError, context: ProxyErrorContext): void;
  /** The answer that has begun will never be whole: the client must see that (faults F1, F15). */
  cut(): void;
}

/** A client behind a node:http response. */
export class ResponseClient implements ForwardClient {
  readonly sink: ServerResponse;
  /** HTTP/1.0 has neither interim responses nor chunks. */
  readonly #isOld: boolean;

  constructor(response: ServerResponse) {
    this.sink = response;
    this.#isOld = response.req.httpVersionMinor === 0;
    // A write that meets a lost connection: its end is told by the connection.
    response.on("error", ignore);
  }

  interim(status: number, headers: readonly string[]): void {
    if (this.#isOld) return;
    const kept = clientHeaders({ status, headers, takesTrailers: false });
    // Node closes the connection behind an answer to `Expect` unless it has sent the 100 by this.
    if (status === 100 && kept.length === 0) this.sink.writeContinue();
    else this.sink.writeInformation(status, kept);
  }

  begin({ status, message, headers, added }: AnswerHead): void {
    const takesTrailers = this.#hasChunks(status, headers);
    const kept = clientHeaders({ status, headers, takesTrailers });
    // A target that sends no Date has its reasons.
    this.sink.sendDate = false;
    const list = exactHeaders([...kept, ...Object.entries(added).flat()]);
    this.sink.writeHead(status, message, [...list]);
    // Mostly the body comes in this turn and takes the head along; a body that is late must not hold it up.
    setImmediate(flushHead, this.sink);
  }

  end(trailers: readonly string[]): void {
    this.sink.addTrailers(sentTrailers(trailers));
    finish(this.sink);
  }

  fail(error: ProxyError, context: ProxyErrorContext): void {
    sendProxyError(this.sink, error, context);
  }

  cut(): void {
    breakOff(this.sink);
  }

  /** Whether Node will send the body in chunks. Source: RFC 9112 §6.3. */
  #hasChunks(status: number, headers: readonly string[]): boolean {
    const isBodyless = this.sink.req.method === "HEAD" || status === 204 || status === 304;
    return !this.#isOld && !isBodyless && headerValue(headers, "content-length") === undefined;
  }
}

function ignore(): void {
  // Nothing to do.
}

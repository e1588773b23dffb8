/** Answers what never became a request: bytes that are no HTTP, heads that are too large or too slow. */
import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ProxyError } from "@porchlight/protocol/errors";
import { closeSoon, closing, hasWholeAnswer, send, sendOnSocket, type Answer } from "./answer.ts";

/** Node's code → the specific status and what was wrong. */
const FLAWS: Readonly<Record<string, readonly [status: number, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "The request's head is too large"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "The request's chunk extensions are too large"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request did not come in time"],
};

/** An error as a door answers it, with this status. */
export type AnswerError = (error: ProxyError, status: number) => Answer;

/** The `clientError` events of a server: each connection gets one answer at most, and ends. */
export class ClientErrors {
  readonly #answerError: AnswerError;
  /** The answer under way on a connection. */
  readonly #current = new WeakMap<Duplex, ServerResponse>();

  constructor(answerError: AnswerError) {
    this.#answerError = answerError;
  }

  /** Notes the answer under way, so that an error behind its request does not become a second one. */
  follow(response: ServerResponse): void {
    const { socket } = response.req;
    this.#current.set(socket, response);
    // A write that meets a lost connection is told by `close` as well.
    response.on("error", ignore);
    response.once("close", () => {
      if (this.#current.get(socket) === response) this.#current.delete(socket);
    });
  }

  /** Takes the `clientError` events of a server. */
  readonly answer = (error: Error & { readonly code?: string }, socket: Duplex): void => {
    const current = this.#current.get(socket);
    // Its request has been answered already: the client is to read that, whatever comes behind.
    if (current !== undefined && hasWholeAnswer(current)) closeSoon(socket);
    else if (error.code === "ECONNRESET" || current?.headersSent === true) socket.destroy();
    else if (current !== undefined) send(current, this.#answerTo(error));
    else sendOnSocket(socket, this.#answerTo(error));
  };

  #answerTo(error: Error & { readonly code?: string }): Answer {
    const [status, message] = FLAWS[error.code ?? ""] ?? [400, "The request is not valid HTTP"];
    return closing(this.#answerError(new ProxyError("invalid_request", message), status));
  }
}

function ignore(): void {
  // Nothing to do.
}

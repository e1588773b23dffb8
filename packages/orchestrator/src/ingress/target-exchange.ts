/**
 * One request and its response, HTTP/1.1 over a tunnel that no other request uses. node:http writes and reads it;
 * what it lets pass and nobody could trust is refused here (faults F13, F14).
 */
import { request as openRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { ProxyError } from "@porchlight/protocol/errors";
import { headerValue } from "@porchlight/protocol/header-list";
import { isFieldValue } from "@porchlight/protocol/http-field";
import { MAX_HEADER_BYTES, MAX_HEADERS } from "@porchlight/protocol/limits";
import { exactHeaders, flushHead } from "../http/exact-headers.ts";
import type { TunnelSocket } from "../tunnels/tunnel-socket.ts";
import { targetFailure } from "./target-failure.ts";

/** 1xx responses passed on before the target counts as hostile (faults F14). */
const MAX_INTERIM = 32;

/** A request as its target sees it. */
export interface TargetRequest {
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
  /** It asks to change protocols. */
  readonly isUpgrade: boolean;
  /** Host and port, for messages. */
  readonly where: string;
}

/** Hears what the target answers. After `onFailure`, or the response's own end or failure, nothing more comes. */
export interface TargetListener {
  /** An interim response; 101 is none. */
  onInterim(status: number, headers: readonly string[]): void;
  /** The final head, once; the body is the listener's to read. */
  onResponse(response: IncomingMessage): void;
  /** The target has changed protocols; `early` came right behind the head. */
  onSwitch(response: IncomingMessage, early: Uint8Array): void;
  onFailure(error: ProxyError): void;
}

/** A request under way. */
export class TargetExchange {
  /** Where the request's body is written, and its end. */
  readonly outgoing: ClientRequest;
  readonly #socket: TunnelSocket;
  readonly #request: TargetRequest;
  readonly #listener: TargetListener;
  #interim = 0;
  /** Once its head has been judged. */
  #response: IncomingMessage | undefined;
  #isOver = false;

  /** @throws {TypeError} when node:http finds a header that it cannot write */
  constructor(socket: TunnelSocket, request: TargetRequest, listener: TargetListener) {
    this.#socket = socket;
    this.#request = request;
    this.#listener = listener;
    this.outgoing = openRequest({
      method: request.method,
      path: request.path,
      headers: exactHeaders(request.headers),
      // Nothing is added: what goes out is what the client said.
      setDefaultHeaders: false,
      createConnection: () => socket,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    socket.on("error", this.#onError);
    this.outgoing.on("error", this.#onError);
    this.outgoing.on("information", this.#onInformation);
    this.outgoing.on("response", this.#onResponse);
    this.outgoing.on("upgrade", this.#onUpgrade);
  }

  /** Sends the head before there is a body. */
  flush(): void {
    flushHead(this.outgoing);
  }

  /** Ends it now; the listener hears nothing more. */
  abort(error: ProxyError): void {
    this.#isOver = true;
    this.#socket.abort(error);
  }

  /** The response is complete and so is the request: the target may close. */
  close(): void {
    this.#isOver = true;
    this.#socket.close();
  }

  readonly #onInformation = ({ statusCode, rawHeaders }: InterimResponse): void => {
    if (this.#isOver) return;
    this.#interim++;
    if (this.#interim > MAX_INTERIM) this.#refuse("sent too many interim responses");
    else if (rawHeaders.length > MAX_HEADERS * 2) this.#refuse(TOO_MANY_HEADERS);
    else this.#listener.onInterim(statusCode, rawHeaders);
  };

  readonly #onResponse = (response: IncomingMessage): void => {
    // Its end before time is told by its own `error`, which nobody may miss.
    response.on("error", this.#onError);
    if (this.#isOver) return;
    const flaw = flawOf(response);
    if (flaw !== undefined) return this.#refuse(flaw);
    this.#response = response;
    this.#listener.onResponse(response);
  };

  readonly #onUpgrade = (response: IncomingMessage, _: unknown, early: Buffer): void => {
    if (this.#isOver) return;
    if (!this.#request.isUpgrade) return this.#refuse("changed protocols unasked");
    if (response.rawHeaders.length > MAX_HEADERS * 2) return this.#refuse(TOO_MANY_HEADERS);
    this.#isOver = true;
    // It is a part of what the tunnel has lent.
    this.#listener.onSwitch(response, Buffer.from(early));
  };

  readonly #onError = (error: Error): void => {
    // What a target says behind its answer, or how it ends, takes nothing away from it.
    if (this.#response?.complete === true) return;
    const phase =
      this.#response !== undefined ? "body" : this.#socket.receivedBytes > 0 ? "head" : "request";
    this.#fail(targetFailure(error, phase, this.#request.where));
  };

  #refuse(flaw: string): void {
    this.#fail(new ProxyError("target_protocol_error", `${this.#request.where} ${flaw}`));
  }

  #fail(error: ProxyError): void {
    if (this.#isOver) return;
    this.abort(error);
    this.#listener.onFailure(error);
  }
}

interface InterimResponse {
  readonly statusCode: number;
  readonly rawHeaders: readonly string[];
}

const TOO_MANY_HEADERS = `sent more than ${MAX_HEADERS} headers`;

/** What node:http lets pass as a response and is none, or cannot be passed on. */
function flawOf(response: IncomingMessage): string | undefined {
  const { statusCode = 0, statusMessage = "", httpVersionMajor, rawHeaders } = response;
  if (httpVersionMajor !== 1) return "answered in another version of HTTP";
  // A 101 that says not to what, or a status below all others.
  if (statusCode < 200) return "answered with a status that ends no request";
  if (!isFieldValue(statusMessage)) return "gave a reason that is none";
  if (rawHeaders.length > MAX_HEADERS * 2) return TOO_MANY_HEADERS;
  const coding = headerValue(rawHeaders, "transfer-encoding");
  // No other was asked for. Source: RFC 9112 §6.1.
  if (coding !== undefined && coding.toLowerCase() !== "chunked")
    return "encoded its response's transfer";
  return undefined;
}

/**
 * One kept-alive HTTP/1.1 connection to an origin: an undici `Client` with one request at a time, so that a
 * request knows its connection and its timings, and ending it ends exactly that socket.
 */
import type { Socket } from "node:net";
import { MAX_HEADER_BYTES } from "@porchlight/protocol/limits";
import { ProxyError } from "@porchlight/protocol/errors";
import type { TargetPolicy } from "@porchlight/runtime/target-policy";
import { Client, type Dispatcher, type buildConnector } from "undici";
import {
  type ConnectAttempt,
  type ConnectTimings,
  type Connected,
  type Target,
  startConnect,
} from "./connector.ts";

/** How long a connection is kept without a request, whatever the target promises. Milliseconds. */
const IDLE_MS = 4_000;

/** Where a connection leads, for whom, and by which policy its addresses are judged. */
export interface TargetConnectionOptions {
  readonly url: URL;
  /** Whose requests it carries: connections are never shared across accounts (faults F13). */
  readonly account: string;
  readonly policy: () => TargetPolicy;
  /** The connection is closed; it may be used again, and connects anew. */
  readonly onDisconnect: (connection: TargetConnection) => void;
}

/** A connection that carries one request at a time; it connects when the first one comes, and anew after it was closed. */
export class TargetConnection {
  /** Account and origin: what it may be used again for. */
  readonly key: string;
  readonly target: Target;
  readonly #client: Client;
  readonly #policy: () => TargetPolicy;
  #attempt: ConnectAttempt | undefined;
  #connected: Connected | undefined;
  #connects = 0;

  constructor(options: TargetConnectionOptions) {
    this.key = connectionKey(options.account, options.url);
    this.target = targetOf(options.url);
    this.#policy = options.policy;
    this.#client = new Client(options.url.origin, {
      connect: (_, done) => this.#connect(done),
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      // One deadline per stream covers these.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    this.#client.on("disconnect", () => options.onDisconnect(this));
  }

  /** Connecting at this moment: no request has left. */
  get isConnecting(): boolean {
    return this.#attempt !== undefined;
  }

  /** How often it has connected. */
  get connects(): number {
    return this.#connects;
  }

  /** What the newest connect took. */
  get timings(): ConnectTimings | undefined {
    return this.#connected?.timings;
  }

  /** The TCP connection, to count its bytes. */
  get carrier(): Socket | undefined {
    return this.#connected?.carrier;
  }

  get isOpen(): boolean {
    return this.#connected !== undefined && !this.#connected.socket.destroyed;
  }

  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#client.dispatch(request, handler);
  }

  /** Ends it now, with whatever runs on it. */
  destroy(reason: ProxyError = CLOSED): void {
    this.#attempt?.abort(reason);
    this.#client.destroy(reason, () => undefined);
  }

  #connect(done: buildConnector.Callback): void {
    const attempt = startConnect(this.target, { policy: this.#policy() });
    this.#attempt = attempt;
    void attempt.connected.then(
      (connected) => this.#onConnected(connected, done),
      (error: unknown) => this.#onRefused(ProxyError.from(error), done),
    );
  }

  #onConnected(connected: Connected, done: buildConnector.Callback): void {
    this.#attempt = undefined;
    this.#connected = connected;
    this.#connects += 1;
    done(null, connected.socket);
  }

  #onRefused(error: ProxyError, done: buildConnector.Callback): void {
    this.#attempt = undefined;
    done(error, null);
  }
}

const CLOSED = new ProxyError("cancelled", "The connection was closed here");

/** What a connection may be used again for. */
export function connectionKey(account: string, url: URL): string {
  return `${url.origin} ${account}`;
}

function targetOf(url: URL): Target {
  const isSecure = url.protocol === "https:";
  const defaultPort = isSecure ? 443 : 80;
  return {
    host: url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === "" ? defaultPort : Number(url.port),
    secure: isSecure,
  };
}

/** The socket side of the job API and of the proxy: an HTTP or HTTPS server with its deadlines, opened and closed for good. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer, Server as SecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Logger } from "@porchlight/runtime/logger";
import type { ListenAddress } from "@porchlight/runtime/settings-parsers";
import { NO_SEAT, Roster, type Seated } from "@porchlight/runtime/roster";
import { StartError } from "./start-error.ts";
import type { TlsFiles } from "./tls-files.ts";

/** A connection without a finished request head (and TLS handshake) is ended after this. Milliseconds. */
const HEAD_TIMEOUT_MS = 10_000;

/** A request of the API has to be complete, body included, within this: 64 MiB at 1.8 Mbit/s. Milliseconds. */
const REQUEST_TIMEOUT_MS = 300_000;

/** Longer than the 60 s after which load balancers drop an idle connection, so that they do it first. Milliseconds. */
const KEEP_ALIVE_MS = 75_000;

/** How often deadlines of connections are looked at. Milliseconds. */
const DEADLINE_CHECK_MS = 2_000;

/** How long answers under way may still take once no work is left. Milliseconds. */
const CLOSING_GRACE_MS = 1_000;

/** How often connections that have become idle are looked for while closing. Milliseconds. */
const SWEEP_MS = 20;

/** Connections the system holds until they are accepted: all agents come back at once after a restart (faults F4). */
const BACKLOG = 4_096;

const SERVER_OPTIONS = {
  headersTimeout: HEAD_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  connectionsCheckingInterval: DEADLINE_CHECK_MS,
  noDelay: true,
  // The API refuses such a request with a body.
  requireHostHeader: false,
  // Clients that also offer HTTP/2 in the clear (Java's own, `curl --http2`) are answered. Source: RFC 9110 §7.8.
  shouldUpgradeCallback: isWebSocketUpgrade,
} as const;

function isWebSocketUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

/** What listens, and to whom it hands requests and upgrades; no `tls` means plain HTTP. */
export interface ListenerOptions {
  readonly tls: TlsFiles | undefined;
  /** Answers requests, and what is none. */
  readonly api: { readonly handle: RequestListener; protect(server: Server): void };
  /** Takes agents in. */
  readonly door: { handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void };
  readonly logger: Pick<Logger, "warn">;
  /** Within this a request has to be complete; 0 means no bound. Default five minutes. */
  readonly requestTimeoutMs?: number;
}

/** Where a listener can be reached. */
export interface BoundAddress {
  readonly host: string;
  readonly port: number;
  /** `http://host:port`, or `https:`; without a final slash. */
  readonly url: string;
}

interface Connection extends Seated {
  readonly socket: Socket;
}

/** One listening server and every connection it has accepted. */
export class HttpListener {
  readonly #server: Server | SecureServer;
  readonly #isSecure: boolean;
  readonly #logger: ListenerOptions["logger"];
  /** All of them, also those in a TLS handshake or upgraded, which the server's own list leaves out. */
  readonly #connections = new Roster<Connection>();
  #closing: Promise<void> | undefined;

  constructor({ tls, api, door, logger, requestTimeoutMs }: ListenerOptions) {
    this.#logger = logger;
    this.#isSecure = tls !== undefined;
    const options = { ...SERVER_OPTIONS, requestTimeout: requestTimeoutMs ?? REQUEST_TIMEOUT_MS };
    this.#server =
      tls === undefined
        ? createServer(options, api.handle)
        : createSecureServer(
            // Either side of a proxied connection may end alone.
            { ...options, ...tls.context, handshakeTimeout: HEAD_TIMEOUT_MS, allowHalfOpen: true },
            api.handle,
          );
    if (this.#server instanceof SecureServer) tls?.follow(this.#server);
    api.protect(this.#server);
    this.#server.on("upgrade", (...upgrade) => door.handleUpgrade(...upgrade));
    this.#server.on("connection", (socket: Socket) => {
      const connection = { socket, seat: NO_SEAT };
      this.#connections.add(connection);
      socket.once("close", () => this.#connections.delete(connection));
    });
  }

  /**
   * Begins to listen; port 0 takes any free one.
   * @throws {StartError} with exit code 1 when the address is taken, not allowed, or none of this machine
   */
  async open({ host, port }: ListenAddress): Promise<BoundAddress> {
    this.#server.listen({ host, port, backlog: BACKLOG });
    try {
      await once(this.#server, "listening");
    } catch (cause) {
      throw listenError(`${urlHost(host)}:${port}`, cause);
    }
    // Accepting fails while the process has no file descriptor left, and goes on when there is one again (faults F18).
    this.#server.on("error", (err) =>
      this.#logger.warn({ err }, "A connection could not be accepted"),
    );
    const bound = this.#server.address() as AddressInfo;
    const scheme = this.#isSecure ? "https" : "http";
    return { host, port: bound.port, url: `${scheme}://${urlHost(host)}:${bound.port}` };
  }

  /** Takes no new connections, lets answers under way leave for a moment, then ends all connections. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    // A connection becomes idle when its answer is out; `close` has ended only those that were idle then.
    const sweep = setInterval(() => this.#server.closeIdleConnections(), SWEEP_MS);
    const deadline = setTimeout(() => this.#destroySockets(), CLOSING_GRACE_MS);
    await closed;
    clearInterval(sweep);
    clearTimeout(deadline);
  }

  #destroySockets(): void {
    for (const { socket } of this.#connections) socket.destroy();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there",
  EACCES: "this user may not listen there",
  EADDRNOTAVAIL: "this machine does not have the address",
  ENOTFOUND: "the name is not known",
};

function listenError(address: string, cause: unknown): StartError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
  const reason = REASONS[code] ?? code;
  return new StartError(1, `Could not listen on ${address}: ${reason}`, { cause });
}

function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

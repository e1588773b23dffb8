/**
 * A target on loopback that behaves well or badly by path: the friendly paths are in `target-routes.ts`,
 * the hostile ones in `hostile-routes.ts`. It counts what reaches it, so that a test can say that nothing did.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer } from "ws";
import { testCertificate } from "./certificate.ts";
import { HOSTILE_ROUTES } from "./hostile-routes.ts";
import { FRIENDLY_ROUTES, type Exchange, type Route } from "./target-routes.ts";

/** A request as the target saw it. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Name, value, name, value, … as they came. */
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage["headers"];
  /** Number of the connection it came on, from 1. */
  readonly connection: number;
  /** Body bytes that have arrived so far. */
  bodyBytes: number;
  /** The connection went away before the answer was complete. */
  aborted: boolean;
}

/** A listening target and what it has seen; leaving its scope ends every connection of it. */
export interface TargetServer extends AsyncDisposable {
  /** Like `http://127.0.0.1:40001`. */
  readonly origin: string;
  readonly port: number;
  readonly requests: readonly SeenRequest[];
  /** Connections accepted since the start. */
  readonly connections: number;
  /** Connections open now. */
  readonly openConnections: number;
  /** Makes or replaces the behaviour of `/name`. */
  route(name: string, route: Route): void;
}

/** How the target listens; plain HTTP by default. */
export interface TargetOptions {
  /** Speaks TLS with the test certificate. */
  readonly tls?: boolean;
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
}

/** Starts a target; unknown paths answer 404, and a WebSocket on any path gets back each message it sends. */
export async function startTarget(options: TargetOptions = {}): Promise<TargetServer> {
  const { tls = false, host = "127.0.0.1", port = 0 } = options;
  const server: Server = tls ? createTlsServer(await testCertificate()) : createServer();
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  server.keepAliveTimeout = 60_000;
  const target = new Target(server, tls ? "https" : "http");
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return target;
}

class Target implements TargetServer {
  readonly requests: SeenRequest[] = [];
  connections = 0;
  readonly #server: Server;
  readonly #scheme: string;
  readonly #webSockets = new WebSocketServer({ noServer: true });
  readonly #numbers = new Map<Socket, number>();
  readonly #routes = new Map<string, Route>([
    ...Object.entries(FRIENDLY_ROUTES),
    ...Object.entries(HOSTILE_ROUTES),
  ]);

  constructor(server: Server, scheme: string) {
    this.#server = server;
    this.#scheme = scheme;
    server.on(scheme === "https" ? "secureConnection" : "connection", (socket: Socket) => {
      this.#accept(socket);
    });
    server.on("request", (request, response) => {
      const { socket } = request;
      const url = new URL(request.url ?? "/", this.origin);
      this.#record(request);
      this.#answer({ request, response, socket, url, parameter: url.pathname.split("/")[2] ?? "" });
    });
    server.on("upgrade", (request, socket, head) => {
      this.#record(request);
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on("error", () => webSocket.terminate());
        webSocket.on("message", (data: Buffer, binary) => webSocket.send(data, { binary }));
      });
    });
    server.on("clientError", (_error, socket) => socket.destroy());
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    const { address, port, family } = this.#server.address() as AddressInfo;
    return `${this.#scheme}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  get openConnections(): number {
    return this.#numbers.size;
  }

  route(name: string, route: Route): void {
    this.#routes.set(name, route);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#numbers.keys()) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#numbers.set(socket, ++this.connections);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#numbers.delete(socket));
  }

  #record(request: IncomingMessage): void {
    const seen: SeenRequest = {
      method: request.method ?? "",
      path: request.url ?? "",
      rawHeaders: request.rawHeaders,
      headers: request.headers,
      connection: this.#numbers.get(request.socket) ?? 0,
      bodyBytes: 0,
      aborted: false,
    };
    this.requests.push(seen);
    request.on("data", (chunk: Buffer) => (seen.bodyBytes += chunk.length));
    request.on("error", () => (seen.aborted = true));
  }

  #answer(exchange: Exchange): void {
    const seen = this.requests.at(-1);
    exchange.response.once("close", () => {
      if (seen && !exchange.response.writableFinished) seen.aborted = true;
    });
    const route = this.#routes.get(exchange.url.pathname.split("/")[1] ?? "");
    if (route) route(exchange);
    else exchange.response.writeHead(404).end("No such path\n");
  }
}

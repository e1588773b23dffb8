/**
 * A door for tests and benchmarks only: takes CONNECT on loopback, asks nobody for a key, and joins the
 * client's socket with a tunnel through whatever `openTunnel` opens.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { ProxyError } from "@porchlight/protocol/errors";
import { Splice } from "@porchlight/runtime/splice";
import type { TunnelExchange, TunnelListener } from "porchlight/agents/link";

/** Opens a tunnel to a target; the listener hears nothing before this returns. */
export type OpenTunnel = (
  target: { readonly host: string; readonly port: number },
  listener: TunnelListener,
) => TunnelExchange;

const ESTABLISHED = Buffer.from("HTTP/1.1 200 Connection Established\r\n\r\n");

export class ConnectDoor implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(server: Server, openTunnel: OpenTunnel) {
    this.#server = server;
    server.on("connect", (request, stream, head: Buffer) => {
      // A server that was not given another kind of connection hands out TCP sockets.
      const socket = stream as Socket;
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      const { hostname: host, port } = new URL(`connect://${request.url ?? ""}`);
      new Tunnel(socket, head).open((listener) =>
        openTunnel({ host, port: Number(port) }, listener),
      );
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Listens on any free loopback port. */
export async function startConnectDoor(openTunnel: OpenTunnel): Promise<ConnectDoor> {
  const server = createServer({ noDelay: true });
  const door = new ConnectDoor(server, openTunnel);
  server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 });
  await once(server, "listening");
  return door;
}

/** One CONNECT: success is answered only when the agent has connected. */
class Tunnel implements TunnelListener {
  readonly #socket: Socket;
  readonly #head: Buffer;
  #exchange: TunnelExchange | undefined;
  #splice: Splice | undefined;

  constructor(socket: Socket, head: Buffer) {
    this.#socket = socket;
    this.#head = head;
  }

  open(openTunnel: (listener: TunnelListener) => TunnelExchange): void {
    this.#socket.once("close", this.#onEarlyClose);
    this.#socket.on("error", () => undefined);
    this.#exchange = openTunnel(this);
  }

  onConnected(): void {
    if (!this.#exchange) return;
    this.#socket.off("close", this.#onEarlyClose);
    this.#socket.write(ESTABLISHED);
    const stream = this.#exchange;
    this.#splice = new Splice({ socket: this.#socket, stream, onEnd: () => undefined });
    if (this.#head.length > 0) stream.write(this.#head);
  }

  onData(chunk: Uint8Array): void {
    this.#splice?.onData(chunk);
  }

  onEnd(): void {
    this.#splice?.onEnd();
  }

  onDrain(): void {
    this.#splice?.onDrain();
  }

  onError(error: ProxyError): void {
    if (this.#splice) this.#splice.onError(error);
    else this.#socket.end(`HTTP/1.1 502 Bad Gateway\r\nX-Error: ${error.code}\r\n\r\n`);
  }

  readonly #onEarlyClose = (): void => {
    this.#exchange?.abort("cancelled", "The client went away");
  };
}

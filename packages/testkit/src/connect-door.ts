/**
 * A door for tests and benchmarks only: takes CONNECT on loopback, asks nobody for a key, and joins the
 * client's socket with a tunnel through an agent.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { ProxyError } from "@porchlight/protocol/errors";
import { createId } from "@porchlight/runtime/ids";
import { roomySocket } from "@porchlight/runtime/roomy-socket";
import { Splice } from "@porchlight/runtime/splice";
import type { OpenedTunnel, RunningTunnel, TunnelDoor } from "porchlight/tunnels/tunnel-request";
import type { Tunnels } from "porchlight/tunnels/tunnels";

const OPEN_TIMEOUT_MS = 10_000;

const ESTABLISHED = Buffer.from("HTTP/1.1 200 Connection Established\r\n\r\n");

/** The listening door; leaving its scope ends every connection of it. */
export class ConnectDoor implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(server: Server, tunnels: Tunnels) {
    this.#server = server;
    server.on("connect", (request, stream, head: Buffer) => {
      // A server that was not given another kind of connection hands out TCP sockets.
      const socket = stream as Socket;
      this.#keep(socket);
      new Client({ socket, head }).open(tunnels, request.url ?? "");
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
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
export async function startConnectDoor(tunnels: Tunnels): Promise<ConnectDoor> {
  const server = createServer({ noDelay: true });
  const door = new ConnectDoor(server, tunnels);
  server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 });
  await once(server, "listening");
  return door;
}

/** One CONNECT: success is answered only when the agent has connected. */
class Client implements TunnelDoor {
  readonly borrows = true;
  readonly #socket: Socket;
  readonly #head: Buffer;
  #running: RunningTunnel | undefined;
  #splice: Splice | undefined;

  constructor(options: { socket: Socket; head: Buffer }) {
    this.#socket = options.socket;
    this.#head = options.head;
  }

  open(tunnels: Tunnels, authority: string): void {
    this.#socket.on("error", () => undefined);
    this.#socket.once("close", this.#onEarlyClose);
    const { hostname: host, port } = new URL(`connect://${authority}`);
    this.#running = tunnels.open(
      {
        id: createId("job"),
        requestId: createId("req"),
        door: "connect",
        account: "test",
        host,
        port: Number(port),
        targeting: {},
        priority: 5,
        openTimeoutMs: OPEN_TIMEOUT_MS,
        maxRetries: 0,
      },
      this,
    );
  }

  onOpen({ exchange }: OpenedTunnel): void {
    this.#socket.off("close", this.#onEarlyClose);
    const socket = this.#socket;
    const { reads, early } = roomySocket(socket);
    socket.write(ESTABLISHED);
    if (this.#head.length > 0) exchange.write(this.#head);
    if (early !== undefined) exchange.write(early);
    this.#splice = new Splice({
      socket,
      stream: exchange,
      onEnd: () => undefined,
      ...(reads === undefined ? {} : { reads }),
    });
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
    this.#running?.cancel("The client went away");
  };
}

/** A proxy door without authentication, whose tunnels lead to loopback without any agent: for the tests of forwarding. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect, createServer as createTcpServer, type Socket } from "node:net";
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { Attempt } from "@porchlight/protocol/job";
import { silentLogger } from "@porchlight/runtime/logger";
import { parseCidrs, parsePorts } from "@porchlight/runtime/target-policy";
import type { TestCertificate } from "@porchlight/testkit/certificate";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import type { TunnelExchange } from "../agents/link.ts";
import type {
  OpenedTunnel,
  RunningTunnel,
  TunnelDoor,
  TunnelRequest,
} from "../tunnels/tunnel-request.ts";
import type { DoorRequest } from "./door-request.ts";
import { createForwarder, type Forwarder, type ForwarderOptions } from "./forwarder.ts";
import { answerHalfClosed } from "./half-closed.ts";
import { Refusals } from "./refusals.ts";

/** As much as a tunnel brings without credit. */
const WINDOW_BYTES = 256 * 1024;

const AGENT = "agent_1";

/** One tunnel of the fake: a plain connection that is read as long as there is credit. */
export class PlainTunnel implements TunnelExchange, RunningTunnel {
  readonly request: TunnelRequest;
  /** Bytes that came and were not given back, at their most. */
  mostOwedBytes = 0;
  owedBytes = 0;
  /** Why it was broken off. */
  abortedWith: ErrorCode | undefined;
  hasEnded = false;
  readonly #door: TunnelDoor;
  readonly #socket: Socket;
  #hasTargetEnded = false;
  #isOver = false;

  constructor(request: TunnelRequest, door: TunnelDoor, port: number) {
    this.request = request;
    this.#door = door;
    this.#socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.#socket.on("connect", () => this.#open());
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#socket.on("end", () => this.#onEnd());
    this.#socket.on("drain", () => this.#isOver || door.onDrain());
    this.#socket.on("error", () => this.break("connection_reset"));
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  write(chunk: Uint8Array): boolean {
    return this.#socket.write(chunk);
  }

  end(): void {
    this.hasEnded = true;
    this.#socket.end();
    this.#settle();
  }

  consume(bytes: number): void {
    this.owedBytes -= bytes;
    if (this.owedBytes < WINDOW_BYTES) this.#socket.resume();
  }

  abort(code: ErrorCode): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.abortedWith = code;
    this.#socket.destroy();
  }

  cancel(): void {
    this.abort("cancelled");
  }

  /** Its agent is lost, or says that the connection broke. */
  break(code: ErrorCode): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.destroy();
    this.#door.onError(new ProxyError(code, "It broke"), ATTEMPTS);
  }

  #onEnd(): void {
    if (this.#isOver) return;
    this.#hasTargetEnded = true;
    this.#door.onEnd();
    this.#settle();
  }

  #settle(): void {
    if (this.hasEnded && this.#hasTargetEnded) this.#isOver = true;
  }

  #open(): void {
    this.#door.onOpen({ ...OPENED, exchange: this });
  }

  #take(chunk: Uint8Array): void {
    if (this.#isOver) return;
    this.owedBytes += chunk.length;
    this.mostOwedBytes = Math.max(this.mostOwedBytes, this.owedBytes);
    if (this.owedBytes >= WINDOW_BYTES) this.#socket.pause();
    this.#door.onData(chunk);
    // It was lent: what shows from now on is another stream's.
    if (this.#door.borrows === true) chunk.fill(0x3f);
  }
}

const ATTEMPTS: readonly Attempt[] = [{ agent: AGENT, ms: 1 }];

/** What the tunnels say when they are open. */
export const OPENED: Omit<OpenedTunnel, "exchange"> = {
  head: { kind: "tcp", address: "127.0.0.1", dnsMs: 0, connectMs: 0 },
  exit: { agentId: AGENT, name: "one", ip: "203.0.113.7" },
  attempts: ATTEMPTS,
  session: { id: "s", moved: true, expiresAt: "2030-01-01T00:00:00Z" },
};

/** Tunnels that lead to the loopback port of the target's URL, whatever its host. */
export class PlainTunnels {
  readonly opened: PlainTunnel[] = [];
  /** When set, tunnels fail with it instead. */
  failure: ErrorCode | undefined;
  /** When set, tunnels stay as they are: neither open nor failed. */
  isStuck = false;
  cancelled = 0;

  get last(): PlainTunnel {
    const tunnel = this.opened.at(-1);
    if (tunnel === undefined) throw new Error("No tunnel was opened");
    return tunnel;
  }

  open(request: TunnelRequest, door: TunnelDoor): RunningTunnel {
    const { failure } = this;
    const running = { cancel: () => void this.cancelled++ };
    if (this.isStuck) return running;
    if (failure === undefined) {
      const tunnel = new PlainTunnel(request, door, request.port);
      this.opened.push(tunnel);
      return tunnel;
    }
    queueMicrotask(() => door.onError(new ProxyError(failure, "No way"), ATTEMPTS));
    return running;
  }
}

/** A client that is let in, without a wish. */
export const ORDER: DoorRequest = {
  requestId: "req_1",
  principal: { keyId: "key_1", account: "acme", name: "shop", role: "client" },
  options: { targeting: {}, session: undefined, tag: undefined },
};

/** A listening door; leaving its scope ends its connections. */
export interface ForwardDoor extends AsyncDisposable {
  readonly port: number;
  readonly tunnels: PlainTunnels;
  readonly server: Server;
}

/** Listens on any free loopback port, with TLS when it is given a certificate. */
export async function startForwardDoor(
  options: Partial<ForwarderOptions> = {},
  certificate?: TestCertificate,
): Promise<ForwardDoor> {
  const tunnels = new PlainTunnels();
  const forwarder = createForwarder({
    tunnels,
    targets: { ports: parsePorts("*"), allow: parseCidrs("127.0.0.0/8") },
    openTimeoutMs: 5_000,
    headTimeoutMs: 5_000,
    refusals: new Refusals(),
    logger: silentLogger(),
    ...options,
  });
  const rules = { shouldUpgradeCallback: isWebSocket, requireHostHeader: false };
  const server =
    certificate === undefined
      ? createServer(rules)
      : createSecureServer({
          ...rules,
          cert: certificate.cert,
          key: certificate.key,
          allowHalfOpen: true,
        });
  answerHalfClosed(server);
  listenFor(server, forwarder);
  const port = await listenOnLoopback(server);
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  return {
    port,
    tunnels,
    server,
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      for (const tunnel of tunnels.opened) tunnel.cancel();
    },
  };
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

function listenFor(server: Server, forwarder: Forwarder): void {
  const forward = (request: IncomingMessage, response: ServerResponse): void =>
    forwarder.forward(request, response, ORDER);
  server.on("request", forward);
  server.on("checkContinue", forward);
  server.on("upgrade", (request, socket, head: Buffer) =>
    forwarder.upgrade(request, { socket, early: head }, ORDER),
  );
}

/** A target that is bare TCP: what it gets is kept byte for byte, and what it says is up to the test. */
export interface RawTarget extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
  /** Bytes that came, one character each, by connection. */
  readonly received: readonly string[];
  /** Connections open now. */
  readonly open: number;
}

/** Called with each chunk that comes: all of the connection's text so far, and where to answer. */
export type RawScript = (text: string, socket: Socket) => void;

/** Listens on any free loopback port; with `answersEnd`, what a client's end is answered with is "the rest". */
export async function startRawTarget(script: RawScript, answersEnd = false): Promise<RawTarget> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  const server = createTcpServer({ allowHalfOpen: answersEnd }, (socket) => {
    const index = received.push("") - 1;
    sockets.add(socket);
    socket.on("error", () => undefined);
    if (answersEnd) socket.once("end", () => socket.end("the rest"));
    socket.once("close", () => sockets.delete(socket));
    socket.on("data", (chunk: Buffer) => {
      const text = `${received[index]}${chunk.toString("latin1")}`;
      received[index] = text;
      script(text, socket);
    });
  });
  const port = await listenOnLoopback(server);
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    received,
    get open() {
      return sockets.size;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

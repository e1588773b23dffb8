/**
 * The door of proxy clients. All of them come to one listener and are told apart by their first bytes:
 *
 *   05            SOCKS5
 *   04            SOCKS4: closed
 *   CONNECT …     a tunnel at once, when the first read holds the whole head and nothing is unusual about it
 *   anything      Node's HTTP server: requests to be forwarded, and every other CONNECT
 *
 * Both ways of CONNECT are judged by the same functions.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Server as SecureServer } from "node:https";
import { Socket, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { ProxyError } from "@porchlight/protocol/errors";
import { createId } from "@porchlight/runtime/ids";
import { LineAllowance } from "@porchlight/runtime/line-allowance";
import type { Logger } from "@porchlight/runtime/logger";
import type { Authenticator } from "../accounts/authenticator.ts";
import { closing, send } from "../http/answer.ts";
import { ClientErrors } from "../http/client-errors.ts";
import type { ConnectionLimit } from "../http/connection-limit.ts";
import { Admission } from "./admission.ts";
import { parseAuthority, type Authority } from "./authority.ts";
import { ConnectAnswers } from "./connect-answers.ts";
import { parseConnectHead } from "./connect-head.ts";
import { readCredentials } from "./credentials.ts";
import { tunnelRequest, type DoorRequest, type ProxyRules } from "./door-request.ts";
import type { Forwarder } from "./forwarder.ts";
import { greet } from "./greeting.ts";
import { answerHalfClosed } from "./half-closed.ts";
import { judgeHead, type HeadFlaw, type RequestHead } from "./head-check.ts";
import { proxyErrorAnswer, sendProxyError, sendProxyErrorOnSocket } from "./proxy-error.ts";
import type { DoorName, RefusalCount, Refusals } from "./refusals.ts";
import { SocksClient, type SocksParts } from "./socks-client.ts";
import { SOCKS4, SOCKS5 } from "./socks-handshake.ts";
import { TunnelClient, type TunnelOpener } from "./tunnel-client.ts";
import { Visitors, type Visit, type VisitorCaps } from "./visitors.ts";

/** Log lines on refused SOCKS requests: strangers do not fill the log. */
const REFUSAL_LINES = { burst: 10, perSecond: 10 };

/** Who comes in by which rules, and who does the work. */
export interface ProxyDoorOptions {
  readonly keys: Pick<Authenticator, "authenticate" | "onRevoked">;
  readonly tunnels: TunnelOpener;
  readonly forwarder: Forwarder;
  readonly rules: ProxyRules;
  readonly caps: VisitorCaps;
  readonly refusals: Refusals;
  readonly connectionLimit: ConnectionLimit;
  /** Host that the proxy listens on. */
  readonly listenHost: string;
  readonly logger: Logger;
  /** Whether this node is leaving: connections are closed after their next answer. */
  isDraining(): boolean;
}

/** The door, to be put behind one server. */
export class ProxyDoor {
  readonly #options: ProxyDoorOptions;
  readonly #admission: Admission;
  readonly #visitors: Visitors;
  readonly #errors: ClientErrors;
  readonly #stopHearing: () => void;
  readonly #own: { port: number };
  readonly #refusalLines = new LineAllowance(REFUSAL_LINES, performance.now());
  #serveHttp: (socket: Socket) => void = () => undefined;

  constructor(options: ProxyDoorOptions) {
    const { keys, rules, connectionLimit, listenHost, caps, refusals } = options;
    this.#options = options;
    const checkRoom = (): void => connectionLimit.check();
    const own = { host: listenHost, port: 0 };
    this.#own = own;
    this.#admission = new Admission({ keys, rules, checkRoom, own });
    this.#visitors = new Visitors(caps);
    this.#stopHearing = keys.onRevoked((keyId) => this.#visitors.endKey(keyId));
    this.#errors = new ClientErrors((error, status) => {
      refusals.count("http", error.code);
      return proxyErrorAnswer(error, { requestId: createId("req"), status });
    });
  }

  /** Connections open at this moment. */
  get connections(): number {
    return this.#visitors.open;
  }

  /** Stands in front of a server: its connections come here first. */
  protect(server: Server): void {
    this.#options.connectionLimit.watch(server);
    answerHalfClosed(server);
    // Before TLS takes it over.
    server.prependListener("connection", this.#enter);
    server.once("listening", () => {
      this.#own.port = (server.address() as AddressInfo).port;
    });
    const event = server instanceof SecureServer ? "secureConnection" : "connection";
    const serve = server.listeners(event).find(({ name }) => name === "connectionListener");
    if (serve === undefined) throw new Error("The HTTP server takes its connections elsewhere");
    server.off(event, serve as () => void);
    this.#serveHttp = (socket) => {
      Reflect.apply(serve, server, [socket]);
    };
    server.on(event, this.#accept);
    // What is expected of the target, the target answers.
    server.on("checkContinue", this.handle);
    server.on("checkExpectation", this.handle);
    server.on("clientError", this.#errors.answer);
    server.on("connect", this.#onConnect);
  }

  /** What clients have been refused for. */
  get refusals(): readonly RefusalCount[] {
    return this.#options.refusals.counts;
  }

  /** Takes the `request` events of the server: requests to be forwarded. */
  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#errors.follow(response);
    if (this.#options.isDraining()) response.setHeader("Connection", "close");
    const requestId = createId("req");
    const head = headOf(request);
    const flaw = this.#flawOf(head, "http");
    if (flaw !== undefined) {
      return send(response, closing(proxyErrorAnswer(flaw.error, { requestId, ...flaw })));
    }
    try {
      const order = this.#admit(request.socket, head, requestId);
      this.#options.forwarder.forward(request, response, order);
    } catch (thrown) {
      sendProxyError(response, this.#noted(thrown, requestId, "http"), { requestId });
    }
  };

  /** Takes the `upgrade` events of the server. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, early: Buffer): void {
    socket.on("error", () => socket.destroy());
    if (this.#endsIfBusy(request.socket, "http")) return;
    const requestId = createId("req");
    try {
      const head = headOf(request);
      const flaw = this.#flawOf(head, "http");
      if (flaw !== undefined) {
        return sendProxyErrorOnSocket(socket, flaw.error, { requestId, ...flaw });
      }
      const order = this.#admit(request.socket, head, requestId);
      this.#options.forwarder.upgrade(request, { socket, early }, order);
    } catch (thrown) {
      sendProxyErrorOnSocket(socket, this.#noted(thrown, requestId, "http"), { requestId });
    }
  }

  /** Ends all connections and hears of no key any more. Idempotent. */
  close(): void {
    this.#stopHearing();
    this.#visitors.close();
  }

  /** A connection that stays in its TLS handshake is one of its address as well; one that ends in it is not held. */
  readonly #enter = (socket: Socket): void => {
    this.#visitors.enter(socket);
    socket.allowHalfOpen = false;
  };

  readonly #accept = (socket: Socket): void => {
    socket.allowHalfOpen = true;
    const visit = this.#visitors.of(socket);
    socket.on("error", ignore);
    greet(socket, (first, onGreeted) => {
      if (first[0] === SOCKS5) {
        return new SocksClient({ socket, visit, onGreeted }, this.#socks).start(first);
      }
      onGreeted();
      if (first[0] === SOCKS4) socket.destroy();
      else if (visit.isCrowded) this.#refuseCrowd(socket, visit);
      else this.#takeHttp(socket, first);
    });
  };

  get #socks(): SocksParts {
    const { tunnels, rules, logger, refusals } = this.#options;
    const lines = this.#refusalLines;
    return { admission: this.#admission, tunnels, rules, logger, lines, refusals };
  }

  /** Before its head is complete: slow ones are what there are too many of (faults P7). */
  #refuseCrowd(socket: Socket, visit: Visit): void {
    const requestId = createId("req");
    try {
      visit.checkAddress();
    } catch (thrown) {
      sendProxyErrorOnSocket(socket, this.#noted(thrown, requestId, "http"), { requestId });
    }
  }

  #takeHttp(socket: Socket, first: Buffer): void {
    const fast = parseConnectHead(first);
    if (fast !== undefined) {
      return this.#connect(socket, fast.head, first.subarray(fast.headBytes));
    }
    socket.off("error", ignore);
    socket.unshift(first);
    this.#serveHttp(socket);
    socket.resume();
  }

  readonly #onConnect = (request: IncomingMessage, stream: Duplex, early: Buffer): void => {
    stream.on("error", ignore);
    if (!(stream instanceof Socket)) return void stream.destroy();
    if (this.#endsIfBusy(stream, "connect")) return;
    this.#connect(stream, headOf(request), early);
  };

  /** An answer that is still due would end up in the tunnel, and a refusal in that answer: such a connection ends. */
  #endsIfBusy(socket: Socket, door: DoorName): boolean {
    if (!this.#options.forwarder.isBusy(socket)) return false;
    const message = "A tunnel was asked for behind a request that is not answered yet";
    this.#noted(new ProxyError("invalid_request", message), createId("req"), door);
    socket.destroy();
    return true;
  }

  #connect(socket: Socket, head: RequestHead, early: Buffer): void {
    const requestId = createId("req");
    const flaw = this.#flawOf(head, "connect");
    if (flaw !== undefined) {
      return sendProxyErrorOnSocket(socket, flaw.error, { requestId, ...flaw });
    }
    try {
      const order = this.#admit(socket, head, requestId);
      const { host, port } = parseAuthority(head.url);
      this.#admission.judgeTarget({ host, port }, socket);
      const { tunnels, rules } = this.#options;
      const id = createId("job");
      const answers = new ConnectAnswers(socket, { requestId, jobId: id });
      const request = tunnelRequest(order, { id, host, port, door: "connect" }, rules);
      new TunnelClient({ socket, early, answers }).open(tunnels, request);
    } catch (thrown) {
      sendProxyErrorOnSocket(socket, this.#noted(thrown, requestId, "connect"), { requestId });
    }
  }

  /** @throws {ProxyError} why this client is not let in, or that its target is this proxy (faults P19) */
  #admit(socket: Socket, { method, url, rawHeaders }: RequestHead, requestId: string): DoorRequest {
    const visit = this.#visitors.of(socket);
    visit.checkAddress();
    const credentials = readCredentials(rawHeaders);
    const order = this.#admission.admit({ credentials, visit, requestId });
    const target = method === "CONNECT" ? undefined : authorityOf(url);
    if (target !== undefined) this.#admission.judgeLoop(target, socket);
    return order;
  }

  #flawOf(head: RequestHead, door: DoorName): HeadFlaw | undefined {
    const flaw = judgeHead(head);
    if (flaw !== undefined) this.#options.refusals.count(door, flaw.error.code);
    return flaw;
  }

  #noted(thrown: unknown, requestId: string, door: DoorName): ProxyError {
    const error = ProxyError.from(thrown);
    this.#options.refusals.count(door, error.code);
    const fields = { requestId, code: error.code };
    if (error.code === "internal") {
      this.#options.logger.error({ ...fields, err: thrown }, "Proxy request failed");
    } else this.#options.logger.debug(fields, "Proxy request refused");
    return error;
  }
}

function headOf({ method = "", url = "", httpVersion, rawHeaders }: IncomingMessage): RequestHead {
  return { method, url, httpVersion, rawHeaders };
}

/** Host and port of a URL in absolute form; `undefined` for what the forwarder is going to refuse. */
function authorityOf(url: string): Authority | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.hostname === "") return undefined;
  const defaultPort = parsed.protocol === "https:" ? 443 : 80;
  return { host: parsed.hostname, port: parsed.port === "" ? defaultPort : Number(parsed.port) };
}

function ignore(): void {
  // `close` follows and tells all that is needed.
}

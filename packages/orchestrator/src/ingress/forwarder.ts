import type { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ProxyError } from "@porchlight/protocol/errors";
import type { Logger } from "@porchlight/runtime/logger";
import type { TargetPolicy } from "@porchlight/runtime/target-policy";
import { commonHeaders } from "../http/answer-headers.ts";
import { send } from "../http/answer.ts";
import type { DoorRequest } from "./door-request.ts";
import { ResponseClient, type ForwardClient } from "./forward-client.ts";
import { ForwardExchange, type ForwardContext } from "./forward-exchange.ts";
import { forwardTarget, type ForwardTarget } from "./forward-target.ts";
import { maxForwards, ownAnswer, type LimitedRequest } from "./max-forwards.ts";
import { sendProxyErrorOnSocket } from "./proxy-error.ts";
import type { Refusals } from "./refusals.ts";
import { RequestTurns } from "./request-turns.ts";
import { UpgradeClient } from "./upgrade-client.ts";

/** A connection that Node's HTTP server has let go of. */
export interface BareConnection {
  readonly socket: Duplex;
  /** What came behind the request. */
  readonly early: Buffer;
}

/**
 * Sends requests in absolute form on to their targets. It is given those whose head is well-formed and whose client
 * has proven itself; whether the target may be reached is its own to judge.
 */
export interface Forwarder {
  /** Answers the request, whatever happens; never throws. */
  forward(request: IncomingMessage, response: ServerResponse, order: DoorRequest): void;
  /**
   * The same for one that asks to become a WebSocket, on a connection that is not busy; from here on nobody else
   * listens to the socket.
   */
  upgrade(request: IncomingMessage, connection: BareConnection, order: DoorRequest): void;
  /** Whether a request of this connection is under way: nothing but its answer may be written to it. */
  isBusy(socket: Socket): boolean;
}

/** What a forwarder needs of its node. */
export interface ForwarderOptions extends ForwardContext {
  readonly targets: TargetPolicy;
  readonly refusals: Refusals;
  readonly logger: Logger;
}

/** Makes the forwarder of a node. */
export function createForwarder(options: ForwarderOptions): Forwarder {
  return new TunnelForwarder(options);
}

/** What is told of a request by its head alone. */
interface Judged {
  readonly target: ForwardTarget;
  /** How often the request may still be sent on. */
  readonly limit: number | undefined;
}

/** Sends every request through a tunnel of its own. */
class TunnelForwarder implements Forwarder {
  readonly #options: ForwarderOptions;
  readonly #turns = new RequestTurns();

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  forward(request: IncomingMessage, response: ServerResponse, order: DoorRequest): void {
    const client = new ResponseClient(response);
    const judged = this.#judge(request, client, order);
    if (judged === undefined) return;
    const { target, limit } = judged;
    if (limit === 0) return answerHere(request, response, order);
    const left = limit === undefined ? undefined : limit - 1;
    const exchange = new ForwardExchange(
      { request, client, target, order, maxForwards: left },
      this.#options,
    );
    this.#turns.take(response, () => exchange.start());
  }

  isBusy(socket: Socket): boolean {
    return this.#turns.isBusy(socket);
  }

  upgrade(request: IncomingMessage, { socket, early }: BareConnection, order: DoorRequest): void {
    if (!(socket instanceof Socket)) return this.#refuseBody(socket, order);
    const client = new UpgradeClient(socket, early);
    const target = this.#judge(request, client, order)?.target;
    if (target === undefined) return;
    const forward = { request, client, upgrade: client, target, order, maxForwards: undefined };
    new ForwardExchange(forward, this.#options).start();
  }

  /** Node hands out a bare connection only where the request has no body. */
  #refuseBody(socket: Duplex, { requestId }: DoorRequest): void {
    const message = "A request that asks for a WebSocket has no body";
    const error = new ProxyError("invalid_request", message);
    this.#options.refusals.count("http", error.code);
    socket.on("error", () => undefined);
    sendProxyErrorOnSocket(socket, error, { requestId });
  }

  /** Answers what is refused. */
  #judge(
    request: IncomingMessage,
    client: ForwardClient,
    { requestId }: DoorRequest,
  ): Judged | undefined {
    try {
      const limited = limitedRequest(request);
      const target = forwardTarget(limited.method, limited.url, this.#options.targets);
      return { target, limit: maxForwards(limited) };
    } catch (thrown) {
      const error = ProxyError.from(thrown);
      this.#options.refusals.count("http", error.code);
      if (error.code === "internal")
        this.#options.logger.error({ err: thrown, requestId }, "A request could not be judged");
      client.fail(error, { requestId });
      return undefined;
    }
  }
}

function limitedRequest({ method = "", url = "", rawHeaders }: IncomingMessage): LimitedRequest {
  return { method, url, headers: rawHeaders };
}

function answerHere(request: IncomingMessage, response: ServerResponse, order: DoorRequest): void {
  const answer = ownAnswer(limitedRequest(request));
  send(response, { ...answer, headers: { ...commonHeaders(order.requestId), ...answer.headers } });
}

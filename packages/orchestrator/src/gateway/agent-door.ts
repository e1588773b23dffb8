/** The door of agents: upgrades `GET /agent` to a link of the profile the agent asked for. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { ProxyError } from "@porchlight/protocol/errors";
import { MAX_CONTROL_BYTES } from "@porchlight/protocol/limits";
import { TokenBucket } from "@porchlight/protocol/token-bucket";
import { CLOSE_CODES } from "@porchlight/protocol/transport";
import { systemClock, type Clock } from "@porchlight/runtime/clock";
import { LineAllowance } from "@porchlight/runtime/line-allowance";
import { createMuxSession } from "@porchlight/runtime/mux-session";
import type { CidrList } from "@porchlight/runtime/target-policy";
import { webSocketTransport } from "@porchlight/runtime/websocket-transport";
import type { WebSocket, WebSocketServer } from "ws";
import type { Principal } from "../accounts/principal.ts";
import type { Link } from "../agents/link.ts";
import type { Registry } from "../agents/registry.ts";
import { createGatewayCounters, type GatewayCounters } from "./counters.ts";
import type { GatewayContext, GatewayLogger, Visitor } from "./gateway-context.ts";
import { readHandshake, type HandshakeRules } from "./handshake.ts";
import { JobOwners } from "./job-owners.ts";
import { JsonLink } from "./json-link.ts";
import { MuxLink } from "./mux-link.ts";
import { refuseUpgrade } from "./refuse-upgrade.ts";
import { textSocket } from "./text-socket.ts";
import { watchWebSocket, webSocketServer } from "./web-socket-limits.ts";

/** Upgrades at once and per second, 500 in any second: thousands of agents that come back together do not stall the node (faults F4). */
export const HANDSHAKE_BURST = 100;
const HANDSHAKES_PER_SECOND = 400;

/** Log lines on refused upgrades: strangers do not fill the log. */
const REFUSAL_LINES = { burst: 20, perSecond: 5 };

/** Who may come in, where agents are registered, and what bounds their links. */
export interface AgentDoorOptions {
  readonly authenticator: {
    /** The owner of a key; `undefined` for one that is not valid. */
    authenticate(presented: string | undefined): Principal | undefined;
    /** Hears of every key that stops being valid. */
    onRevoked(listener: (keyId: string) => void): () => void;
  };
  readonly registry: Registry;
  readonly heartbeatMs: number;
  /** Time to the hello of the mux profile; default 5 s. */
  readonly helloTimeoutMs?: number;
  /** Largest body of a response in the JSON profile, where it comes in one message. */
  readonly maxBodyBytes: number;
  /** Proxies whose `X-Forwarded-For` is believed; default none. */
  readonly trustProxy?: CidrList;
  readonly logger: GatewayLogger;
  /** Default: the process's own. */
  readonly clock?: Clock;
}

/** The door and all links that came through it. */
export interface AgentDoor {
  readonly counters: Readonly<GatewayCounters>;
  /** Live links, introduced or not. */
  readonly links: number;
  /** Takes an `upgrade` event of the HTTP server. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Lets nobody in any more and asks every agent to finish and to go elsewhere. */
  drain(reason: string): void;
  /** Ends every link of a key that is no longer valid (faults G13). */
  revoke(keyId: string): void;
  /** Ends every link (1001) and resolves when all are gone. Idempotent. */
  close(): Promise<void>;
}

/** Opens the door; nothing is listened on: give it the `upgrade` events of a server. */
export function createAgentDoor(options: AgentDoorOptions): AgentDoor {
  return new WebSocketDoor(options);
}

class WebSocketDoor implements AgentDoor {
  readonly counters = createGatewayCounters();
  readonly #options: AgentDoorOptions;
  readonly #context: GatewayContext;
  readonly #rules: HandshakeRules;
  /** Link → id of its key. */
  readonly #links = new Map<Link, string>();
  readonly #handshakes: TokenBucket;
  readonly #refusalLines: LineAllowance;
  readonly #server: WebSocketServer;
  readonly #stopHearing: () => void;
  readonly #empty = Promise.withResolvers<void>();
  #draining = false;
  #closing = false;

  constructor(options: AgentDoorOptions) {
    const { registry, logger, heartbeatMs, maxBodyBytes, authenticator } = options;
    const { trustProxy = [], clock = systemClock } = options;
    const { counters } = this;
    this.#options = options;
    this.#context = {
      registry,
      jobs: new JobOwners(),
      counters,
      logger,
      clock,
      heartbeatMs,
      maxBodyBytes,
    };
    this.#rules = { authenticator, trustProxy };
    this.#handshakes = new TokenBucket(HANDSHAKE_BURST, HANDSHAKES_PER_SECOND, clock.nowMs);
    this.#refusalLines = new LineAllowance(REFUSAL_LINES, clock.nowMs);
    this.#server = webSocketServer(Math.ceil(maxBodyBytes / 3) * 4 + MAX_CONTROL_BYTES);
    this.#stopHearing = authenticator.onRevoked((keyId) => this.revoke(keyId));
  }

  get links(): number {
    return this.#links.size;
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    try {
      const { profile, visitor } = this.#judge(request);
      this.#server.handleUpgrade(request, socket, head, (webSocket) => {
        if (profile === "mux") this.#openMux(webSocket, visitor);
        else this.#openJson(webSocket, visitor);
      });
    } catch (thrown) {
      this.#refuse(request, socket, ProxyError.from(thrown));
    }
  }

  drain(reason: string): void {
    this.#draining = true;
    for (const link of this.#links.keys()) link.drain(reason);
  }

  revoke(keyId: string): void {
    for (const [link, linkKeyId] of this.#links) {
      if (linkKeyId === keyId) link.close(CLOSE_CODES.keyRevoked, "Key revoked", "agent_revoked");
    }
  }

  close(): Promise<void> {
    this.#draining = true;
    this.#closing = true;
    this.#stopHearing();
    for (const link of this.#links.keys()) {
      link.close(CLOSE_CODES.goingAway, "The orchestrator is shutting down", "shutting_down");
    }
    this.#resolveWhenEmpty();
    return this.#empty.promise;
  }

  /** @throws {ProxyError} why this request is not let in */
  #judge(request: IncomingMessage): ReturnType<typeof readHandshake> {
    if (this.#draining) throw new ProxyError("shutting_down", "The orchestrator is shutting down");
    const handshake = readHandshake(request, this.#rules);
    // Strangers do not use up the allowance: it is spent behind the check of the key.
    if (this.#handshakes.take(this.#context.clock.nowMs)) return handshake;
    throw new ProxyError("overloaded", "Too many agents connect at once");
  }

  #refuse(request: IncomingMessage, socket: Duplex, error: ProxyError): void {
    this.counters.handshakesRefused++;
    const allowed = this.#refusalLines.take(this.#context.clock.nowMs);
    if (allowed !== undefined) {
      const { code, message } = error;
      const line = { code, peer: request.socket.remoteAddress, err: error.cause, ...allowed };
      this.#context.logger.warn(line, `Upgrade refused: ${message}`);
    }
    refuseUpgrade(socket, error);
  }

  #openMux(webSocket: WebSocket, visitor: Visitor): void {
    const { helloTimeoutMs } = this.#options;
    const link = new MuxLink({
      context: this.#context,
      visitor,
      onGone: this.#gone,
      connect: (handler, onFault) =>
        createMuxSession({
          role: "orchestrator",
          transport: webSocketTransport(webSocket),
          handler,
          clock: this.#context.clock,
          onFault,
          ...(helloTimeoutMs === undefined ? {} : { helloTimeoutMs }),
        }),
    });
    this.#links.set(link, visitor.principal.keyId);
  }

  #openJson(webSocket: WebSocket, visitor: Visitor): void {
    const socket = textSocket(webSocket);
    const link = new JsonLink({ context: this.#context, visitor, socket, onGone: this.#gone });
    this.#links.set(link, visitor.principal.keyId);
    watchWebSocket(webSocket, this.#context.clock, (closeCode, reason) =>
      link.close(closeCode, reason, "agent_protocol_error"),
    );
  }

  readonly #gone = (link: Link): void => {
    this.#links.delete(link);
    this.#resolveWhenEmpty();
  };

  #resolveWhenEmpty(): void {
    if (this.#closing && this.#links.size === 0) this.#empty.resolve();
  }
}

import type { ErrorCode } from "@porchlight/protocol/errors";
import {
  PROTOCOL_VERSION,
  type Hello,
  type OpenHttp,
  type OpenTcp,
  type Status,
} from "@porchlight/protocol/message";
import { CLOSE_CODES, type CloseCode } from "@porchlight/protocol/transport";
import { createId } from "@porchlight/runtime/ids";
import type { Session, SessionHandler } from "@porchlight/runtime/session";
import type {
  HttpExchange,
  HttpListener,
  Link,
  TunnelExchange,
  TunnelListener,
} from "../agents/link.ts";
import type { AgentRecord } from "../agents/registry.ts";
import type { GatewayContext, Visitor } from "./gateway-context.ts";
import { MuxExchange, type ExchangeHost } from "./mux-exchange.ts";
import { MuxTunnel } from "./mux-tunnel.ts";
import { Presence } from "./presence.ts";

/** One visitor of the mux profile and its session. */
export interface MuxLinkOptions {
  readonly context: GatewayContext;
  readonly visitor: Visitor;
  /** Starts the session that carries the link; `handler` hears nothing before this returns. */
  readonly connect: (handler: SessionHandler, onFault: (error: unknown) => void) => Session;
  /** The link has ended; called once. */
  readonly onGone: (link: Link) => void;
}

/** A link of the profile `porchlight.mux.v1`: each job and tunnel is a stream of one session. */
export class MuxLink implements Link, SessionHandler {
  readonly id = createId("link");
  readonly profile = "mux";
  readonly #context: GatewayContext;
  readonly #presence: Presence;
  readonly #onGone: (link: Link) => void;
  readonly #session: Session;
  readonly #host: ExchangeHost;

  constructor(options: MuxLinkOptions) {
    this.#context = options.context;
    this.#presence = new Presence(options.context, options.visitor, this);
    this.#onGone = options.onGone;
    this.#host = {
      ended: (jobId) => this.#context.jobs.release(jobId, this.#agentId),
      lost: () => this.#lost(),
    };
    this.#session = options.connect(this, this.#onFault);
  }

  get rttMs(): number | undefined {
    return this.#session.rttMs;
  }

  get lastSeenAtMs(): number {
    return this.#session.lastSeenAtMs;
  }

  readonly #onFault = (err: unknown): void => {
    this.#context.logger.error({ err, linkId: this.id }, "A stream's handler failed");
  };

  startHttp(open: OpenHttp, body: Uint8Array | undefined, listener: HttpListener): HttpExchange {
    this.#context.jobs.claim(open.jobId, this.#agentId);
    const exchange = new MuxExchange(this.#host, open, listener);
    exchange.send(this.#session.open(open, exchange), body);
    return exchange;
  }

  startTcp(open: OpenTcp, listener: TunnelListener): TunnelExchange {
    const tunnel = new MuxTunnel(this.#host, listener);
    tunnel.attach(this.#session.open(open, tunnel));
    return tunnel;
  }

  drain(reason: string): void {
    if (this.#presence.record === undefined) {
      this.close(CLOSE_CODES.goingAway, reason);
      return;
    }
    this.#presence.drain();
    this.#session.drain(reason);
  }

  close(closeCode: CloseCode, reason: string, code?: ErrorCode): void {
    this.#presence.withdraw();
    this.#session.close(closeCode, reason, code);
  }

  onHello(hello: Hello): void {
    const { version, agentVersion, name, os, labels, maxConcurrency, takeover, paused } = hello;
    if (version !== PROTOCOL_VERSION) {
      const spoken = `This orchestrator speaks version ${PROTOCOL_VERSION} of the link; the agent speaks ${version}`;
      this.#presence.reject(CLOSE_CODES.protocolError, spoken);
      this.#session.close(CLOSE_CODES.protocolError, spoken);
      return;
    }
    const rejection = this.#presence.enter(
      { name, version: agentVersion, os, labels, maxConcurrency, takeover, paused },
      this.#welcome,
    );
    if (rejection !== undefined) this.#session.close(rejection.closeCode, rejection.reason);
  }

  onStatus(status: Status): void {
    this.#presence.operatorPaused(status.paused);
  }

  onDrain(): void {
    this.#presence.drain();
  }

  onClose(code: number, reason: string): void {
    this.#presence.left(code, reason);
    this.#onGone(this);
  }

  readonly #welcome = (record: AgentRecord): void => {
    this.#session.welcome({
      version: PROTOCOL_VERSION,
      agentId: record.id,
      linkId: this.id,
      heartbeatMs: this.#context.heartbeatMs,
    });
  };

  /** A stream has heard that the link is over. An agent that only said so ends its link by it. */
  #lost(): void {
    this.close(CLOSE_CODES.protocolError, "A stream was ended with a code about the link");
  }

  get #agentId(): string {
    return this.#presence.record?.id ?? "";
  }
}

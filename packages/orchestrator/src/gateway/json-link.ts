/**
 * A link of the JSON profile. The hello is optional: an agent that has said nothing for a moment takes one job
 * at a time under its key's name.
 */
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import {
  decodeAgentMessage,
  encodeCancel,
  encodeDrain,
  encodeJob,
  encodePing,
  type AgentMessage,
} from "@porchlight/protocol/json-profile";
import { IDLE_FRAME_BURST, IDLE_FRAMES_PER_SECOND } from "@porchlight/protocol/limits";
import type { OpenHttp } from "@porchlight/protocol/message";
import { TokenBucket } from "@porchlight/protocol/token-bucket";
import { CLOSE_CODES, type CloseCode } from "@porchlight/protocol/transport";
import { createId } from "@porchlight/runtime/ids";
import type { HttpExchange, HttpListener, Link } from "../agents/link.ts";
import type { GatewayContext, Visitor } from "./gateway-context.ts";
import { Heartbeat } from "./heartbeat.ts";
import { JsonExchange } from "./json-exchange.ts";
import { JsonJobs } from "./json-jobs.ts";
import { Presence } from "./presence.ts";
import type { TextSocket, TextSocketHandler } from "./text-socket.ts";

/** How long a hello is waited for before the agent is taken without one: a long round trip. Milliseconds. */
export const HELLO_GRACE_MS = 1_000;

/** One visitor of the JSON profile and its carrier. */
export interface JsonLinkOptions {
  readonly context: GatewayContext;
  readonly visitor: Visitor;
  readonly socket: TextSocket;
  /** The link has ended; called once. */
  readonly onGone: (link: Link) => void;
}

type HelloMessage = Extract<AgentMessage, { readonly type: "hello" }>;

/** A link of the JSON profile: each job is one message out and one back; it carries no tunnels. */
export class JsonLink implements Link, TextSocketHandler {
  readonly id = createId("link");
  readonly profile = "json";
  readonly #context: GatewayContext;
  readonly #visitor: Visitor;
  readonly #socket: TextSocket;
  readonly #onGone: (link: Link) => void;
  readonly #presence: Presence;
  readonly #jobs: JsonJobs;
  readonly #heartbeat: Heartbeat;
  readonly #useless: TokenBucket;
  readonly #callOffGrace: () => void;
  #closed: { readonly code: number; readonly reason: string } | undefined;

  constructor(options: JsonLinkOptions) {
    const { clock, heartbeatMs, jobs } = options.context;
    this.#context = options.context;
    this.#visitor = options.visitor;
    this.#socket = options.socket;
    this.#onGone = options.onGone;
    this.#presence = new Presence(options.context, options.visitor, this);
    this.#jobs = new JsonJobs(jobs);
    this.#useless = new TokenBucket(IDLE_FRAME_BURST, IDLE_FRAMES_PER_SECOND, clock.nowMs);
    this.#socket.setHandler(this);
    this.#callOffGrace = clock.schedule(HELLO_GRACE_MS, () => this.#enterWithoutHello());
    this.#heartbeat = new Heartbeat({
      clock,
      intervalMs: heartbeatMs,
      ping: (t) => this.#ping(t),
      dead: () => this.#dead(),
    });
  }

  get rttMs(): number | undefined {
    return this.#heartbeat.rttMs;
  }

  get lastSeenAtMs(): number {
    return this.#heartbeat.lastSeenAtMs;
  }

  startHttp(open: OpenHttp, body: Uint8Array | undefined, listener: HttpListener): HttpExchange {
    const { clock, maxBodyBytes } = this.#context;
    const exchange = new JsonExchange({
      open,
      listener,
      startedAtMs: clock.nowMs,
      cancel: this.#cancel,
    });
    if (this.#closed === undefined) {
      this.#jobs.start(open.jobId, this.#presence.record?.id ?? "", exchange);
      this.#socket.send(encodeJob(open, body, maxBodyBytes));
    } else {
      clock.soon(() => exchange.fail(new ProxyError("agent_lost", "The agent's link was lost")));
    }
    return exchange;
  }

  drain(reason: string): void {
    if (this.#presence.record === undefined) {
      this.close(CLOSE_CODES.goingAway, reason);
      return;
    }
    this.#presence.drain();
    this.#socket.send(encodeDrain());
  }

  close(closeCode: CloseCode, reason: string, code: ErrorCode = "agent_lost"): void {
    if (this.#end(closeCode, reason, code)) this.#socket.close(closeCode, reason);
  }

  onText(text: string): void {
    this.#heartbeat.received();
    if (this.#closed !== undefined) return;
    let message: AgentMessage;
    try {
      message = decodeAgentMessage(text);
    } catch (thrown) {
      this.#protocolError(ProxyError.from(thrown).message);
      return;
    }
    this.#onMessage(message);
  }

  onBinary(): void {
    this.#protocolError("This profile has no binary messages");
  }

  onAlive(): void {
    this.#heartbeat.received();
  }

  onClose(code: number, reason: string): void {
    this.#end(code, reason, "agent_lost");
    const ended = this.#closed ?? { code, reason };
    this.#presence.left(ended.code, ended.reason);
    this.#onGone(this);
  }

  #onMessage(message: AgentMessage): void {
    const { nowMs } = this.#context.clock;
    const addressee =
      message.type === "result"
        ? this.#jobs.addresseeOf(message.jobId, this.#presence.record?.id)
        : undefined;
    if (message.type === "result" && addressee === "running") {
      this.#jobs.answer(message.jobId, message.result, nowMs);
    } else if (!this.#useless.take(nowMs)) {
      this.close(CLOSE_CODES.flooding, "Too many messages that carry nothing");
    } else if (message.type === "result") this.#onUnwantedResult(message.jobId, addressee);
    else if (message.type === "hello") this.#onHello(message);
    else if (message.t !== undefined) this.#heartbeat.pong(message.t);
  }

  #onHello(hello: HelloMessage): void {
    const { version, maxConcurrency, labels } = hello;
    const name = hello.name ?? this.#visitor.principal.name;
    this.#enter({ name, version, maxConcurrency, labels });
  }

  #enterWithoutHello(): void {
    const { name } = this.#visitor.principal;
    this.#enter({ name, version: "", maxConcurrency: 1, labels: {} });
  }

  #enter(said: Omit<HelloMessage, "type"> & { readonly name: string }): void {
    this.#callOffGrace();
    const rejection = this.#presence.enter({ ...said, os: "", takeover: true, paused: undefined });
    if (rejection !== undefined) this.close(rejection.closeCode, rejection.reason);
  }

  /** Late, doubled, invented and stolen results never reach a client (faults G6, G7, G8). */
  #onUnwantedResult(jobId: string, addressee: string | undefined): void {
    const { counters, logger } = this.#context;
    if (addressee === "ended") counters.lateResults++;
    else if (addressee === "unknown") counters.unknownResults++;
    else {
      counters.foreignResults++;
      const ids = { agentId: this.#presence.record?.id, linkId: this.id, jobId };
      logger.warn({ event: "security", ...ids }, "Agent answered a job of another agent");
      this.close(CLOSE_CODES.policy, "Result for a job of another agent");
    }
  }

  readonly #cancel = (jobId: string): void => {
    this.#jobs.end(jobId);
    this.#socket.send(encodeCancel(jobId));
  };

  #protocolError(reason: string): void {
    this.close(CLOSE_CODES.protocolError, reason, "agent_protocol_error");
  }

  #ping(t: number): void {
    this.#socket.send(encodePing(t));
    // An agent that does not know pings lives all the same when its WebSocket answers.
    this.#socket.probe();
  }

  /** A silent peer hears no goodbye: the carrier is ended at once (faults F2). */
  #dead(): void {
    this.#end(CLOSE_CODES.goingAway, "The agent has been silent for two heartbeats", "agent_lost");
    this.#socket.abort();
  }

  /** `false` when the link had ended before. */
  #end(code: number, reason: string, errorCode: ErrorCode): boolean {
    if (this.#closed !== undefined) return false;
    this.#closed = { code, reason };
    this.#callOffGrace();
    this.#heartbeat.stop();
    this.#presence.withdraw();
    this.#jobs.fail(
      new ProxyError(errorCode, LOSS_MESSAGES[errorCode] ?? "The agent's link was lost"),
    );
    return true;
  }
}

const LOSS_MESSAGES: Partial<Record<ErrorCode, string>> = {
  agent_revoked: "The agent's key was revoked",
  agent_protocol_error: "The agent broke the protocol of its link",
  shutting_down: "The orchestrator is shutting down",
};

import { CLOSE_CODES, type CloseCode } from "@porchlight/protocol/transport";
import { MAX_NAME_CHARS } from "@porchlight/protocol/limits";
import type { Link } from "../agents/link.ts";
import type { AgentRecord, Arrival, Refusal } from "../agents/registry.ts";
import type { GatewayContext, Visitor } from "./gateway-context.ts";

/** What an agent says of itself, in either profile. */
export type Introduction = Omit<Arrival, "keyId" | "account" | "ip">;

/** Why an agent is sent away after its introduction. */
export interface Rejection {
  readonly closeCode: CloseCode;
  readonly reason: string;
}

const REASONS: Readonly<Record<Refusal, string>> = {
  replaced: "Another connection of this agent is live",
  parked: "Parked for a minute: several programs use this key and name",
};

const CONTROL_CHARACTER = /\p{Cc}/u;

/** A link's place in the registry and in the log, from its introduction to its end. */
export class Presence {
  readonly #context: GatewayContext;
  readonly #visitor: Visitor;
  readonly #link: Link;
  readonly #openedAtMs: number;
  #record: AgentRecord | undefined;

  constructor(context: GatewayContext, visitor: Visitor, link: Link) {
    this.#context = context;
    this.#visitor = visitor;
    this.#link = link;
    this.#openedAtMs = context.clock.nowMs;
  }

  /** The agent, once it has introduced itself. */
  get record(): AgentRecord | undefined {
    return this.#record;
  }

  /** Registers the agent; `welcome` is called before any work can come. Again for a link that says more of itself. */
  enter(
    introduction: Introduction,
    welcome?: (record: AgentRecord) => void,
  ): Rejection | undefined {
    const flaw = flawOf(introduction);
    if (flaw !== undefined) return this.reject(CLOSE_CODES.protocolError, flaw);
    const { keyId, account } = this.#visitor.principal;
    if (this.#record?.name !== introduction.name) this.withdraw();
    const arrival = { ...introduction, keyId, account, ip: this.#visitor.ip };
    const accept = (record: AgentRecord): void => {
      const isNew = this.#record !== record;
      this.#record = record;
      if (isNew) this.#logConnected(record);
      welcome?.(record);
    };
    const { refused } = this.#context.registry.register(arrival, this.#link, accept);
    if (refused === undefined) return undefined;
    return this.reject(CLOSE_CODES.replaced, REASONS[refused]);
  }

  /** Notes that the agent is sent away. */
  reject(closeCode: CloseCode, reason: string): Rejection {
    this.#context.logger.warn({ ...this.#ids(), code: closeCode, reason }, "Agent refused");
    return { closeCode, reason };
  }

  /** No new work for this link. */
  drain(): void {
    if (this.#record !== undefined) this.#context.registry.drain(this.#record, this.#link.id);
  }

  /** The agent's operator takes no work, or takes it again. */
  operatorPaused(reason: string | undefined): void {
    if (this.#record === undefined) return;
    this.#context.registry.setOperatorPause(this.#record, this.#link.id, reason);
    this.#context.logger.info(
      { ...this.#ids(), reason },
      reason === undefined ? "Agent active" : "Agent paused",
    );
  }

  /** Takes the link out of the selection. Before its work is ended, so that none of it comes back here. */
  withdraw(): void {
    if (this.#record !== undefined) this.#context.registry.dispose(this.#record, this.#link.id);
  }

  /** The link has ended: the last call. */
  left(code: number, reason: string): void {
    this.withdraw();
    const { counters, logger, clock } = this.#context;
    if (code === CLOSE_CODES.flooding) counters.floods++;
    if (code === CLOSE_CODES.protocolError || code === CLOSE_CODES.tooBig)
      counters.protocolErrors++;
    const ms = Math.round(clock.nowMs - this.#openedAtMs);
    logger.info({ ...this.#ids(), code, reason, ms }, farewell(code, this.#record !== undefined));
  }

  #logConnected(record: AgentRecord): void {
    const { version, os, profile } = record;
    this.#context.logger.info({ ...this.#ids(), version, os, profile }, "Agent connected");
  }

  #ids(): object {
    const { principal, ip } = this.#visitor;
    const record = this.#record;
    return {
      linkId: this.#link.id,
      ...(record === undefined ? {} : { agentId: record.id, agentName: record.name }),
      keyId: principal.keyId,
      ip,
    };
  }
}

/** What must not be shown to anybody: names go into headers, logs and terminals (faults A30). */
function flawOf({ name, version, os, labels }: Introduction): string | undefined {
  if (CONTROL_CHARACTER.test(name)) return "The agent's name has control characters";
  if (CONTROL_CHARACTER.test(version + os))
    return "The agent's version or system has control characters";
  for (const [key, value] of Object.entries(labels)) {
    if (key === "" || key.length > MAX_NAME_CHARS) return "A label's key is empty or too long";
    if (CONTROL_CHARACTER.test(key + value)) return "A label has control characters";
  }
  return undefined;
}

function farewell(code: number, wasIntroduced: boolean): string {
  if (!wasIntroduced) return "Connection ended before an agent was accepted";
  return code === CLOSE_CODES.replaced
    ? "Agent replaced by a newer connection"
    : "Agent disconnected";
}

/**
 * One try of a tunnel on one agent, and once the agent has connected, the tunnel itself: passes bytes on both
 * ways and counts them. It holds the agent's slot until both ends have left, or one side breaks it off: before, work that
 * is given the slot would reach the agent ahead of the end, and be refused as too much.
 */
import { ERRORS, ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { OpenTcp, TcpHead } from "@porchlight/protocol/message";
import type { TunnelExchange, TunnelListener } from "../agents/link.ts";
import type { AgentRecord, Slot } from "../agents/registry.ts";
import type { Grant } from "../jobs/waiting-line.ts";
import type { TunnelDoor } from "./tunnel-request.ts";

/** Hears how an attempt goes. `failed` or `ended` is the last call. */
export interface TunnelAttemptOwner {
  connected(attempt: TunnelAttempt, head: TcpHead): void;
  /** It could not be opened, or broke. */
  failed(attempt: TunnelAttempt, error: ProxyError): void;
  /** Both ends have left; or the door broke it off, or the last end could not leave, with `code`. */
  ended(code: ErrorCode | undefined): void;
}

interface TunnelAttemptOptions {
  readonly owner: TunnelAttemptOwner;
  readonly door: TunnelDoor;
  readonly nowMs: number;
}

/** One try on one agent; calls on one that has ended do nothing. */
export class TunnelAttempt implements TunnelListener, TunnelExchange {
  readonly record: AgentRecord;
  readonly startedAtMs: number;
  linkId: string | undefined;
  sentBytes = 0;
  receivedBytes = 0;
  readonly #slot: Slot;
  readonly #owner: TunnelAttemptOwner;
  readonly #door: TunnelDoor;
  #exchange: TunnelExchange | undefined;
  #state: "opening" | "open" | "ended" = "opening";
  #localEnded = false;
  #remoteEnded = false;

  constructor(grant: Grant, { owner, door, nowMs }: TunnelAttemptOptions) {
    this.record = grant.record;
    this.#slot = grant.slot;
    this.#owner = owner;
    this.#door = door;
    this.startedAtMs = nowMs;
  }

  /** Asks the agent. */
  start(open: OpenTcp): void {
    const { link } = this.record;
    this.linkId = link?.id;
    this.#exchange = link?.startTcp?.(open, this);
    if (this.#exchange !== undefined) return;
    this.#fail(new ProxyError("agent_lost", "The agent left before it was asked"));
  }

  // ── what the door does ──

  write(chunk: Uint8Array, roomBytes?: number): boolean {
    if (this.#state !== "open" || this.#exchange === undefined) return true;
    this.sentBytes += chunk.length;
    this.record.bytesSent += chunk.length;
    return this.#exchange.write(chunk, roomBytes);
  }

  consume(bytes: number): void {
    this.#exchange?.consume(bytes);
  }

  end(): void {
    if (this.#state !== "open" || this.#localEnded) return;
    this.#localEnded = true;
    this.#exchange?.end();
  }

  /** Also ends an attempt that has not connected yet. */
  abort(code: ErrorCode, reason: string): void {
    if (this.#state === "ended") return;
    this.#exchange?.abort(code, reason);
    this.#complete(code);
  }

  // ── what the agent does ──

  get borrows(): boolean {
    return this.#door.borrows ?? false;
  }

  onConnected(head: TcpHead): void {
    if (this.#state !== "opening") return;
    this.#state = "open";
    this.#owner.connected(this, head);
  }

  onData(chunk: Uint8Array): void {
    if (this.#state === "opening")
      return this.#refuse("The agent sent data before it had connected");
    if (this.#state === "ended") return;
    this.receivedBytes += chunk.length;
    this.record.bytesReceived += chunk.length;
    this.#door.onData(chunk);
  }

  onEnd(): void {
    if (this.#state === "opening") return this.#refuse("The agent ended before it had connected");
    if (this.#state === "ended" || this.#remoteEnded) return;
    this.#remoteEnded = true;
    this.#door.onEnd();
  }

  onDrain(): void {
    if (this.#state === "open") this.#door.onDrain();
  }

  onOver(): void {
    this.#complete(undefined);
  }

  onError(error: ProxyError): void {
    if (this.#state === "ended") return;
    if (!this.#localEnded || !this.#remoteEnded) return this.#fail(error);
    // The door has done its part and has the whole answer; only what it sent last is lost.
    this.record.failed++;
    this.#end(error.code);
  }

  /** The agent broke the rules. */
  #refuse(message: string): void {
    const error = new ProxyError("agent_protocol_error", message);
    this.#exchange?.abort(error.code, message);
    this.#fail(error);
  }

  #fail(error: ProxyError): void {
    this.#state = "ended";
    this.record.failed++;
    this.#slot.release();
    this.#owner.failed(this, error);
  }

  #complete(code: ErrorCode | undefined): void {
    if (this.#state === "ended") return;
    if (this.#state === "open") this.record.completed++;
    else if (code !== undefined && ERRORS[code].fault === "target") this.record.failed++;
    this.#end(code);
  }

  #end(code: ErrorCode | undefined): void {
    this.#state = "ended";
    this.#slot.release();
    this.#owner.ended(code);
  }
}

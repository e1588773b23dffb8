/** A tunnel as a door asks for it, and what the door hears of it. */
import type { ProxyError } from "@porchlight/protocol/errors";
import type { Attempt, Exit, SessionView } from "@porchlight/protocol/job";
import type { TcpHead } from "@porchlight/protocol/message";
import type { TunnelExchange } from "../agents/link.ts";
import type { SessionWish, Targeting } from "../routing/request-options.ts";

/** A tunnel to be opened, checked, with every default filled in. */
export interface TunnelRequest {
  /** Follows the tunnel through both sides' logs. */
  readonly id: string;
  readonly requestId: string;
  /** Which kind of client asked. */
  readonly door: "connect" | "socks5" | "http";
  /** Who the key belongs to. */
  readonly account: string;
  readonly host: string;
  readonly port: number;
  readonly targeting: Targeting;
  readonly session?: SessionWish | undefined;
  /** The client's own, for logs. */
  readonly tag?: string | undefined;
  /** 0..9; 9 is served first. */
  readonly priority: number;
  /** Until it is open: waiting and all attempts. Milliseconds. */
  readonly openTimeoutMs: number;
  readonly maxRetries: number;
}

/** What is known when a tunnel is open. */
export interface OpenedTunnel {
  readonly head: TcpHead;
  readonly exit: Exit;
  /** Failed attempts, then the one that serves. */
  readonly attempts: readonly Attempt[];
  /** Of a request that asked for one. */
  readonly session?: SessionView | undefined;
  /** The client's end of it. */
  readonly exchange: TunnelExchange;
}

/**
 * The door that asked for a tunnel. After `onError` it hears nothing more; after `onEnd` and its own `end` only `onError`, when
 * what it sent last could not leave within the idle time.
 */
export interface TunnelDoor {
  /** The agent has connected: only now may the client be told so (faults P21). */
  onOpen(opened: OpenedTunnel): void;
  /** Takes bytes that are valid during the call of `onData` only, as a splice does; everybody else is given copies. */
  readonly borrows?: boolean;
  /** Bytes of the target; each has to be given back by the exchange's `consume`. */
  onData(chunk: Uint8Array): void;
  /** The target half-closed. */
  onEnd(): void;
  /** After `write` returned `false`: more may be written. */
  onDrain(): void;
  /** It could not be opened, or broke. */
  onError(error: ProxyError, attempts: readonly Attempt[]): void;
}

/** A tunnel under way. */
export interface RunningTunnel {
  /** Ends it in every state, open or not yet; the door hears nothing more. Nothing happens when it has ended. */
  cancel(reason: string): void;
}

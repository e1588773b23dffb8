/**
 * The port to one live connection of an agent. Both profiles (mux, json) implement it, so that jobs and
 * tunnels know neither.
 */
import type { CloseCode } from "@porchlight/protocol/transport";
import type { ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import type { HttpHead, OpenHttp, OpenTcp, TcpHead, Trailers } from "@porchlight/protocol/message";

/** Receives what an agent answers to a job. After `onEnd` or `onError`, nothing more comes. */
export interface HttpListener {
  /** The target's response head, once and final (1xx responses are not passed on). */
  onHead(head: HttpHead): void;
  /** Takes bytes that are valid during the call of `onData` only; everybody else is given copies. */
  readonly borrows?: boolean;
  /** A piece of the response body. Every byte has to be given back by `consume`. */
  onData(chunk: Uint8Array): void;
  /** The body is complete: as long as announced. */
  onEnd(trailers: Trailers | undefined): void;
  onError(error: ProxyError): void;
}

/** One job running on an agent. */
export interface HttpExchange {
  /** Gives credit back for drained body bytes: how backpressure reaches the agent. */
  consume(bytes: number): void;
  /** Ends the exchange; the listener hears nothing more. Idempotent. */
  abort(code: ErrorCode, reason: string): void;
}

/** Receives what happens on a tunnel's stream. After `onError` or `onOver` nothing more comes. */
export interface TunnelListener {
  /** The agent has connected to the target. */
  onConnected(head: TcpHead): void;
  /** Takes bytes that are valid during the call of `onData` only; everybody else is given copies. */
  readonly borrows?: boolean;
  onData(chunk: Uint8Array): void;
  /** The target half-closed. */
  onEnd(): void;
  /** What was written has left far enough that more may be written. */
  onDrain(): void;
  /** Both sides have ended, and the own end is on its way: what the agent is sent from now on comes behind it. */
  onOver(): void;
  onError(error: ProxyError): void;
}

/** One tunnel through an agent. */
export interface TunnelExchange {
  /**
   * Sends bytes towards the target; `false` asks to wait for `onDrain`.
   * @param roomBytes as in `Stream.write`
   */
  write(chunk: Uint8Array, roomBytes?: number): boolean;
  /** Half-closes towards the target. */
  end(): void;
  consume(bytes: number): void;
  abort(code: ErrorCode, reason: string): void;
}

/** One live, authenticated connection of an agent, in either profile. */
export interface Link {
  /** Nonce of this connection: every clean-up compares it, so that an old link never removes a new one. */
  readonly id: string;
  readonly profile: "mux" | "json";
  /** Smoothed round-trip time in milliseconds, `undefined` before the first pong. */
  readonly rttMs: number | undefined;
  /** When the last byte came from the agent: Unix epoch milliseconds. */
  readonly lastSeenAtMs: number;
  /** Starts a job. Failures come through the listener, never as a throw, and never before this returns. */
  startHttp(open: OpenHttp, body: Uint8Array | undefined, listener: HttpListener): HttpExchange;
  /** Starts a tunnel; `undefined` when this profile has none. */
  startTcp?(open: OpenTcp, listener: TunnelListener): TunnelExchange;
  /** Asks the agent to open a new link, finish what runs here, and leave. */
  drain(reason: string): void;
  /** Ends the link; everything that runs on it fails with `code`. */
  close(closeCode: CloseCode, reason: string, code?: ErrorCode): void;
}

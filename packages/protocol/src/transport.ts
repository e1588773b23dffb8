/**
 * The port to a carrier of whole messages (a WebSocket, a text-only gateway, a sibling node). Adapters
 * live in `runtime`; one contract suite runs over all of them.
 */

/** Hears a carrier; nothing comes after `onClose`. */
export interface TransportHandler {
  /** A whole message, or the next piece of one: `isLast` comes with its end. The bytes are valid during the call only. */
  onMessage(piece: Uint8Array, isLast: boolean): void;
  /** What was handed over has left far enough that more may be sent. */
  onDrain(): void;
  /** The carrier is gone, once, whoever ended it. `code` is the WebSocket close code, 1006 when none was exchanged. */
  onClose(code: number, reason: string): void;
}

/** One message, as the pieces to be written one after the other. They must not be changed afterwards. */
export interface OutgoingMessage {
  readonly parts: readonly Uint8Array[];
  /** Length of all parts together. */
  readonly totalBytes: number;
  /** So many bytes in front of the first part, in its own buffer, may be overwritten: room for a header. */
  readonly roomBytes: number;
}

/** One carrier of whole messages, in order, in both directions. */
export interface Transport {
  /** Bytes handed over and not yet given to the operating system. */
  readonly bufferedBytes: number;
  /** Receives everything that happens from now on; set once, in the tick the transport is handed out. */
  setHandler(handler: TransportHandler): void;
  /**
   * Sends one message.
   * @param joins it may wait for those that are sent in the same turn, to leave with them in one write; default `false`
   */
  send(message: OutgoingMessage, joins?: boolean): void;
  /** Says goodbye with a code and ends the carrier; `onClose` follows within a bounded time even if the peer is silent. */
  close(code: number, reason: string): void;
  /** Ends the carrier now, without a goodbye. */
  abort(): void;
}

/** WebSocket close codes of the agent link. Source: contract, section "Agent link". */
export const CLOSE_CODES = {
  normal: 1000,
  goingAway: 1001,
  policy: 1008,
  tooBig: 1009,
  protocolError: 4400,
  noHello: 4401,
  keyRevoked: 4403,
  replaced: 4409,
  flooding: 4429,
} as const;

/** One of the values of `CLOSE_CODES`. */
export type CloseCode = (typeof CLOSE_CODES)[keyof typeof CLOSE_CODES];

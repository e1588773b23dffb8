/**
 * The port to a carrier of whole messages (a WebSocket, a text-only gateway, a sibling node). Adapters
 * live in `runtime`; one contract suite runs over all of them.
 */

export interface TransportHandler {
  /** One whole message. The bytes may be kept; they are not reused by the carrier. */
  onMessage(message: Uint8Array): void;
  /** What was handed over has left far enough that more may be sent. */
  onDrain(): void;
  /** The carrier is gone, once, whoever ended it. `code` is the WebSocket close code, 1006 when none was exchanged. */
  onClose(code: number, reason: string): void;
}

export interface Transport {
  /** Bytes handed over and not yet given to the operating system. */
  readonly bufferedBytes: number;
  /** Receives everything that happens from now on; set once, in the tick the transport is handed out. */
  setHandler(handler: TransportHandler): void;
  /** Sends one message made of `parts`; `totalBytes` is the sum of their lengths. The parts must not be changed afterwards. */
  send(parts: readonly Uint8Array[], totalBytes: number): void;
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

export type CloseCode = (typeof CLOSE_CODES)[keyof typeof CLOSE_CODES];

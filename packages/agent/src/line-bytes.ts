import type { Socket } from "node:net";

/** Bytes exchanged with a target on this home's line, TLS included. */
export interface LineBytes {
  readonly sent: number;
  readonly received: number;
}

/** Nothing in either direction. */
export const NO_BYTES: LineBytes = { sent: 0, received: 0 };

/** What a TCP connection has carried so far. */
export function bytesOnLine(carrier: Socket | undefined): LineBytes {
  if (carrier === undefined) return NO_BYTES;
  return { sent: carrier.bytesWritten, received: carrier.bytesRead };
}

/** The sum, by direction. */
export function addBytes(a: LineBytes, b: LineBytes): LineBytes {
  return { sent: a.sent + b.sent, received: a.received + b.received };
}

/**
 * Writes WebSocket frames: a header in front of bytes that are not touched. A client masks with zeros, which
 * changes nothing: inside TLS there is no intermediary that a mask would protect.
 * Source: RFC 6455 §5.2, §10.3; docs/decisions.
 */

const FINAL = 0x80;
const MASKED = 0x80;

/** The kinds of frames that are written. Source: RFC 6455 §5.2. */
export const WS_OPCODE = { binary: 2, close: 8, pong: 10 } as const;

/** Longest header this writes: two bytes, an eight-byte length and the mask. Bytes. */
export const MAX_WS_HEADER_BYTES = 14;

/** Length of the header of a frame with this payload. Bytes. */
export function webSocketHeaderBytes(payloadBytes: number, masks: boolean): number {
  const lengthBytes = payloadBytes < 126 ? 0 : payloadBytes < 65_536 ? 2 : 8;
  return 2 + lengthBytes + (masks ? 4 : 0);
}

/** Writes the header of an unfragmented frame at `offset`; returns where the payload begins. */
export function writeWebSocketHeader(
  target: Uint8Array,
  offset: number,
  frame: { readonly opcode: number; readonly payloadBytes: number; readonly masks: boolean },
): number {
  const { opcode, payloadBytes, masks } = frame;
  const maskBit = masks ? MASKED : 0;
  target[offset] = FINAL | opcode;
  let next = offset + 2;
  if (payloadBytes < 126) {
    target[offset + 1] = maskBit | payloadBytes;
  } else if (payloadBytes < 65_536) {
    target[offset + 1] = maskBit | 126;
    target[next++] = payloadBytes >>> 8;
    target[next++] = payloadBytes;
  } else {
    target[offset + 1] = maskBit | 127;
    target.fill(0, next, next + 4);
    next += 4;
    for (let shift = 24; shift >= 0; shift -= 8) target[next++] = payloadBytes >>> shift;
  }
  if (!masks) return next;
  target.fill(0, next, next + 4);
  return next + 4;
}

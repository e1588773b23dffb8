/** What is done to a WebSocket of `ws` beside its own methods. */
import type { Socket } from "node:net";
import type { WebSocket } from "ws";

/** How long the peer may take to answer a close. Milliseconds. */
export const CLOSE_GRACE_MS = 2_000;

/** Longest reason of a close frame. Bytes. Source: RFC 6455 §5.5. */
const MAX_CLOSE_REASON_BYTES = 123;

/** Ends a WebSocket with a goodbye, and without one when the peer does not answer in time. */
export function closeWebSocket(webSocket: WebSocket, code: number, reason: string): void {
  if (webSocket.readyState === webSocket.CLOSED) return;
  webSocket.close(code, cutCloseReason(reason));
  const timer = setTimeout(() => webSocket.terminate(), CLOSE_GRACE_MS);
  webSocket.once("close", () => clearTimeout(timer));
}

/** The reason as far as a close frame has room for it, not cut inside a character. */
export function cutCloseReason(reason: string): string {
  const encoded = Buffer.from(reason);
  if (encoded.length <= MAX_CLOSE_REASON_BYTES) return reason;
  return encoded
    .subarray(0, MAX_CLOSE_REASON_BYTES)
    .toString()
    .replace(/\uFFFD+$/u, "");
}

/** The socket under a WebSocket; `undefined` once it is gone. */
export function socketOf(webSocket: WebSocket): Socket | undefined {
  const socket: unknown = Reflect.get(webSocket, "_socket");
  return isSocket(socket) ? socket : undefined;
}

function isSocket(value: unknown): value is Socket {
  return (
    typeof value === "object" && value !== null && "cork" in value && "writableLength" in value
  );
}

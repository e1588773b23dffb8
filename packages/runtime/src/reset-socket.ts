import type { Socket } from "node:net";
import { carrierOf } from "./carrier-of.ts";

/**
 * Ends a connection by a reset, so that its peer cannot take what it has received for the whole (faults F1).
 * Node resets TCP sockets only, and throws for others. Under TLS it is the connection below that is reset: most
 * clients take an end without TLS's own goodbye for a good one.
 */
export function resetSocket(socket: Socket): void {
  try {
    if (!isEnding(socket)) carrierOf(socket).resetAndDestroy();
  } catch {
    // Neither TCP nor TLS over it: there is no reset.
  }
  socket.destroy();
}

/**
 * All is written, and its end is on its way. A reset would fail in this moment, and Node would take the socket for
 * destroyed and leave its handle open for ever.
 */
function isEnding({ writableEnded, writableFinished, writableLength }: Socket): boolean {
  return writableEnded && !writableFinished && writableLength === 0;
}

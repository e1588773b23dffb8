import { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/**
 * Ends a connection by a reset, so that its peer cannot take what it has received for the whole (faults F1).
 * Node resets TCP sockets only, and throws for others. Under TLS it is the connection below that is reset: most
 * clients take an end without TLS's own goodbye for a good one.
 */
export function resetSocket(socket: Socket): void {
  const carrier: unknown = socket instanceof TLSSocket ? Reflect.get(socket, "_parent") : socket;
  try {
    if (carrier instanceof Socket) carrier.resetAndDestroy();
  } catch {
    // Neither TCP nor TLS over it: there is no reset.
  }
  socket.destroy();
}

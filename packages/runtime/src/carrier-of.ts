import { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** The TCP socket that carries a TLS one; any other socket itself. */
export function carrierOf(socket: Socket): Socket {
  const carrier: unknown = socket instanceof TLSSocket ? Reflect.get(socket, "_parent") : socket;
  return carrier instanceof Socket ? carrier : socket;
}

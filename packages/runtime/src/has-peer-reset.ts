import type { Socket } from "node:net";

/**
 * Whether the peer has reset a connection. Node hears of it while it reads or writes only; asked for its peer, the
 * system tells as well. `socket.remoteAddress` remembers the first answer, so it is the inner handle that is asked.
 */
export function hasPeerReset(socket: Socket): boolean {
  const handle: unknown = Reflect.get(socket, "_handle");
  return tellsPeer(handle) && handle.getpeername({}) !== 0;
}

interface PeerTeller {
  /** 0, or the system's error. */
  getpeername(into: object): number;
}

function tellsPeer(handle: unknown): handle is PeerTeller {
  return typeof handle === "object" && handle !== null && "getpeername" in handle;
}

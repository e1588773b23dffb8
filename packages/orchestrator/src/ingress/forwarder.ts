import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { DoorRequest } from "./door-request.ts";

/**
 * Sends requests in absolute form on to their targets. It is given those whose head is well-formed and whose client
 * has proven itself; whether the target may be reached is its own to judge.
 */
export interface Forwarder {
  /** Answers the request, whatever happens; never throws. */
  forward(request: IncomingMessage, response: ServerResponse, order: DoorRequest): void;
  /** The same for one that asks to become a WebSocket; from here on nobody else listens to the socket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, order: DoorRequest): void;
}

/** Clients that end their side behind their last request, and wait for its answer (faults P15). */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { watchHeld } from "@porchlight/runtime/held-sockets";

/**
 * Lets a server answer what has come whole before the client's end, and close behind the last answer. A request that the end
 * cuts short stays an error, and a connection without a request under way is ended as ever. Node leaves this property
 * out of its documentation. Source: Node's lib/_http_server.js, `socketOnEnd`.
 */
export function answerHalfClosed(server: Server): void {
  Reflect.set(server, "httpAllowHalfOpen", true);
}

/**
 * Destroys a client's connection when it is reset behind its end, for as long as its answer `isAwaited`: nothing is read of it
 * any more, and Node would not hear of that before it writes (faults A28). Gives what ends this sooner.
 */
export function watchHalfClosed(client: Socket, isAwaited: () => boolean): () => void {
  const watch = (): void => watchHeld(client, isAwaited);
  // A request that had to wait for its turn comes when the end is long past.
  if (client.readableEnded) watch();
  else client.once("end", watch);
  return () => void client.off("end", watch);
}

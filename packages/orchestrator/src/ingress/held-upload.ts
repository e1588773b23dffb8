import type { IncomingMessage } from "node:http";
import { watchHeld } from "@porchlight/runtime/held-sockets";

/**
 * Destroys a request's connection when its client resets it while the body is held up: from now on until it is read, and
 * whenever its reader cannot take more (faults A28).
 */
export function watchHeldUpload(request: IncomingMessage): void {
  // A pipe that goes on does not tell so by `resume`, and is paused once more when it is taken off a closed request.
  const isHeld = (): boolean => request.readableFlowing !== true && !request.closed;
  const watch = (): void => watchHeld(request.socket, isHeld);
  request.on("pause", watch);
  watch();
}

import type { IncomingMessage } from "node:http";
import { hasPeerReset } from "@porchlight/runtime/has-peer-reset";

/** How often it is looked whether a client whose upload is held up is still there. Milliseconds. */
const LOOK_MS = 250;

/**
 * Destroys a request's connection when its client resets it while the body is held up: nothing is read then, and
 * Node would not hear of it (faults A28). A client that ends in good order is noticed behind what it has sent only.
 */
export function watchHeldUpload(request: IncomingMessage): void {
  const { socket } = request;
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    // A pipe that goes on does not tell so by `resume`, and is paused once more when it is taken off a closed request.
    if (request.readableFlowing === true || request.closed || socket.destroyed) {
      clearInterval(timer);
      timer = undefined;
    } else if (hasPeerReset(socket)) socket.destroy();
  };
  request.on("pause", () => {
    timer ??= setInterval(look, LOOK_MS);
  });
}

/**
 * Sockets that are held up: nothing is read of them, and Node would not hear that their peer resets them. One timer looks
 * at all of them, and runs while there are any.
 */
import type { Socket } from "node:net";
import { hasPeerReset } from "./has-peer-reset.ts";

/** How often it is looked whether the peers are still there. Milliseconds. */
const LOOK_MS = 250;

const held = new Map<() => boolean, Socket>();

let timer: NodeJS.Timeout | undefined;

/**
 * Destroys a socket when its peer resets it, for as long as `isHeld` says that it is not read; asked again with the same
 * `isHeld`, nothing changes. A peer that ends in good order is noticed behind what it has sent only.
 */
export function watchHeld(socket: Socket, isHeld: () => boolean): void {
  held.set(isHeld, socket);
  timer ??= setInterval(look, LOOK_MS);
}

function look(): void {
  for (const [isHeld, socket] of held) {
    if (socket.destroyed || !isHeld()) held.delete(isHeld);
    else if (hasPeerReset(socket)) socket.destroy();
  }
  if (held.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}

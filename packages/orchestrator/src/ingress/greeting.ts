/** The beginning of a connection: its first bytes tell what the client speaks, and have to come in time. */
import type { Socket } from "node:net";
import type { RoomyListener } from "@porchlight/runtime/roomy-reads";
import { intoStream, roomySocket } from "@porchlight/runtime/roomy-socket";

/** A client says what it wants within this: its first byte, and the whole of a SOCKS handshake. Milliseconds. */
const GREETING_MS = 10_000;

/**
 * Takes a connection's first bytes, which may be any number; those that follow are for whoever reads the socket next.
 * The connection ends when `onGreeted`, to be called once the client has said what it wants, is not called in time.
 */
export type OnFirstBytes = (first: Buffer, onGreeted: () => void) => void;

/** Hears the first bytes of an accepted connection. */
export function greet(socket: Socket, onFirst: OnFirstBytes): void {
  const timer = setTimeout(() => socket.destroy(), GREETING_MS);
  const onClose = (): void => clearTimeout(timer);
  // Whoever looks only whether somebody listens is not held.
  const onEnd = (): void => void socket.destroy();
  socket.once("close", onClose);
  socket.once("end", onEnd);
  const onGreeted = (): void => {
    clearTimeout(timer);
    socket.off("close", onClose);
  };
  onceRead(socket, (first) => {
    socket.off("end", onEnd);
    onFirst(first, onGreeted);
  });
}

function onceRead(socket: Socket, onFirst: (first: Buffer) => void): void {
  const reads = roomySocket(socket);
  if (reads === undefined) {
    socket.once("data", (first: Buffer) => {
      socket.pause();
      onFirst(first);
    });
    return;
  }
  const listener: RoomyListener = (first) => {
    reads.listener = intoStream(socket);
    onFirst(Buffer.from(first.buffer, first.byteOffset, first.length));
    return true;
  };
  reads.listener = listener;
}

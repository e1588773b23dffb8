import { Socket } from "node:net";
import { RoomyReads } from "./roomy-reads.ts";

/** A connection as it is to be read from now on. */
export interface RoomySocket {
  readonly socket: Socket;
  /** Absent where the connection cannot be taken over: it is read as before. */
  readonly reads: RoomyReads | undefined;
  /** What had been read before. */
  readonly early: Uint8Array | undefined;
}

/**
 * Takes over the connection of a TCP socket that was accepted, so that it is read into buffers of its own. Node reads
 * an accepted socket into a new 64 KiB buffer each time, whatever comes, and offers `onread` for outgoing ones only:
 * with small messages, collecting those buffers costs more than the rest of the work. A listener for the reads has
 * to be set in the same tick; the accepted socket closes and must not be used any more.
 */
export function roomySocket(accepted: Socket): RoomySocket {
  const handle: unknown = Reflect.get(accepted, "_handle");
  const isPlain = accepted.constructor === Socket && typeof handle === "object" && handle !== null;
  if (!isPlain || accepted.readableEnded || accepted.writableLength > 0) {
    return { socket: accepted, reads: undefined, early: undefined };
  }
  const early = readAll(accepted);
  const reads = new RoomyReads();
  Reflect.set(accepted, "_handle", null);
  accepted.destroy();
  const { allowHalfOpen } = accepted;
  const options = { handle, allowHalfOpen, onread: reads.options, manualStart: true };
  const socket = Reflect.construct(Socket, [options]) as Socket;
  socket.pause();
  return { socket, reads, early };
}

/** All that waits in the socket: it gives one buffer at a time. */
function readAll(socket: Socket): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) break;
    chunks.push(chunk);
  }
  return chunks.length > 1 ? Buffer.concat(chunks) : chunks[0];
}

import { Socket } from "node:net";
import { readInto } from "./inner-reads.ts";
import { RoomyReads } from "./roomy-reads.ts";

/** A connection as it is to be read from now on. */
export interface RoomySocket {
  /** How it is read; absent where it is read as before. */
  readonly reads: RoomyReads | undefined;
  /** What had been read before. */
  readonly early: Uint8Array | undefined;
}

/**
 * Lets a TCP socket that was accepted be read into buffers of its own. Node reads it into a new 64 KiB buffer each
 * time, whatever comes: with small messages, collecting those buffers costs more than the rest of the work. The socket
 * is paused; a listener for the reads has to be set before it is resumed. TLS gives records of 16 KiB at most, and is
 * read as before.
 */
export function roomySocket(accepted: Socket): RoomySocket {
  if (accepted.constructor !== Socket) return { reads: undefined, early: undefined };
  const early = readAll(accepted);
  const reads = new RoomyReads();
  const isTaken = readInto(accepted, reads.options);
  if (isTaken) accepted.pause();
  return { reads: isTaken ? reads : undefined, early };
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

import { Socket } from "node:net";
import { readInto } from "./inner-reads.ts";
import { RoomyReads, type RoomyListener } from "./roomy-reads.ts";

/**
 * Where a socket keeps its reads. Not in a `WeakMap`: the garbage collection of young objects takes what such a map holds
 * for needed, and every closed connection, which its reads lead back to, would stay until the next full one.
 */
const READS = Symbol("reads");

interface ReadSocket extends Socket {
  [READS]?: RoomyReads;
}

/**
 * Lets a TCP socket that was accepted be read into buffers of its own, from now on and for as long as it lives. Node
 * reads it into a new 64 KiB buffer each time, whatever comes: with small messages, collecting those buffers costs more
 * than the rest of the work. What is read goes to the listener of the reads, which has to be set at once; `intoStream`
 * is one that gives it to the socket's own readers. `undefined` where the socket is read as before: TLS gives records of
 * 16 KiB at most. Asked again, it gives the same reads.
 */
export function roomySocket(accepted: Socket): RoomyReads | undefined {
  const socket: ReadSocket = accepted;
  const known = socket[READS];
  if (known !== undefined || accepted.constructor !== Socket) return known;
  const reads = new RoomyReads();
  if (!readInto(accepted, reads.options)) return undefined;
  socket[READS] = reads;
  return reads;
}

/** Gives what is read to whoever reads the socket in Node's way. */
export function intoStream(socket: Socket): RoomyListener {
  return (chunk) => socket.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
}

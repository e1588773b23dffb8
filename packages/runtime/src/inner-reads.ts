/**
 * Reads of a socket that is open already into buffers of one's own. Node offers this (`onread`) for sockets that it
 * opens itself only; others are told through the inner fields in which it keeps those options.
 * Source: lib/net.js and lib/internal/stream_base_commons.js of Node.
 */
import type { Socket } from "node:net";

/** How a socket is to be read; the shape of `onread`. */
export interface InnerReads {
  /** Where the next read goes; asked for once at the start, then behind each read. */
  readonly buffer: () => Uint8Array;
  /** So many bytes have been read there; `false` stops the reading until `resume`. */
  readonly callback: (bytes: number) => boolean;
}

/** Reads `socket` so from now on; `false` when its inner fields are not as expected, and nothing was changed. */
export function readInto(socket: Socket, { buffer, callback }: InnerReads): boolean {
  const handle: unknown = Reflect.get(socket, "_handle");
  const fields = fieldsOf(socket);
  if (fields === undefined || !takesBuffers(handle)) return false;
  const first = buffer();
  Reflect.set(socket, fields.next, buffer);
  Reflect.set(socket, fields.callback, callback);
  Reflect.set(socket, fields.buffer, first);
  handle.useUserBuffer(first);
  return true;
}

interface Fields {
  readonly buffer: symbol;
  readonly next: symbol;
  readonly callback: symbol;
}

/** The same for all sockets of a process. */
let known: Fields | undefined;

function fieldsOf(socket: Socket): Fields | undefined {
  if (known !== undefined && Reflect.has(socket, known.buffer)) return known;
  const symbols = Object.getOwnPropertySymbols(socket);
  const [buffer, next, callback] = ["kBuffer", "kBufferGen", "kBufferCb"].map((name) =>
    symbols.find(({ description }) => description === name),
  );
  if (buffer === undefined || next === undefined || callback === undefined) return undefined;
  known = { buffer, next, callback };
  return known;
}

function takesBuffers(handle: unknown): handle is { useUserBuffer(buffer: Uint8Array): void } {
  return (
    typeof handle === "object" &&
    handle !== null &&
    "useUserBuffer" in handle &&
    typeof handle.useUserBuffer === "function"
  );
}

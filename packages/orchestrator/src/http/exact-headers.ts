/** Header lists through node:http as they are, byte for byte, where it would change them. */
import type { OutgoingMessage } from "node:http";
import { mapHeaders } from "@porchlight/protocol/header-list";

const NOT_ASCII = /[\x80-\xff]/;

/**
 * The list as node:http may be given it. Behind a `Content-Length`, Node reads a `Content-Disposition` as UTF-8 and
 * writes it as Latin-1, which loses bytes: then the length goes last. Source: Node's lib/_http_outgoing.js, `processHeader`.
 */
export function exactHeaders(headers: readonly string[]): readonly string[] {
  if (!headers.some(isFragile)) return headers;
  const lengths: string[] = [];
  const others = mapHeaders(headers, (name, value) => {
    if (name !== "content-length") return value;
    lengths.push(value);
    return undefined;
  });
  return [...others, ...lengths.flatMap((value) => ["Content-Length", value])];
}

function isFragile(value: string, index: number, headers: readonly string[]): boolean {
  if (index % 2 === 0 || !NOT_ASCII.test(value)) return false;
  return headers[index - 1]?.toLowerCase() === "content-disposition";
}

/** Sends a head that has been written and still waits for its body. `flushHeaders` would send it as UTF-8. */
export function flushHead(message: OutgoingMessage): void {
  if (message.writableEnded || message.destroyed) return;
  message.write("", "latin1");
}

/**
 * The fast path of CONNECT: one complete head, read from the first bytes of a connection. It takes only what Node's
 * parser reads in the same way, and leaves to it whatever is incomplete, unusual or wrong.
 */
import { MAX_REQUEST_HEADERS, type RequestHead } from "./head-check.ts";

/** Longest head that is taken here; Node's parser takes twice as much. Bytes. */
const MAX_FAST_HEAD_BYTES = 8 * 1024;

/** A head, and where it ends. */
export interface ConnectHead {
  readonly head: RequestHead;
  /** Bytes of the head: what follows belongs to the tunnel. */
  readonly headBytes: number;
}

const END = "\r\n\r\n";

const REQUEST_LINE = /^CONNECT ([A-Za-z0-9._:[\]-]{1,300}) HTTP\/1\.1$/;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** They change how the rest is read, or ask for an answer in between. */
const UNUSUAL = /^(?:content-length|transfer-encoding|upgrade|expect)$/i;

/** The CONNECT head at the beginning of `bytes`, or `undefined` for anything else. */
export function parseConnectHead(bytes: Buffer): ConnectHead | undefined {
  // "C" and "O": no other method begins so.
  if (bytes[0] !== 0x43 || bytes[1] !== 0x4f) return undefined;
  const text = bytes.toString("latin1", 0, MAX_FAST_HEAD_BYTES + END.length);
  const end = text.indexOf(END);
  if (end === -1) return undefined;
  const lines = text.slice(0, end).split("\r\n");
  const target = REQUEST_LINE.exec(lines[0] ?? "")?.[1];
  if (target === undefined || lines.length > MAX_REQUEST_HEADERS + 1) return undefined;
  const rawHeaders = readHeaders(lines);
  if (rawHeaders === undefined) return undefined;
  const head = { method: "CONNECT", url: target, httpVersion: "1.1", rawHeaders };
  return { head, headBytes: end + END.length };
}

/** The headers of a head; its first line is none. */
function readHeaders(lines: readonly string[]): string[] | undefined {
  const headers: string[] = [];
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index] ?? "";
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    if (!NAME.test(name) || UNUSUAL.test(name)) return undefined;
    const value = withoutOuterSpace(line, colon + 1);
    if (!VALUE.test(value)) return undefined;
    headers.push(name, value);
  }
  return headers;
}

/** The rest of a line without the spaces and tabs around it; other white space is no such. Source: RFC 9110 §5.5. */
function withoutOuterSpace(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isSpace(line.charCodeAt(start))) start++;
  while (end > start && isSpace(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

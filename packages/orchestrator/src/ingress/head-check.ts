/**
 * What is asked of every request's head beyond what Node's parser asks: so that nobody can read one in two ways, and
 * that it is meant for a proxy. Source: RFC 9112 §3.2, §6; faults P2, P5, P6, P8.
 */
import { ProxyError } from "@porchlight/protocol/errors";
import { HOST_AND_PORT } from "./authority.ts";

/** Most headers of a request. */
export const MAX_REQUEST_HEADERS = 100;

/** A request's head as Node gives it. */
export interface RequestHead {
  readonly method: string;
  /** The target as it was sent. */
  readonly url: string;
  readonly httpVersion: string;
  /** Name, value, name, value, … as they came. */
  readonly rawHeaders: readonly string[];
}

/** What is wrong with a head, and the status that says it best where that is not the code's own. */
export interface HeadFlaw {
  readonly error: ProxyError;
  readonly status?: number;
}

const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\//i;

/** The headers whose repetition would give a request two meanings. */
interface Seen {
  host: number;
  framing: number;
  /** One of them announces a body. */
  hasBody: boolean;
  credentials: number;
}

/** What is wrong with a head; `undefined` when nothing is. */
export function judgeHead(head: RequestHead): HeadFlaw | undefined {
  const { method, url, httpVersion, rawHeaders } = head;
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return flaw("Only HTTP/1.1 is spoken here");
  if (rawHeaders.length > MAX_REQUEST_HEADERS * 2) {
    const error = new ProxyError("invalid_request", "The request has too many headers");
    return { error, status: 431 };
  }
  return judgeHeaders(head) ?? (method === "CONNECT" ? undefined : judgeForm(url));
}

function judgeHeaders({ method, httpVersion, rawHeaders }: RequestHead): HeadFlaw | undefined {
  const seen: Seen = { host: 0, framing: 0, hasBody: false, credentials: 0 };
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const refusal = judgeHeader(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "", seen);
    if (refusal !== undefined) return flaw(refusal);
  }
  if (seen.host > 1) return flaw("The request has more than one Host");
  if (seen.host === 0 && httpVersion === "1.1") return flaw("The request has no Host");
  if (seen.credentials > 1) return flaw("The request has more than one Proxy-Authorization");
  // It would be the first bytes of the tunnel to one reader, and a body to another. That there is none, WinINet says.
  if (seen.hasBody && method === "CONNECT") return flaw("CONNECT has no body");
  if (seen.framing > 1) return flaw("The request's length is given more than once");
  return undefined;
}

/** Looks at names of the right length only: this runs for every header of every request. */
function judgeHeader(name: string, value: string, seen: Seen): string | undefined {
  switch (name.length) {
    case 4:
      if (name.toLowerCase() !== "host") return undefined;
      seen.host++;
      return HOST_AND_PORT.test(value) ? undefined : "The request's Host is no host";
    case 14:
      if (name.toLowerCase() !== "content-length") return undefined;
      seen.framing++;
      if (value !== "0") seen.hasBody = true;
      return undefined;
    case 17:
      if (name.toLowerCase() !== "transfer-encoding") return undefined;
      seen.framing++;
      seen.hasBody = true;
      // Spaces and tabs around it are legal and gone (RFC 9110 §5.5); P6's ` chunked` is any other white space.
      return value.toLowerCase() === "chunked" ? undefined : "Only chunked is taken of codings";
    case 19:
      if (name.toLowerCase() === "proxy-authorization") seen.credentials++;
      return undefined;
    default:
      return undefined;
  }
}

function judgeForm(target: string): HeadFlaw | undefined {
  if (ABSOLUTE.test(target)) return undefined;
  return flaw(
    "This is a proxy: send the whole URL (GET http://host/path), as clients do that have it set as their proxy",
  );
}

function flaw(message: string): HeadFlaw {
  return { error: new ProxyError("invalid_request", message) };
}

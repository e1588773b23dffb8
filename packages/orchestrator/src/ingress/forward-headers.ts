/**
 * Headers of a forwarded request as its target sees them, and of its answer as the client does. Everything stays in
 * order, case and repetition but what belongs to one connection (faults P9). The target sees no sign of us.
 */
import {
  connectionOptions,
  headerValue,
  isHopByHop,
  isOurs,
  mapHeaders,
} from "@porchlight/protocol/header-list";

/** A request as it came. */
export interface RequestFacts {
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
  /** What `Host` has to say. Source: RFC 9112 §3.2.2. */
  readonly authority: string;
  /** HTTP/1.0, whose clients know no interim responses and no chunks. */
  readonly isOld: boolean;
  /** It asks to become a WebSocket. */
  readonly isUpgrade: boolean;
  /** What `Max-Forwards` says from here on, where it is heeded. */
  readonly maxForwards: number | undefined;
}

/** The headers that go to the target; how the body is framed stays as it is. */
export function targetHeaders(request: RequestFacts): string[] {
  const { headers, authority, isOld, isUpgrade, maxForwards } = request;
  const dropped = connectionOptions(headers);
  const isChunked = headerValue(headers, "transfer-encoding") !== undefined;
  let hasHost = false;
  const sent = mapHeaders(headers, (name, value) => {
    if (name === "host") {
      if (hasHost) return undefined;
      hasHost = true;
      return authority;
    }
    if (FRAMING.has(name)) return value;
    if (isUpgrade && UPGRADING.has(name)) return name === "connection" ? "Upgrade" : value;
    if (isHopByHop(name) || dropped.has(name)) return undefined;
    if (name === "trailer") return isChunked ? value : undefined;
    // Source: RFC 9110 §10.1.1.
    if (name === "expect" && isOld) return undefined;
    if (name === "max-forwards" && maxForwards !== undefined) return String(maxForwards);
    return value;
  });
  return hasHost ? sent : ["Host", authority, ...sent];
}

/** They stay whatever `Connection` says: a body without them would be taken for the next request. */
const FRAMING: ReadonlySet<string> = new Set(["transfer-encoding", "content-length"]);

/** What a change of protocols is made of. Source: RFC 9110 §7.8. */
const UPGRADING: ReadonlySet<string> = new Set(["connection", "upgrade"]);

/** An answer as it came from the target. */
export interface ResponseFacts {
  readonly status: number;
  readonly headers: readonly string[];
  /** The client reads trailers: the body goes to it in chunks. */
  readonly takesTrailers: boolean;
}

/** The headers that go to the client; those of its own connection are written by whoever speaks to it. */
export function clientHeaders({ status, headers, takesTrailers }: ResponseFacts): string[] {
  const dropped = connectionOptions(headers);
  return mapHeaders(headers, (name, value) => {
    if (isHopByHop(name) || isOurs(name)) return undefined;
    // With 204 it means nothing, and some clients would wait for the body.
    if (name === "content-length") return status === 204 ? undefined : value;
    if (name === "trailer" && !takesTrailers) return undefined;
    return dropped.has(name) ? undefined : value;
  });
}

/** The headers of a 101 that go to the client, the change of protocols included. */
export function switchHeaders(headers: readonly string[]): string[] {
  const dropped = connectionOptions(headers);
  return mapHeaders(headers, (name, value) => {
    if (UPGRADING.has(name)) return name === "connection" ? "Upgrade" : value;
    return isHopByHop(name) || isOurs(name) || dropped.has(name) ? undefined : value;
  });
}

/** Trailers that go on, to either side: none of a connection, none that only heads may have. */
export function sentTrailers(trailers: readonly string[]): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < trailers.length; index += 2) {
    const [name = "", value = ""] = trailers.slice(index, index + 2);
    const lowerCaseName = name.toLowerCase();
    if (!isHopByHop(lowerCaseName) && !isOurs(lowerCaseName) && !IN_HEADS.has(lowerCaseName)) {
      pairs.push([name, value]);
    }
  }
  return pairs;
}

/** Source: RFC 9110 §6.5.1. */
const IN_HEADS: ReadonlySet<string> = new Set(["content-length", "host", "trailer"]);

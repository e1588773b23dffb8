/** Who wants to come in, and in which profile: judged by the upgrade request alone, before any upgrade. */
import type { IncomingMessage } from "node:http";
import { ProxyError } from "@porchlight/protocol/errors";
import { MUX_SUBPROTOCOL } from "@porchlight/protocol/message";
import { clientAddress } from "@porchlight/runtime/client-address";
import type { CidrList } from "@porchlight/runtime/target-policy";
import type { Principal } from "../accounts/principal.ts";
import type { Link } from "../agents/link.ts";
import type { Visitor } from "./gateway-context.ts";

/** Who may come in, and how the link is going to speak. */
export interface Handshake {
  readonly profile: Link["profile"];
  readonly visitor: Visitor;
}

/** What an upgrade request is judged by. */
export interface HandshakeRules {
  readonly authenticator: { authenticate(presented: string | undefined): Principal | undefined };
  /** Proxies whose `X-Forwarded-For` is believed. */
  readonly trustProxy: CidrList;
}

/**
 * Reads an upgrade request.
 * @throws {ProxyError} `not_found` for any path but `/agent`, `unauthenticated` for no or a wrong key, `forbidden`
 * for a key of another role (faults A19), `invalid_request` for sub-protocols that are not ours
 */
export function readHandshake(request: IncomingMessage, rules: HandshakeRules): Handshake {
  const [path, query] = splitTarget(request.url ?? "");
  if (path !== "/agent") throw new ProxyError("not_found", "Nothing to upgrade to at this path");
  const offered = request.headers["sec-websocket-protocol"];
  const profile = offered === undefined ? "json" : "mux";
  const key =
    bearerKey(request.headers.authorization) ?? (profile === "json" ? queryKey(query) : undefined);
  const principal = rules.authenticator.authenticate(key);
  if (principal === undefined)
    throw new ProxyError("unauthenticated", "A valid agent key is needed");
  if (principal.role !== "agent") throw new ProxyError("forbidden", "This key is no agent's");
  if (offered !== undefined && !offersMux(offered)) {
    throw new ProxyError(
      "invalid_request",
      `Of sub-protocols only ${MUX_SUBPROTOCOL} is spoken here`,
    );
  }
  const ip = clientAddress(
    request.socket.remoteAddress,
    forwardedFor(request.headers["x-forwarded-for"]),
    rules.trustProxy,
  );
  return { profile, visitor: { principal, ip } };
}

function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf("?");
  return mark === -1 ? [target, ""] : [target.slice(0, mark), target.slice(mark + 1)];
}

/** Source: RFC 6750 §2.1. */
function bearerKey(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
}

/** For clients that cannot set headers; the URL is never logged. */
function queryKey(query: string): string | undefined {
  return new URLSearchParams(query).get("key") ?? undefined;
}

function offersMux(offered: string): boolean {
  return offered.split(",").some((name) => name.trim() === MUX_SUBPROTOCOL);
}

function forwardedFor(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(",") : header;
}

import { ProxyError } from "@porchlight/protocol/errors";
import type { Principal, Role } from "../accounts/principal.ts";

/** Recognises keys; the same work for known and unknown ones. */
export interface KeyRing {
  authenticate(presented: string | undefined): Principal | undefined;
}

/** Source: RFC 6750 §2.1; the scheme's case is free, RFC 9110 §11.1. */
const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

/**
 * Who calls, by the `Authorization` header.
 * @throws {ProxyError} `unauthenticated`, the same for no, a malformed, an unknown, a revoked and an expired key
 * (faults A19); `forbidden` when the key has none of `roles`
 */
export function authorise(
  keys: KeyRing,
  authorization: string | undefined,
  roles: readonly Role[],
): Principal {
  const principal = keys.authenticate(BEARER.exec(authorization ?? "")?.[1]);
  if (principal === undefined) {
    throw new ProxyError(
      "unauthenticated",
      "A valid key is needed: send Authorization: Bearer KEY",
    );
  }
  if (roles.includes(principal.role)) return principal;
  throw new ProxyError(
    "forbidden",
    `This needs a key with role ${roles.join(" or ")}; this key's role is ${principal.role}`,
  );
}

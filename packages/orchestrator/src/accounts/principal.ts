import type { Role } from "@porchlight/protocol/key-format";

export type { Role } from "@porchlight/protocol/key-format";

/** Who is calling, once a key has been recognised. */
export interface Principal {
  /** Id of the key: `key_…` for a stored one, `static:ROLE:NAME` for one from the environment. */
  readonly keyId: string;
  /** Owner of the work done with this key; the key's id as long as accounts have one key each. */
  readonly account: string;
  readonly name: string;
  readonly role: Role;
}

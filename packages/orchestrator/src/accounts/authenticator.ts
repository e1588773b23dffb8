/**
 * Recognises keys. All of them, static and stored, are held in one map by the SHA-256 of the key, so that a
 * known key costs a microsecond and no storage. Any other, be it absent, wrong, revoked or expired, costs the
 * same work each (faults A19): the store is asked whether the key is new, and the map once more. The store is
 * also asked once a second, so that a key revoked by another process is noticed.
 */
import * as crypto from "node:crypto";
import type { Logger } from "@porchlight/runtime/logger";
import type { KeyStore, StoredKey } from "../state/key-store.ts";
import type { Principal } from "./principal.ts";

/** How often the store is asked for changes: a revoked key closes its link well within 5 s (faults G13). Milliseconds. */
export const KEY_POLL_MS = 1_000;

/** A key from the environment. */
export interface StaticKey {
  readonly principal: Principal;
  readonly secret: string;
}

/** Where keys come from: the environment and the store. */
export interface AuthenticatorOptions {
  readonly staticKeys: readonly StaticKey[];
  readonly store: KeyStore;
  readonly logger: Pick<Logger, "warn">;
  /** Unix epoch milliseconds; default `Date.now`. */
  readonly now?: () => number;
}

interface KnownKey {
  readonly principal: Principal;
  readonly expiresAtMs: number;
}

const NOBODY: KnownKey = {
  principal: { keyId: "", account: "", name: "", role: "client" },
  expiresAtMs: 0,
};

/** Tells who presents a key, and who no longer may. */
export class Authenticator {
  readonly #known = new Map<string, KnownKey>();
  readonly #listeners = new Set<(keyId: string) => void>();
  readonly #store: KeyStore;
  readonly #logger: Pick<Logger, "warn">;
  readonly #now: () => number;
  #revision = 0;
  #isStoreFailing = false;
  #timer: NodeJS.Timeout | undefined;

  /** Reads the whole store once; throws when that fails. */
  constructor(options: AuthenticatorOptions) {
    this.#store = options.store;
    this.#logger = options.logger;
    this.#now = options.now ?? Date.now;
    for (const { principal, secret } of options.staticKeys) {
      this.#known.set(digestOf(secret), { principal, expiresAtMs: Infinity });
    }
    this.#readChanges();
  }

  /** Who presents this key; `undefined` for no, an unknown, a revoked and an expired one alike. */
  authenticate(presented: string | undefined): Principal | undefined {
    const digest = digestOf(presented ?? "");
    const principal = this.#find(digest);
    if (principal !== undefined) return principal;
    // A key made a moment ago works at once.
    this.#tryReadChanges();
    return this.#find(digest);
  }

  /** Hears of every key that stops being valid, revoked or expired; returns how to stop hearing. */
  onRevoked(listener: (keyId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins to ask the store for changes every `KEY_POLL_MS`; the timer keeps no process alive. */
  start(): void {
    this.#timer ??= setInterval(() => this.refresh(), KEY_POLL_MS).unref();
  }

  /** Takes over what has changed in the store and forgets what has expired. Never throws. */
  refresh(): void {
    this.#tryReadChanges();
    this.#forgetExpired();
  }

  /** Stops asking the store. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Whether any valid key of this role is known. */
  knows(role: Principal["role"]): boolean {
    const now = this.#now();
    return this.#known.values().some((key) => key.principal.role === role && now < key.expiresAtMs);
  }

  #find(digest: string): Principal | undefined {
    const known = this.#known.get(digest) ?? NOBODY;
    return this.#now() < known.expiresAtMs ? known.principal : undefined;
  }

  /** A store that fails is told of once; until it works again, nothing changes (faults F17). */
  #tryReadChanges(): void {
    try {
      this.#readChanges();
      this.#isStoreFailing = false;
    } catch (err) {
      if (!this.#isStoreFailing) {
        this.#logger.warn({ err }, "Keys could not be read again; those known so far stay valid");
      }
      this.#isStoreFailing = true;
    }
  }

  #readChanges(): void {
    const { revision, keys } = this.#store.changesSince(this.#revision);
    this.#revision = revision;
    for (const key of keys) {
      if (key.revokedAtMs === undefined) this.#known.set(key.hash, knownKey(key));
      else this.#forget(key.hash);
    }
  }

  #forgetExpired(): void {
    const now = this.#now();
    for (const [hash, key] of this.#known) {
      if (key.expiresAtMs <= now) this.#forget(hash);
    }
  }

  #forget(hash: string): void {
    const key = this.#known.get(hash);
    if (key === undefined) return;
    this.#known.delete(hash);
    for (const listener of this.#listeners) listener(key.principal.keyId);
  }
}

/** Comparing digests tells nothing of keys, however long that takes. */
function digestOf(secret: string): string {
  return crypto.hash("sha256", secret, "hex");
}

function knownKey(key: StoredKey): KnownKey {
  return {
    principal: { keyId: key.id, account: key.id, name: key.name, role: key.role },
    expiresAtMs: key.expiresAtMs ?? Infinity,
  };
}

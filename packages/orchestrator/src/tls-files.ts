/**
 * The certificate and its key, from files that a renewal replaces while the orchestrator runs. Both files are
 * read again at an interval rather than watched: that works for symbolic links (Kubernetes, certbot) and
 * network mounts alike, and a half-written pair is simply tried again next time.
 */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Logger } from "@porchlight/runtime/logger";

/** How often the files are read again. Milliseconds. */
export const TLS_POLL_MS = 2_000;

/**
 * AES-128-GCM first: 10 to 25 % less CPU than ChaCha20 on machines with AES instructions, which is where
 * orchestrators run. TLS 1.2 only with forward secrecy.
 */
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** Paths of two PEM files: the certificate with its chain, and its key. */
export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
}

/** A server that takes a new certificate for the connections to come. */
export interface SecureServer {
  setSecureContext(options: SecureContextOptions): void;
}

/** A certificate that follows its files; servers that use it get each new one, connections keep theirs. */
export class TlsFiles {
  readonly #paths: TlsPaths;
  readonly #logger: Pick<Logger, "info" | "error">;
  readonly #servers = new Set<SecureServer>();
  #context: SecureContextOptions;
  /** Why the files could not be used last time: told of once. */
  #complaint: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @throws {Error} when a file cannot be read, is no PEM, or key and certificate do not belong together */
  constructor(paths: TlsPaths, logger: Pick<Logger, "info" | "error">) {
    this.#paths = paths;
    this.#logger = logger;
    this.#context = checkedContext(
      readFileSync(paths.cert, "utf8"),
      readFileSync(paths.key, "utf8"),
    );
  }

  /** What a server needs to speak TLS with the newest good pair. */
  get context(): SecureContextOptions {
    return this.#context;
  }

  /** Keeps the server's certificate up to date; the timer keeps no process alive. */
  follow(server: SecureServer): void {
    this.#servers.add(server);
    this.#timer ??= setInterval(() => void this.refresh(), TLS_POLL_MS).unref();
  }

  /** Takes over a changed pair. A broken one is logged and the old one kept. Never rejects. */
  async refresh(): Promise<void> {
    try {
      const cert = await readFile(this.#paths.cert, "utf8");
      const key = await readFile(this.#paths.key, "utf8");
      if (cert !== this.#context.cert || key !== this.#context.key) this.#use(cert, key);
      this.#complaint = undefined;
    } catch (err) {
      const complaint = String(err);
      if (complaint === this.#complaint) return;
      this.#complaint = complaint;
      this.#logger.error({ err }, "The new TLS certificate cannot be used; the old one stays");
    }
  }

  /** Stops following. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#servers.clear();
  }

  #use(cert: string, key: string): void {
    this.#context = checkedContext(cert, key);
    for (const server of this.#servers) server.setSecureContext(this.#context);
    this.#logger.info({ cert: this.#paths.cert }, "New TLS certificate in use");
  }
}

function checkedContext(cert: string, key: string): SecureContextOptions {
  const options = {
    cert,
    key,
    minVersion: "TLSv1.2",
    ciphers: CIPHERS,
    honorCipherOrder: true,
  } as const;
  createSecureContext(options);
  return options;
}

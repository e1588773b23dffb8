/** Certificates for tests only. */
import { generate } from "selfsigned";

/** PEM texts of a certificate and its key. */
export interface SelfSigned {
  readonly cert: string;
  readonly key: string;
}

/** A new self-signed certificate for `name`. */
export async function selfSigned(name: string): Promise<SelfSigned> {
  const pair = await generate([{ name: "commonName", value: name }], { keyType: "ec" });
  return { cert: pair.cert, key: pair.private };
}

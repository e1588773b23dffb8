import { rmSync } from "node:fs";
import { generate } from "selfsigned";
import { temporaryFolder } from "./temporary-folder.ts";

/** A throw-away authority and a certificate of it for `localhost`, 127.0.0.1 and ::1: PEM texts and their files. */
export interface TestCertificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

let cached: Promise<TestCertificate> | undefined;

/** The certificate of this process, made at the first call; its files go away when the process exits. */
export function testCertificate(): Promise<TestCertificate> {
  cached ??= makeCertificate();
  return cached;
}

async function makeCertificate(): Promise<TestCertificate> {
  const authority = await generate([{ name: "commonName", value: "Porchlight test authority" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    algorithm: "sha256",
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: "basicConstraints", cA: false },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
          { type: 7, ip: "::1" },
        ],
      },
    ],
  });
  const folder = await temporaryFolder();
  process.once("exit", () => {
    rmSync(folder.path, { recursive: true, force: true });
  });
  return {
    ca: authority.cert,
    cert: server.cert,
    key: server.private,
    caFile: await folder.write("ca.pem", authority.cert),
    certFile: await folder.write("cert.pem", server.cert),
    keyFile: await folder.write("key.pem", server.private),
  };
}

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { SecureContextOptions } from "node:tls";
import { selfSigned } from "./certificate-fixture.ts";
import { TlsFiles } from "./tls-files.ts";

async function setup(context: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), "porchlight-tls-"));
  context.after(() => rmSync(dir, { recursive: true }));
  const paths = { cert: join(dir, "cert.pem"), key: join(dir, "key.pem") };
  const write = (pair: { readonly cert: string; readonly key: string }) => {
    writeFileSync(paths.cert, pair.cert);
    writeFileSync(paths.key, pair.key);
  };
  write(await selfSigned("first.test"));
  const log: string[] = [];
  const note = (level: string) => () => void log.push(level);
  const logger = { info: note("info"), error: note("error") };
  const served: string[] = [];
  const server = {
    setSecureContext: (options: SecureContextOptions) => void served.push(subject(options)),
  };
  return { paths, write, log, logger, served, server };
}

function subject(options: SecureContextOptions): string {
  return new X509Certificate(String(options.cert)).subject;
}

test("TlsFiles: a replaced pair reaches the server, once", async (t) => {
  const { paths, write, log, logger, served, server } = await setup(t);
  const files = new TlsFiles(paths, logger);
  files.follow(server);
  await files.refresh();
  assert.deepEqual(served, []);
  write(await selfSigned("second.test"));
  await files.refresh();
  await files.refresh();
  assert.deepEqual(served, ["CN=second.test"]);
  assert.equal(subject(files.context), "CN=second.test");
  assert.deepEqual(log, ["info"]);
  files.close();
});

test("TlsFiles: a broken, half-written or missing pair is told of once and the old one kept", async (t) => {
  const { paths, write, log, logger, served, server } = await setup(t);
  const files = new TlsFiles(paths, logger);
  files.follow(server);
  const next = await selfSigned("second.test");
  writeFileSync(paths.cert, next.cert);
  await files.refresh();
  await files.refresh();
  rmSync(paths.cert);
  await files.refresh();
  await files.refresh();
  assert.deepEqual(log, ["error", "error"]);
  assert.equal(subject(files.context), "CN=first.test");
  write(next);
  await files.refresh();
  assert.deepEqual(served, ["CN=second.test"]);
  files.close();
});

test("TlsFiles: a pair that does not belong together, or is missing, is refused at the start", async (t) => {
  const { paths, logger } = await setup(t);
  writeFileSync(paths.key, (await selfSigned("other.test")).key);
  assert.throws(() => new TlsFiles(paths, logger));
  rmSync(paths.key);
  assert.throws(() => new TlsFiles(paths, logger), { code: "ENOENT" });
});

test("TlsFiles: TLS 1.2 at least, AES-128-GCM first", async (t) => {
  const { paths, logger } = await setup(t);
  const { context } = new TlsFiles(paths, logger);
  assert.equal(context.minVersion, "TLSv1.2");
  assert.match(String(context.ciphers), /^TLS_AES_128_GCM_SHA256:/);
});

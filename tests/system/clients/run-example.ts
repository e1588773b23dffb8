/** Runs an example of examples/clients as a process of its own. */
import { createHash, X509Certificate } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import { delimiter, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestCertificate } from "@porchlight/testkit/certificate";
import { Program } from "@porchlight/testkit/program";
import { within } from "@porchlight/testkit/until";
import { DEBIAN_PYTHON } from "../../../scripts/system-tools.ts";

const EXAMPLES = fileURLToPath(new URL("../../../examples/clients/", import.meta.url));

/** A client that hangs is ended. Milliseconds. */
const DEADLINE_MS = 20_000;

const COMMANDS: Readonly<Record<string, string>> = {
  ".sh": "/bin/sh",
  ".py": DEBIAN_PYTHON,
  ".ts": process.execPath,
};

/** Where the browser may run as root without a display, and does nothing on its own account. */
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How it ended, and all it printed. */
export interface ExampleEnd {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the example to its end with these variables. */
export async function runExample(
  file: string,
  env: Readonly<Record<string, string>>,
): Promise<ExampleEnd> {
  await using program = new Program({
    name: file,
    command: COMMANDS[extname(file)] ?? "",
    args: [join(EXAMPLES, file)],
    // fetch.sh starts `node`: the one that runs this, not the machine's.
    env: { PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter), ...env },
  });
  const { code } = await within(`${file} to end`, program.ended, DEADLINE_MS);
  return { code, output: program.logs.text };
}

/** Variables by which each client trusts the test's authority; files go into `folder`. */
export async function trustIn(
  { caFile, cert }: TestCertificate,
  folder: string,
): Promise<Record<string, string>> {
  const wgetrc = join(folder, "wgetrc");
  const browser = join(folder, "browser.sh");
  await writeFile(wgetrc, `ca_certificate = ${caFile}\n`);
  await writeFile(join(folder, ".curlrc"), `proxy-cacert = ${caFile}\n`);
  await writeFile(browser, browserScript(cert));
  await chmod(browser, 0o700);
  return {
    CURL_CA_BUNDLE: caFile,
    CURL_HOME: folder,
    WGETRC: wgetrc,
    REQUESTS_CA_BUNDLE: caFile,
    SSL_CERT_FILE: caFile,
    NODE_EXTRA_CA_CERTS: caFile,
    BROWSER: browser,
  };
}

/** Starts Chromium so that it takes this certificate, and no other that is not publicly trusted. */
function browserScript(cert: string): string {
  const publicKey = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
  const hash = createHash("sha256").update(publicKey).digest("base64");
  const flags = [...CHROMIUM_FLAGS, `--ignore-certificate-errors-spki-list=${hash}`];
  return `#!/bin/sh\nexec /usr/bin/chromium ${flags.join(" ")} "$@"\n`;
}

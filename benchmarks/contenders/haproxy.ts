/** Two HAProxy in TCP mode with TLS between them: the limit of what two hops can do. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Program } from "@porchlight/testkit/program";
import { testCertificate } from "@porchlight/testkit/certificate";
import { openRaw } from "@porchlight/testkit/raw-http";
import { until } from "@porchlight/testkit/until";
import { freePort, program, untilListening, type ContenderKind } from "./contender.ts";

export const haproxy: ContenderKind = {
  key: "haproxy",
  name: "two HAProxy",
  programs: ["haproxy"],
  async start({ originPort, folder }) {
    const [nearPort, farPort] = [await freePort(), await freePort()];
    const { cert, key } = await testCertificate();
    const pem = join(folder, "haproxy.pem");
    await writeFile(pem, `${cert}\n${key}\n`, { mode: 0o600 });
    await using started = new AsyncDisposableStack();
    const far = started.use(
      await startHop(folder, {
        name: "far",
        port: farPort,
        bind: `ssl crt ${pem}`,
        server: `127.0.0.1:${originPort}`,
      }),
    );
    const near = started.use(
      await startHop(folder, {
        name: "near",
        port: nearPort,
        bind: "",
        server: `127.0.0.1:${farPort} ssl verify none`,
      }),
    );
    await until("an answer through both HAProxy", () => answers(nearPort), 10_000);
    const running = started.move();
    return {
      name: "two HAProxy",
      processes: [
        { label: "near HAProxy", pid: near.pid },
        { label: "far HAProxy", pid: far.pid },
      ],
      route: (load) =>
        load.kind === "tunnel"
          ? ["-p", String(nearPort), "-t", `127.0.0.1:${originPort}`]
          : undefined,
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  },
};

async function startHop(
  folder: string,
  hop: {
    readonly name: string;
    readonly port: number;
    /** Behind the port. */
    readonly bind: string;
    readonly server: string;
  },
): Promise<Program> {
  const config = `
global
  nbthread 1
  maxconn 4096
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
  ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen ${hop.name}
  bind 127.0.0.1:${hop.port} ${hop.bind}
  server next ${hop.server}
`;
  const file = join(folder, `haproxy-${hop.name}.cfg`);
  await writeFile(file, config);
  const hopProgram = new Program({
    name: `${hop.name} HAProxy`,
    command: program("haproxy"),
    args: ["-db", "-f", file],
  });
  await untilListening(hopProgram, hop.port);
  return hopProgram;
}

/** Whether a request gets an answer through a port. */
async function answers(port: number): Promise<boolean> {
  try {
    using connection = await openRaw(port);
    connection.write("GET /1k HTTP/1.1\r\nHost: origin\r\n\r\n");
    await connection.untilText("200 OK", 1_000);
    return true;
  } catch {
    return false;
  }
}

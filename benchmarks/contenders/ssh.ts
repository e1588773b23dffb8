/**
 * `ssh -tt -R PORT` to a private sshd with throw-away keys: a SOCKS port at the server, targets dialled by the
 * client. With `-tt`, since OpenSSH without a terminal delays small packets by 40 ms.
 */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Program } from "@porchlight/testkit/program";
import { freePort, program, untilListening, type ContenderKind } from "./contender.ts";

const run = promisify(execFile);

/** A remote command that keeps the session, and ends by itself should anything go wrong here. Seconds. */
const SESSION_SECONDS = 3600;

export const ssh: ContenderKind = {
  key: "ssh",
  name: "ssh -tt -R",
  programs: ["sshd", "ssh", "ssh-keygen"],
  async start({ originPort, folder }) {
    const [sshPort, socksPort] = [await freePort(), await freePort()];
    await using started = new AsyncDisposableStack();
    const server = started.use(await startServer(folder, sshPort));
    const client = started.use(startClient(folder, { sshPort, socksPort }));
    await untilListening(client, socksPort);
    const running = started.move();
    const target = ["-t", `127.0.0.1:${originPort}`];
    return {
      name: "ssh -tt -R",
      processes: [
        { label: "sshd", pid: server.pid },
        { label: "ssh", pid: client.pid },
      ],
      route: (load) =>
        load.kind === "tunnel" ? ["-m", "socks", "-p", String(socksPort), ...target] : undefined,
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  },
};

async function startServer(folder: string, port: number): Promise<Program> {
  const hostKey = join(folder, "ssh-host-key");
  const userKey = join(folder, "ssh-user-key");
  for (const file of [hostKey, userKey]) {
    await run(program("ssh-keygen"), ["-q", "-t", "ed25519", "-N", "", "-f", file]);
  }
  const config = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${userKey}.pub`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "PermitRootLogin prohibit-password",
    "AllowTcpForwarding yes",
    "PidFile none",
    "LogLevel ERROR",
  ].join("\n");
  await writeFile(join(folder, "sshd-config"), `${config}\n`);
  // Started by root, sshd wants this empty folder, which its service would have made.
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true });
  const server = new Program({
    name: "sshd",
    command: program("sshd"),
    args: ["-D", "-e", "-f", join(folder, "sshd-config")],
  });
  await untilListening(server, port);
  return server;
}

function startClient(
  folder: string,
  ports: { readonly sshPort: number; readonly socksPort: number },
): Program {
  const options = [
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "IdentitiesOnly=yes",
    "ExitOnForwardFailure=yes",
    "LogLevel=ERROR",
  ];
  return new Program({
    name: "ssh",
    command: program("ssh"),
    args: [
      "-tt",
      "-F",
      "none",
      "-c",
      "aes128-gcm@openssh.com",
      ...options.flatMap((option) => ["-o", option]),
      "-i",
      join(folder, "ssh-user-key"),
      "-p",
      String(ports.sshPort),
      "-R",
      `127.0.0.1:${ports.socksPort}`,
      `${userInfo().username}@127.0.0.1`,
      `exec sleep ${SESSION_SECONDS}`,
    ],
  });
}

import { accessSync, constants } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import type { Program } from "@porchlight/testkit/program";
import { until } from "@porchlight/testkit/until";
import type { Load } from "../loads.ts";

/** One way from the load generator to the origin, running. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** Whose CPU time and memory count. */
  readonly processes: readonly { readonly label: string; readonly pid: number }[];
  /** Arguments that lead the load generator to it; `undefined`: it does not do this load. */
  route(load: Load): readonly string[] | undefined;
}

export interface Scene {
  readonly originPort: number;
  /** For throw-away files. */
  readonly folder: string;
}

/** How to start a contender, and what has to be installed for it. */
export interface ContenderKind {
  /** What `--contenders` calls it. */
  readonly key: string;
  readonly name: string;
  readonly programs: readonly string[];
  start(scene: Scene): Promise<Contender>;
}

/** Where a program is: PATH, and the folders of system programs that a user's PATH lacks. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find((file) => isExecutable(file));
}

/** The same for a program that was found before. @throws {Error} when it is not there */
export function program(name: string): string {
  const file = findProgram(name);
  if (file === undefined) throw new Error(`${name} is not installed`);
  return file;
}

/** A loopback port nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

/**
 * Waits until a program listens on a loopback port.
 * @throws {Error} with what it printed when it ends before, or does not within 15 s.
 */
export async function untilListening(started: Program, port: number): Promise<void> {
  await until(
    `${started.name} to listen`,
    async () => {
      if (!started.running) throw new Error(`${started.name} ended\n${started.logs.text}`);
      return accepts(port);
    },
    15_000,
  );
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

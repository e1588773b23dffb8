/** Child processes of the scripts: they end with their parent, and none outlives it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { ROOT } from "./repository.ts";

const END_WITH_PARENT = new URL("end-with-parent.ts", import.meta.url).href;

/** How a child ended. */
export interface ChildEnd {
  /** Exit code; 1 when it was ended by a signal or could not be started. */
  readonly code: number;
  /** What it printed on both outputs; empty when they were shared. */
  readonly output: string;
}

/** What a child inherits beyond arguments. */
export interface ChildOptions {
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `shared`: prints where the parent prints. `kept`: given back at its end. */
  readonly output: "shared" | "kept";
}

/** Runs this Node with `args` in the repository's root and waits for its end. */
export async function runNode(args: readonly string[], options: ChildOptions): Promise<ChildEnd> {
  const pipe = options.output === "kept" ? "pipe" : "inherit";
  const child = spawn(process.execPath, ["--import", END_WITH_PARENT, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...options.env },
    stdio: ["inherit", pipe, pipe, "ipc"],
  });
  const output = collect(child);
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? 1, output: output.join("") };
}

/**
 * Starts this Node with `args` and no environment but `env`, apart from the terminal's Ctrl-C: it ends when
 * `disconnect` is called, or with its parent.
 */
export function startNode(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ChildProcess {
  return spawn(process.execPath, ["--import", END_WITH_PARENT, ...args], {
    cwd: ROOT,
    env,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
    windowsHide: true,
  });
}

function collect(child: ChildProcess): string[] {
  const pieces: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => pieces.push(text));
  }
  return pieces;
}

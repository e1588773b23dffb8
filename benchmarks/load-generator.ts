import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Load } from "./loads.ts";

const run = promisify(execFile);

/** What one run of the load generator counted. */
export interface LoadCount {
  readonly requestsPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly requests: number;
  readonly errors: number;
  /** Answers with another status than 200. */
  readonly not200: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Its names, as in the usage at the head of loadgen.c. */
interface Printed {
  readonly rps: number;
  readonly MBs: number;
  readonly done: number;
  readonly errs: number;
  readonly non200: number;
  readonly sec: number;
  readonly p50us: number;
  readonly p99us: number;
}

export class LoadGenerator {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** Puts a load on what `route` (port, mode, …) leads to, for `seconds`, or until `requests` are done. */
  async run(
    load: Load,
    route: readonly string[],
    bound: { readonly seconds: number; readonly requests?: number },
  ): Promise<LoadCount> {
    const options = {
      c: load.connections,
      u: load.path,
      k: load.fresh ? 0 : 1,
      d: bound.seconds,
      ...(bound.requests === undefined ? {} : { n: bound.requests }),
    };
    const flags = Object.entries(options).flatMap(([name, value]) => [`-${name}`, String(value)]);
    const { stdout } = await run(this.#file, [...flags, ...route]);
    const printed = JSON.parse(stdout) as Printed;
    return {
      requestsPerSecond: printed.rps,
      megabytesPerSecond: printed.MBs,
      requests: printed.done,
      errors: printed.errs,
      not200: printed.non200,
      seconds: printed.sec,
      p50Us: printed.p50us,
      p99Us: printed.p99us,
    };
  }
}

/**
 * Compiles the load generator into `folder`.
 * @throws {Error} when the compiler refuses it.
 */
export async function compileLoadGenerator(
  compiler: string,
  folder: string,
): Promise<LoadGenerator> {
  const file = join(folder, "loadgen");
  await run(compiler, ["-O2", "-w", "-o", file, join(import.meta.dirname, "loadgen.c")]);
  return new LoadGenerator(file);
}

import { treeCpuMs, treeRssBytes } from "@porchlight/testkit/process-usage";
import type { Contender } from "./contenders/contender.ts";
import type { LoadCount, LoadGenerator } from "./load-generator.ts";
import type { Load } from "./loads.ts";

/** What one process used during a run. */
export interface ProcessSample {
  readonly label: string;
  readonly cpuMs: number;
  /** At the end of the run. */
  readonly rssBytes: number;
}

/** One run of one load on one contender. */
export interface Sample {
  readonly load: string;
  readonly contender: string;
  readonly count: LoadCount;
  readonly processes: readonly ProcessSample[];
}

/** Runs a load for `seconds` and takes what the contender's processes used meanwhile; `undefined`: not its load. */
export async function takeSample(
  generator: LoadGenerator,
  contender: Contender,
  run: { readonly load: Load; readonly seconds: number },
): Promise<Sample | undefined> {
  const { load, seconds } = run;
  const route = contender.route(load);
  if (route === undefined) return undefined;
  const before = contender.processes.map(({ pid }) => treeCpuMs(pid));
  const count = await generator.run(load, route, { seconds });
  const processes = contender.processes.map(({ label, pid }, index) => ({
    label,
    cpuMs: treeCpuMs(pid) - (before[index] ?? 0),
    rssBytes: treeRssBytes(pid),
  }));
  return { load: load.name, contender: contender.name, count, processes };
}

/** The figure that a load is judged by: requests per second, or megabytes per second. */
export function rateOf(load: Load, sample: Sample): number {
  return load.measure === "requests"
    ? sample.count.requestsPerSecond
    : sample.count.megabytesPerSecond;
}

/** CPU cost: seconds per gigabyte where bodies are large, milliseconds per request elsewhere. */
export function costOf(load: Load, sample: Sample, cpuMs: number): number {
  const { count } = sample;
  if (!isBulky(load)) return cpuMs / Math.max(1, count.requests);
  const gigabytes = (count.megabytesPerSecond * count.seconds) / 1000;
  return cpuMs / 1000 / Math.max(1e-9, gigabytes);
}

/** Whether the load's cost is counted per gigabyte. */
export function isBulky(load: Load): boolean {
  return load.bodyBytes >= 100_000;
}

/** The middle value; the mean of the two in the middle of an even number; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
}

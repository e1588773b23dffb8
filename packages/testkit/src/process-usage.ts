/** What a process uses, read from /proc. Linux only. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Clock ticks of /proc/PID/stat per second: always 100 in what the kernel shows to programs. */
const TICKS_PER_SECOND = 100;

/** One process at one moment. */
export interface ProcessUsage {
  readonly rssBytes: number;
  /** User and system time since its start, that of its ended children included. Milliseconds. */
  readonly cpuMs: number;
  readonly fileDescriptors: number;
  readonly sockets: number;
}

/**
 * What the process uses now.
 * @throws {Error} ENOENT when there is no such process.
 */
export function processUsage(pid: number): ProcessUsage {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  return {
    rssBytes: rssBytes(pid),
    cpuMs: cpuMs(pid),
    fileDescriptors: links.length,
    sockets: links.filter((link) => link.startsWith("socket:")).length,
  };
}

/** The process and everything it started that still runs. */
export function processTree(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")
      .split(" ")
      .filter((text) => text !== ""),
  );
  return [pid, ...children.flatMap((child) => processTree(Number(child)))];
}

/** CPU time of a process and all that it started, running or ended. Milliseconds. */
export function treeCpuMs(pid: number): number {
  return processTree(pid).reduce((sum, each) => sum + cpuMs(each), 0);
}

/** Resident memory of a process and all that it started. Bytes. */
export function treeRssBytes(pid: number): number {
  return processTree(pid).reduce((sum, each) => sum + rssBytes(each), 0);
}

/** Source: proc_pid_stat(5); fields 14 to 17, counted behind the command's closing bracket. */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return (ticks * 1000) / TICKS_PER_SECOND;
}

function rssBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Descriptors come and go while they are listed. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** The loads: what is asked for, over how many connections. Source: docs/benchmarks.md. */
export interface Load {
  readonly name: string;
  /** `job`: the job API; `tunnel`: bytes through a tunnel; `forward`: absolute-form requests to the proxy. */
  readonly kind: "job" | "tunnel" | "forward";
  readonly connections: number;
  /** Path at the origin. */
  readonly path: string;
  /** A new connection, and so a new tunnel, per request. */
  readonly fresh?: boolean;
  /** Body bytes of one answer. */
  readonly bodyBytes: number;
  /** What counts: requests, or bytes. */
  readonly measure: "requests" | "bytes";
  readonly description: string;
}

const KB = 1000;
const MB = 1000 * KB;

export const LOADS: readonly Load[] = [
  {
    name: "J1",
    kind: "job",
    connections: 1,
    path: "/1k",
    bodyBytes: KB,
    measure: "requests",
    description: "sync job API, 1 KB answer, 1 keep-alive connection",
  },
  {
    name: "J64",
    kind: "job",
    connections: 64,
    path: "/1k",
    bodyBytes: KB,
    measure: "requests",
    description: "the same, 64 connections",
  },
  {
    name: "Jraw100k",
    kind: "job",
    connections: 16,
    path: "/100k",
    bodyBytes: 100 * KB,
    measure: "requests",
    description: "16 connections, 100 KB answers, format raw",
  },
  {
    name: "T1",
    kind: "tunnel",
    connections: 1,
    path: "/1k",
    bodyBytes: KB,
    measure: "requests",
    description: "1 KB GETs over 1 tunnel kept open",
  },
  {
    name: "T64",
    kind: "tunnel",
    connections: 64,
    path: "/1k",
    bodyBytes: KB,
    measure: "requests",
    description: "the same over 64 tunnels",
  },
  {
    name: "Tnew16",
    kind: "tunnel",
    connections: 16,
    path: "/1k",
    fresh: true,
    bodyBytes: KB,
    measure: "requests",
    description: "a new tunnel per request, 16 at a time",
  },
  {
    name: "T100k",
    kind: "tunnel",
    connections: 16,
    path: "/100k",
    bodyBytes: 100 * KB,
    measure: "requests",
    description: "16 tunnels, 100 KB answers",
  },
  {
    name: "Tbulk1",
    kind: "tunnel",
    connections: 1,
    path: "/100m",
    bodyBytes: 100 * MB,
    measure: "bytes",
    description: "100 MB answers over 1 tunnel",
  },
  {
    name: "Tbulk16",
    kind: "tunnel",
    connections: 16,
    path: "/5m",
    bodyBytes: 5 * MB,
    measure: "bytes",
    description: "5 MB answers over 16 tunnels",
  },
  {
    name: "F16",
    kind: "forward",
    connections: 16,
    path: "/1k",
    bodyBytes: KB,
    measure: "requests",
    description: "1 KB GETs that are forwarded, over 16 connections",
  },
  {
    name: "Fbulk1",
    kind: "forward",
    connections: 1,
    path: "/100m",
    bodyBytes: 100 * MB,
    measure: "bytes",
    description: "100 MB answers that are forwarded, over 1 connection",
  },
];

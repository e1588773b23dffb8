/**
 * Which file may import which, as data. Source: docs/architecture.md, section "Direction of imports".
 * Paths are relative to the repository and use `/`.
 */

/** Folder under packages → folders under packages that its sources may import. */
export const PACKAGE_DIRECTION: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  runtime: ["protocol"],
  agent: ["protocol", "runtime"],
  orchestrator: ["protocol", "runtime"],
  client: ["protocol"],
  dashboard: ["protocol"],
  testkit: ["protocol", "runtime", "agent", "orchestrator"],
};

/** Name of a workspace package → its folder under packages. */
export const PACKAGE_FOLDERS: Readonly<Record<string, string>> = {
  "@porchlight/protocol": "protocol",
  "@porchlight/runtime": "runtime",
  "@porchlight/client": "client",
  "@porchlight/dashboard": "dashboard",
  "@porchlight/testkit": "testkit",
  porchlight: "orchestrator",
  "porchlight-agent": "agent",
};

const USE_CASES = ["jobs", "tunnels"];
const BELOW_USE_CASES = ["routing", "agents", "accounts", "state"];
/** `http` is what doors share of their protocol. */
const BELOW_DOORS = ["http", ...USE_CASES, ...BELOW_USE_CASES];

/** Room of the orchestrator → other rooms that it may import. Doors never import doors. */
export const ROOM_DIRECTION: Readonly<Record<string, readonly string[]>> = {
  gateway: BELOW_DOORS,
  ingress: BELOW_DOORS,
  api: BELOW_DOORS,
  admin: BELOW_DOORS,
  cli: BELOW_DOORS,
  http: [],
  tunnels: ["jobs", ...BELOW_USE_CASES],
  jobs: BELOW_USE_CASES,
  routing: ["agents", "accounts", "state"],
  agents: ["accounts", "state"],
  accounts: ["state"],
  state: [],
};

/** Files of the orchestrator that put the rooms together; nothing in a room imports them. */
export const COMPOSITION_ROOTS = ["main", "node", "config"];

/** Names of files that speak to one concrete store or database; only the composition root names them. */
export const ADAPTER_NAME = /^(?:memory|sqlite|redis|dynamo|mmdb)-/;

/** Modules that only such files import. */
export const ADAPTER_MODULES = /^(?:node:sqlite|ioredis|maxmind|@aws-sdk\/.*)$/;

/** Imported by its path where an older Node reads it, which resolves no `.ts` export, or before any install. */
export const LAUNCHER = "packages/runtime/src/launch.js";

/** The files that do so. */
export const STARTS_WITH_LAUNCHER = /^(?:packages\/[^/]+\/bin|scripts)\//;

/** All of protocol, the decisions of target policy and WebSocket framing, all of routing, locations, a job's rules. */
const PURE: readonly RegExp[] = [
  /^packages\/protocol\/src\//,
  /^packages\/runtime\/src\/(?:backoff|settings-parsers|websocket-frame|websocket-reader)\.ts$/,
  /^packages\/runtime\/src\/(?:special-purpose-addresses|target-policy(?:-address|-settings)?)\.ts$/,
  /^packages\/orchestrator\/src\/routing\//,
  /^packages\/orchestrator\/src\/agents\/(?:location|mmdb-record)\.ts$/,
  /^packages\/orchestrator\/src\/jobs\/(?:fifo-list|job|job-request.*)\.ts$/,
  /^packages\/orchestrator\/src\/ingress\/(?:authority|forward-headers|forward-target|max-forwards)\.ts$/,
];

/** Whether a file takes time as an argument and does no I/O, nor imports a file that may. */
export function isPure(path: string): boolean {
  return PURE.some((pattern) => pattern.test(path));
}

/** Whether a file is a test, or made for tests: free of the directions, and imported by such files only. */
export function isTest(path: string): boolean {
  return /(?:\.test|-fixture|-fakes)\.ts$/.test(path);
}

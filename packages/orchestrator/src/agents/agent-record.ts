import { roundMs } from "@porchlight/protocol/round-ms";
import type { AgentStatus, AgentView, Exit } from "@porchlight/protocol/job";
import type { Labels } from "@porchlight/protocol/message";
import type { Link } from "./link.ts";
import type { Location, Whereabouts } from "./location.ts";

/** What this node knows of one agent identity; lives as long as the process remembers it. */
export interface AgentRecord {
  /** `agent_` and 20 characters. */
  readonly id: string;
  readonly name: string;
  /** Who the agent's key belongs to. */
  readonly account: string;
  readonly keyId: string;
  /** The link that takes new work; `undefined` while the agent is offline. */
  link: Link | undefined;
  /** Profile of the link, or of the last one. */
  profile: Link["profile"];
  /** As observed here, whatever the agent claims (faults G15). */
  ip: string;
  /** Of that address. */
  location: Location;
  /** The same in the form for comparison. */
  whereabouts: Whereabouts;
  version: string;
  os: string;
  labels: Labels;
  maxConcurrency: number;
  /** Jobs and tunnels under way, on a draining older link too. */
  inFlight: number;
  /** Set by an administrator; survives reconnects and restarts. */
  pausedByAdmin: boolean;
  /** Why the agent's operator takes no work at the moment. */
  pausedByOperator: string | undefined;
  /** The link takes no new work. */
  draining: boolean;
  /** Unix epoch milliseconds; `undefined` while offline. */
  connectedAtMs: number | undefined;
  /** Unix epoch milliseconds of the registration or the end of a link; the live link knows better. */
  lastSeenAtMs: number;
  /** Work done by this agent since the process remembers it; counted by whoever runs the work. */
  completed: number;
  failed: number;
  bytesSent: number;
  bytesReceived: number;
}

/** The state users see. Only `available` takes new work. */
export function agentStatus(record: AgentRecord): AgentStatus {
  if (record.link === undefined) return "offline";
  if (record.draining) return "draining";
  if (record.pausedByAdmin || record.pausedByOperator !== undefined) return "paused";
  return record.inFlight >= record.maxConcurrency ? "busy" : "available";
}

/** The record as `GET /v1/agents` shows it. */
export function agentView(record: AgentRecord): AgentView {
  const { link } = record;
  const { regionCode: _, ...location } = record.location;
  return {
    id: record.id,
    name: record.name,
    status: agentStatus(record),
    connectedAt: record.connectedAtMs === undefined ? null : isoTime(record.connectedAtMs),
    lastSeenAt: isoTime(link?.lastSeenAtMs ?? record.lastSeenAtMs),
    ip: record.ip,
    ...location,
    version: record.version,
    os: record.os,
    profile: record.profile,
    labels: record.labels,
    inFlight: record.inFlight,
    maxConcurrency: record.maxConcurrency,
    rttMs: link?.rttMs === undefined ? null : roundMs(link.rttMs),
    jobs: { completed: record.completed, failed: record.failed },
    bytes: { sent: record.bytesSent, received: record.bytesReceived },
  };
}

/** The record as answers name the exit that served them. */
export function exitOf({ id, name, ip, location }: AgentRecord): Exit {
  const { regionCode: _code, org: _org, ...place } = location;
  return { agentId: id, name, ip, ...place };
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

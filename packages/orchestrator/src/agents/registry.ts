/**
 * The agents this node knows and the link each of them has. Every clean-up compares the link's id, so that an
 * old link never removes a new one. All operations on the path of a job are O(1).
 */
import { setImmediate as turn } from "node:timers/promises";
import { CLOSE_CODES } from "@porchlight/protocol/transport";
import type { AgentView } from "@porchlight/protocol/job";
import type { Labels } from "@porchlight/protocol/message";
import type { PauseStore } from "../state/pause-store.ts";
import { agentId } from "./agent-id.ts";
import { agentStatus, agentView, type AgentRecord } from "./agent-record.ts";
import type { Link } from "./link.ts";
import { NO_LOCATOR, UNKNOWN_LOCATION, UNKNOWN_WHEREABOUTS, whereaboutsOf } from "./location.ts";
import type { Locator } from "./location.ts";
import { TakeoverGuard } from "./takeover-guard.ts";

export { agentStatus, agentView, exitOf, type AgentRecord } from "./agent-record.ts";

/** Agents without a link that are still remembered; beyond it the one gone longest is forgotten. */
export const MAX_OFFLINE_AGENTS = 10_000;

/** Agents that are located in one turn of the event loop: 8 ms at 17 µs each. */
const LOCATED_PER_TURN = 500;

/** An agent at the door: who it is by its key and name, and what it says of itself. */
export interface Arrival {
  readonly keyId: string;
  readonly account: string;
  readonly name: string;
  readonly ip: string;
  readonly version: string;
  readonly os: string;
  readonly labels: Labels;
  readonly maxConcurrency: number;
  /** Take the identity from an older live link. */
  readonly takeover: boolean;
  /** Why its operator takes no work at the moment. */
  readonly paused: string | undefined;
}

/** Why an arrival is not registered: the identity has a live link, or two programs fight over it. */
export type Refusal = "replaced" | "parked";

/** The agent's record, or why its link may not take the identity. */
export type Registration =
  | { readonly record: AgentRecord; readonly refused: undefined }
  | { readonly record: undefined; readonly refused: Refusal };

/** One piece of work running on an agent. */
export interface Slot {
  /** Gives the slot back. Idempotent. */
  release(): void;
}

/** Hears of an agent. */
export type AgentListener = (record: AgentRecord) => void;

interface RegistryOptions {
  /** Default: one that knows nothing. */
  readonly locator?: Locator;
  readonly pauses?: PauseStore;
  /** Unix epoch milliseconds. */
  readonly now?: () => number;
  /** Milliseconds that never go back. */
  readonly monotonicNow?: () => number;
  readonly maxOfflineAgents?: number;
}

/** A record and what only the registry needs. */
interface Entry extends AgentRecord {
  /** Index in `records`; −1 while offline. */
  position: number;
  /** Made when a live link is first taken over. */
  takeovers: TakeoverGuard | undefined;
}

/** The agents of this node: all that are online, and up to `MAX_OFFLINE_AGENTS` that are not. */
export class Registry {
  readonly #byId = new Map<string, Entry>();
  readonly #byName = new Map<string, Set<Entry>>();
  readonly #online: Entry[] = [];
  /** In the order they went. */
  readonly #offline = new Set<Entry>();
  readonly #capacityListeners = new Set<AgentListener>();
  readonly #departureListeners = new Set<AgentListener>();
  readonly #locator: Locator;
  readonly #pauses: PauseStore | undefined;
  readonly #now: () => number;
  readonly #monotonicNow: () => number;
  readonly #maxOfflineAgents: number;

  constructor(options: RegistryOptions = {}) {
    this.#locator = options.locator ?? NO_LOCATOR;
    this.#pauses = options.pauses;
    this.#now = options.now ?? Date.now;
    this.#monotonicNow = options.monotonicNow ?? (() => performance.now());
    this.#maxOfflineAgents = options.maxOfflineAgents ?? MAX_OFFLINE_AGENTS;
  }

  /** Every agent that has a link, in no lasting order: the candidates of a selection. */
  get records(): readonly AgentRecord[] {
    return this.#online;
  }

  /** An agent by its id, or by its name: of several with one name, one that has a link. */
  find(idOrName: string): AgentRecord | undefined {
    const byId = this.#byId.get(idOrName);
    if (byId !== undefined) return byId;
    let found: AgentRecord | undefined;
    for (const entry of this.#byName.get(idOrName) ?? []) {
      if (entry.link !== undefined) return entry;
      found ??= entry;
    }
    return found;
  }

  /**
   * Makes `link` the one that takes new work of this agent. `accept` is called before any work can reach the
   * link: it sends the welcome. An older live link is closed (4409), a draining one is left to finish; the
   * same link again only brings the record up to date.
   */
  register(arrival: Arrival, link: Link, accept?: (record: AgentRecord) => void): Registration {
    const entry = this.#entry(arrival);
    const refused = this.#refusal(entry, arrival, link);
    if (refused !== undefined) return { record: undefined, refused };
    const superseded = entry.draining || entry.link?.id === link.id ? undefined : entry.link;
    this.#attach(entry, arrival, link);
    accept?.(entry);
    superseded?.close(CLOSE_CODES.replaced, "Replaced by a newer connection of this agent");
    this.#notify(entry);
    return { record: entry, refused: undefined };
  }

  /** Takes the link off its agent, if it still is the agent's link. `false` when it is not. */
  dispose(record: AgentRecord, linkId: string): boolean {
    const entry = this.#held(record, linkId);
    if (entry === undefined) return false;
    this.#detach(entry);
    return true;
  }

  /** No new work for this link; the next one of the agent does not close it. */
  drain(record: AgentRecord, linkId: string): void {
    const entry = this.#held(record, linkId);
    if (entry === undefined) return;
    entry.draining = true;
    this.#notify(entry);
  }

  /** The agent's operator takes no work (`reason`), or takes it again (`undefined`). */
  setOperatorPause(record: AgentRecord, linkId: string, reason: string | undefined): void {
    const entry = this.#held(record, linkId);
    if (entry === undefined) return;
    entry.pausedByOperator = reason;
    this.#notify(entry);
  }

  /** Looks up again where the agents are, because the locator may know better now; those with a link are told of. */
  async relocate(): Promise<void> {
    let left = LOCATED_PER_TURN;
    for (const entry of this.#byId.values()) {
      this.#locate(entry, entry.ip);
      this.#notify(entry);
      if (--left > 0) continue;
      left = LOCATED_PER_TURN;
      await turn();
    }
  }

  /** Counts one more piece of work on the agent, whether or not it is available. */
  acquire(record: AgentRecord): Slot {
    record.inFlight++;
    return new WorkSlot(record, this.#released);
  }

  /** Hears of every agent that may have become available: a new link, a slot given back, a pause ended, a new place. */
  onCapacity(listener: AgentListener): () => void {
    this.#capacityListeners.add(listener);
    return () => void this.#capacityListeners.delete(listener);
  }

  /** Hears of every agent that has ceased to take work: its link has gone or drains, or somebody pauses it. */
  onDeparture(listener: AgentListener): () => void {
    this.#departureListeners.add(listener);
    return () => void this.#departureListeners.delete(listener);
  }

  /** All agents, also those offline. */
  views(): AgentView[] {
    return Array.from(this.#byId.values(), agentView);
  }

  /** Gives an agent no new work until `activate`; lasting. `undefined` when there is no such agent. */
  pause(id: string): AgentRecord | undefined {
    return this.#setPaused(id, true);
  }

  activate(id: string): AgentRecord | undefined {
    return this.#setPaused(id, false);
  }

  /** Closes the agent's link; the agent may come back. `undefined` when there is no such agent. */
  disconnect(id: string): AgentRecord | undefined {
    const entry = this.#byId.get(id);
    entry?.link?.close(CLOSE_CODES.goingAway, "Disconnected by an administrator");
    return entry;
  }

  #refusal(entry: Entry, arrival: Arrival, link: Link): Refusal | undefined {
    const nowMs = this.#monotonicNow();
    if (entry.takeovers?.parked(nowMs) === true) return "parked";
    const older = entry.link;
    if (older === undefined || older.id === link.id || entry.draining) return undefined;
    if (!arrival.takeover) return "replaced";
    entry.takeovers ??= new TakeoverGuard();
    if (entry.takeovers.allow(nowMs)) return undefined;
    // Two programs fight over one identity: neither keeps it (faults G12).
    this.#detach(entry);
    older.close(CLOSE_CODES.replaced, "Parked: several programs use this key and name");
    return "parked";
  }

  #entry(arrival: Arrival): Entry {
    const id = agentId(arrival.keyId, arrival.name);
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const entry = newEntry(id, arrival, this.#now());
    entry.pausedByAdmin = this.#pauses?.isPaused(id) ?? false;
    this.#byId.set(id, entry);
    const namesakes = this.#byName.get(entry.name);
    if (namesakes === undefined) this.#byName.set(entry.name, new Set([entry]));
    else namesakes.add(entry);
    return entry;
  }

  #attach(entry: Entry, arrival: Arrival, link: Link): void {
    if (entry.link?.id !== link.id) {
      entry.connectedAtMs = this.#now();
      entry.draining = false;
    }
    entry.link = link;
    entry.profile = link.profile;
    if (entry.ip !== arrival.ip) this.#locate(entry, arrival.ip);
    entry.version = arrival.version;
    entry.os = arrival.os;
    entry.labels = arrival.labels;
    entry.maxConcurrency = arrival.maxConcurrency;
    entry.pausedByOperator = arrival.paused;
    entry.lastSeenAtMs = this.#now();
    this.#offline.delete(entry);
    if (entry.position === -1) entry.position = this.#online.push(entry) - 1;
  }

  #locate(entry: Entry, ip: string): void {
    entry.ip = ip;
    entry.location = this.#locator.locate(ip);
    entry.whereabouts = whereaboutsOf(entry.location);
  }

  #detach(entry: Entry): void {
    entry.lastSeenAtMs = entry.link?.lastSeenAtMs ?? entry.lastSeenAtMs;
    entry.link = undefined;
    entry.connectedAtMs = undefined;
    entry.draining = false;
    const last = this.#online.pop();
    if (last !== undefined && last !== entry) {
      this.#online[entry.position] = last;
      last.position = entry.position;
    }
    entry.position = -1;
    this.#offline.add(entry);
    this.#forgetOldest();
    this.#notify(entry);
  }

  #forgetOldest(): void {
    if (this.#offline.size <= this.#maxOfflineAgents) return;
    const [oldest] = this.#offline;
    if (oldest === undefined) return;
    this.#offline.delete(oldest);
    this.#byId.delete(oldest.id);
    const namesakes = this.#byName.get(oldest.name);
    namesakes?.delete(oldest);
    if (namesakes?.size === 0) this.#byName.delete(oldest.name);
  }

  #held(record: AgentRecord, linkId: string): Entry | undefined {
    const entry = this.#byId.get(record.id);
    return entry?.link?.id === linkId ? entry : undefined;
  }

  #setPaused(id: string, paused: boolean): AgentRecord | undefined {
    const entry = this.#byId.get(id);
    if (entry === undefined) return undefined;
    this.#pauses?.setPaused(id, paused);
    entry.pausedByAdmin = paused;
    this.#notify(entry);
    return entry;
  }

  readonly #released = (record: AgentRecord): void => {
    record.inFlight--;
    // Work that ends on an agent that has gone is no news of it.
    if (agentStatus(record) === "available") this.#notify(record);
  };

  /** The agent may have begun or ceased to take work. */
  #notify(record: AgentRecord): void {
    const status = agentStatus(record);
    if (status === "busy") return;
    const listeners = status === "available" ? this.#capacityListeners : this.#departureListeners;
    for (const listener of listeners) listener(record);
  }
}

class WorkSlot implements Slot {
  readonly #record: AgentRecord;
  #released: ((record: AgentRecord) => void) | undefined;

  constructor(record: AgentRecord, released: (record: AgentRecord) => void) {
    this.#record = record;
    this.#released = released;
  }

  release(): void {
    const released = this.#released;
    this.#released = undefined;
    released?.(this.#record);
  }
}

function newEntry(id: string, arrival: Arrival, nowMs: number): Entry {
  return {
    id,
    name: arrival.name,
    account: arrival.account,
    keyId: arrival.keyId,
    link: undefined,
    profile: "mux",
    // With the first link.
    ip: "",
    location: UNKNOWN_LOCATION,
    whereabouts: UNKNOWN_WHEREABOUTS,
    version: arrival.version,
    os: arrival.os,
    labels: arrival.labels,
    maxConcurrency: arrival.maxConcurrency,
    inFlight: 0,
    pausedByAdmin: false,
    pausedByOperator: undefined,
    draining: false,
    connectedAtMs: undefined,
    lastSeenAtMs: nowMs,
    completed: 0,
    failed: 0,
    bytesSent: 0,
    bytesReceived: 0,
    position: -1,
    takeovers: undefined,
  };
}

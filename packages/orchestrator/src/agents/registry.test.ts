import assert from "node:assert/strict";
import { test } from "node:test";
import type { Location } from "./location.ts";
import { PARK_MS } from "./takeover-guard.ts";
import {
  agentStatus,
  agentView,
  exitOf,
  Registry,
  type AgentRecord,
  type Arrival,
} from "./registry.ts";
import { arrival, FakeLink } from "./test-fakes.ts";

/** Address → where it is; a test may change it. */
type Places = Record<string, Location>;

function setup(paused: string[] = [], places: Places = {}) {
  const time = { nowMs: 0 };
  const pausedIds = new Set(paused);
  const registry = new Registry({
    locator: { locate: (ip) => places[ip] ?? {} },
    pauses: {
      isPaused: (id) => pausedIds.has(id),
      setPaused: (id, isPaused) => void (isPaused ? pausedIds.add(id) : pausedIds.delete(id)),
    },
    now: () => 1_700_000_000_000 + time.nowMs,
    monotonicNow: () => time.nowMs,
    maxOfflineAgents: 2,
  });
  let links = 0;
  const connect = (changes: Partial<Arrival> = {}) => {
    const link = new FakeLink(`link_${++links}`);
    return { link, ...registry.register(arrival(changes), link) };
  };
  const connected = (changes: Partial<Arrival> = {}) => {
    const { link, record } = connect(changes);
    assert.ok(record);
    return { link, record };
  };
  return { registry, time, pausedIds, connect, connected };
}

test("register: a new agent is available and can be found by id and name", () => {
  const { registry, connected } = setup();
  const { record, link } = connected({ labels: { site: "attic" }, maxConcurrency: 3 });
  assert.equal(record.link, link);
  assert.equal(agentStatus(record), "available");
  assert.deepEqual(registry.records, [record]);
  assert.equal(registry.find(record.id), record);
  assert.equal(registry.find("home"), record);
  assert.equal(registry.find("nobody"), undefined);
});

test("register: welcomes before the old link is closed and before capacity is told", () => {
  const { registry, connected } = setup();
  const { link: old } = connected();
  const order: string[] = [];
  old.close = () => void order.push("closed");
  registry.onCapacity(() => order.push("capacity"));
  registry.register(arrival(), new FakeLink("newer"), () => order.push("welcomed"));
  assert.deepEqual(order, ["welcomed", "closed", "capacity"]);
});

test("faults G12: the newest link wins, the old one is closed 4409 and cannot remove it", () => {
  const { registry, connected } = setup();
  const first = connected();
  const second = connected();
  assert.equal(second.record, first.record);
  assert.equal(second.record.link, second.link);
  assert.deepEqual(first.link.closes, [4409]);
  assert.equal(registry.dispose(first.record, first.link.id), false);
  assert.equal(second.record.link, second.link);
  assert.equal(registry.dispose(second.record, second.link.id), true);
  assert.equal(agentStatus(second.record), "offline");
});

test("faults G12: more than three swaps a minute close both links and park the identity", () => {
  const { time, connect, connected } = setup();
  const links = [connected().link, connected().link, connected().link, connected().link];
  const fifth = connect();
  assert.equal(fifth.refused, "parked");
  assert.deepEqual(
    links.map((link) => link.closes),
    [[4409], [4409], [4409], [4409]],
  );
  time.nowMs += PARK_MS - 1;
  assert.equal(connect().refused, "parked");
  time.nowMs += 1;
  assert.equal(connect().refused, undefined);
});

test("faults G12: reconnecting after the old link is gone is no swap", () => {
  const { registry, connected } = setup();
  for (let index = 0; index < 10; index++) {
    const { record, link } = connected();
    registry.dispose(record, link.id);
  }
});

test("faults G12: a stranger's key with the same name is another agent", () => {
  const { registry, connected } = setup();
  const own = connected();
  const stranger = connected({ keyId: "key_2" });
  assert.notEqual(stranger.record.id, own.record.id);
  assert.deepEqual(own.link.closes, []);
  registry.dispose(own.record, own.link.id);
  assert.equal(registry.find("home"), stranger.record);
});

test("register: without takeover, a live link stays", () => {
  const { registry, connect, connected } = setup();
  const { record, link } = connected();
  assert.equal(connect({ takeover: false }).refused, "replaced");
  assert.deepEqual(link.closes, []);
  assert.equal(record.link, link);
  registry.dispose(record, link.id);
  assert.equal(connect({ takeover: false }).refused, undefined);
});

test("register: a draining link is left to finish", () => {
  const { registry, connected } = setup();
  const old = connected();
  registry.drain(old.record, old.link.id);
  assert.equal(agentStatus(old.record), "draining");
  const next = connected({ takeover: false });
  assert.deepEqual(old.link.closes, []);
  assert.equal(next.record.link, next.link);
  assert.equal(agentStatus(next.record), "available");
  registry.drain(old.record, old.link.id);
  assert.equal(agentStatus(next.record), "available");
});

test("register: the same link again brings the record up to date, without a swap", () => {
  const { registry, connected } = setup();
  const { record, link } = connected();
  for (let maxConcurrency = 1; maxConcurrency < 10; maxConcurrency++) {
    registry.register(arrival({ maxConcurrency }), link);
    assert.equal(record.maxConcurrency, maxConcurrency);
  }
  assert.deepEqual(link.closes, []);
  assert.equal(registry.records.length, 1);
});

test("acquire: busy at the limit, free again by a release that counts once", () => {
  const { registry, connected } = setup();
  const { record } = connected({ maxConcurrency: 2 });
  const heard: AgentRecord[] = [];
  const stop = registry.onCapacity((free) => heard.push(free));
  const slots = [registry.acquire(record), registry.acquire(record)];
  assert.equal(agentStatus(record), "busy");
  slots[0]?.release();
  slots[0]?.release();
  assert.equal(record.inFlight, 1);
  assert.deepEqual(heard, [record]);
  stop();
  slots[1]?.release();
  assert.equal(heard.length, 1);
});

test("onCapacity: nothing is told of an agent that takes no work", () => {
  const { registry, connected } = setup();
  const { record, link } = connected();
  const heard: AgentRecord[] = [];
  registry.onCapacity((free) => heard.push(free));
  const slot = registry.acquire(record);
  registry.setOperatorPause(record, link.id, "Monthly cap reached");
  assert.equal(agentStatus(record), "paused");
  slot.release();
  assert.deepEqual(heard, []);
  registry.setOperatorPause(record, link.id, undefined);
  assert.deepEqual(heard, [record]);
});

test("onDeparture: tells of every agent that ceases to take work, and of no other", () => {
  const { registry, connected } = setup();
  const heard: AgentRecord[] = [];
  const stop = registry.onDeparture((gone) => heard.push(gone));
  const { record, link } = connected({ maxConcurrency: 1 });
  const slot = registry.acquire(record);
  registry.setOperatorPause(record, link.id, "Monthly cap reached");
  registry.setOperatorPause(record, link.id, undefined);
  assert.equal(heard.length, 1);
  registry.pause(record.id);
  registry.activate(record.id);
  assert.equal(heard.length, 2);
  registry.drain(record, link.id);
  assert.equal(heard.length, 3);
  const newer = connected();
  assert.equal(heard.length, 3);
  registry.dispose(record, link.id);
  assert.equal(heard.length, 3);
  registry.dispose(record, newer.link.id);
  assert.equal(heard.length, 4);
  slot.release();
  assert.deepEqual(heard, [record, record, record, record]);
  stop();
  connected({ paused: "night" });
  assert.equal(heard.length, 4);
});

test("pause: lasts over reconnects, until activate", () => {
  const { registry, pausedIds, connected } = setup();
  const { record, link } = connected();
  assert.equal(registry.pause(record.id), record);
  assert.deepEqual([...pausedIds], [record.id]);
  registry.dispose(record, link.id);
  assert.equal(agentStatus(connected().record), "paused");
  registry.activate(record.id);
  assert.equal(agentStatus(record), "available");
  assert.equal(registry.pause("agent_nobody"), undefined);
});

test("pause: comes back from the store in a new process", () => {
  const { record } = setup().connected();
  assert.equal(agentStatus(setup([record.id]).connected().record), "paused");
});

test("disconnect: closes the link, by id only", () => {
  const { registry, connected } = setup();
  const { record, link } = connected();
  assert.equal(registry.disconnect("home"), undefined);
  assert.equal(registry.disconnect(record.id), record);
  assert.deepEqual(link.closes, [1001]);
});

test("dispose: the agent gone longest is forgotten beyond the bound", () => {
  const { registry, connected } = setup();
  for (const name of ["a", "b", "c"]) {
    const { record, link } = connected({ name });
    registry.dispose(record, link.id);
  }
  assert.equal(registry.find("a"), undefined);
  assert.deepEqual(
    registry.views().map(({ name, status }) => [name, status]),
    [
      ["b", "offline"],
      ["c", "offline"],
    ],
  );
});

test("records: holds the connected ones, whoever leaves", () => {
  const { registry, connected } = setup();
  const [a, b, c] = ["a", "b", "c"].map((name) => connected({ name }));
  assert.ok(a && b && c);
  registry.dispose(a.record, a.link.id);
  assert.deepEqual(new Set(registry.records), new Set([b.record, c.record]));
  registry.dispose(c.record, c.link.id);
  registry.dispose(b.record, b.link.id);
  assert.deepEqual(registry.records, []);
  assert.deepEqual([connected({ name: "b" }).record], registry.records);
});

test("views: as the API shows an agent", () => {
  const { registry, connected } = setup();
  const { record, link } = connected({ labels: { site: "attic" } });
  link.rttMs = 12.501_234;
  link.lastSeenAtMs = 1_700_000_001_000;
  assert.deepEqual(registry.views(), [
    {
      id: record.id,
      name: "home",
      status: "available",
      connectedAt: "2023-11-14T22:13:20.000Z",
      lastSeenAt: "2023-11-14T22:13:21.000Z",
      ip: "203.0.113.7",
      version: "1.0.0",
      os: "linux",
      profile: "mux",
      labels: { site: "attic" },
      inFlight: 0,
      maxConcurrency: 2,
      rttMs: 12.5,
      jobs: { completed: 0, failed: 0 },
      bytes: { sent: 0, received: 0 },
    },
  ]);
  registry.dispose(record, link.id);
  const [offline] = registry.views();
  assert.equal(offline?.connectedAt, null);
  assert.equal(offline?.lastSeenAt, "2023-11-14T22:13:21.000Z");
});

const COLOGNE = { country: "DE", region: "Nordrhein-Westfalen", city: "Köln", asn: 64_496 };

test("register: an agent is where its address is, with each link", () => {
  const places = { "203.0.113.7": { ...COLOGNE, regionCode: "NW", org: "Example Telekom" } };
  const { connected } = setup([], places);
  const { record } = connected();
  assert.equal(record.whereabouts.city, "KOLN");
  const exit = { agentId: record.id, name: "home", ip: "203.0.113.7", ...COLOGNE };
  assert.deepEqual(exitOf(record), exit);
  const { country, region, city, asn, org } = agentView(record);
  assert.deepEqual({ country, region, city, asn, org }, { ...COLOGNE, org: "Example Telekom" });
  connected({ ip: "198.51.100.7" });
  assert.equal(record.whereabouts.city, undefined);
  assert.deepEqual(exitOf(record), { agentId: record.id, name: "home", ip: "198.51.100.7" });
});

test("relocate: every agent is where the locator says now, and may be what work waits for", async () => {
  const places: Places = {};
  const { registry, connected } = setup([], places);
  const online = connected();
  const offline = connected({ name: "away" });
  registry.dispose(offline.record, offline.link.id);
  const heard: (string | undefined)[] = [];
  registry.onCapacity(({ location }) => heard.push(location.city));
  places["203.0.113.7"] = COLOGNE;
  await registry.relocate();
  assert.deepEqual(heard, ["Köln"]);
  assert.equal(online.record.location, COLOGNE);
  assert.equal(offline.record.location, COLOGNE);
});

test("relocate: thousands of agents do not hold up the event loop", async () => {
  const places: Places = {};
  const { registry, connected } = setup([], places);
  const records = Array.from(
    { length: 1_200 },
    (_, index) => connected({ name: `a${index}` }).record,
  );
  const located = () => records.filter(({ location }) => location === COLOGNE).length;
  places["203.0.113.7"] = COLOGNE;
  const relocated = registry.relocate();
  assert.equal(located(), 500);
  await relocated;
  assert.equal(located(), 1_200);
});

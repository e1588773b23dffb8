import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentView } from "@porchlight/protocol/job";
import { agentTable } from "./agents-command.ts";

const AGENT: AgentView = {
  id: "agent_1",
  name: "kitchen",
  status: "available",
  connectedAt: null,
  lastSeenAt: "2030-01-01T00:00:00.000Z",
  ip: "203.0.113.7",
  version: "1.0.0",
  os: "linux",
  profile: "mux",
  labels: { site: "attic", line: "dsl" },
  inFlight: 1,
  maxConcurrency: 8,
  rttMs: 12.5,
  jobs: { completed: 0, failed: 0 },
  bytes: { sent: 0, received: 0 },
};

test("agentTable: a line per agent, with where it is as far as that is known", () => {
  const agents = [
    { ...AGENT, country: "DE", region: "Bavaria", city: "Munich", asn: 64_496 },
    { ...AGENT, country: "DE", region: "Bavaria" },
    { ...AGENT, country: "DE" },
    { ...AGENT, rttMs: null },
  ];
  const [titles, ...lines] = agentTable(agents)
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  assert.deepEqual(titles?.slice(0, 6), [
    "NAME",
    "STATUS",
    "ADDRESS",
    "LOCATION",
    "NETWORK",
    "BUSY",
  ]);
  assert.deepEqual(
    lines.map((line) => line.slice(3, 7)),
    [
      ["Munich, DE", "AS64496", "1/8", "13 ms"],
      ["Bavaria, DE", "–", "1/8", "13 ms"],
      ["DE", "–", "1/8", "13 ms"],
      ["–", "–", "1/8", "–"],
    ],
  );
});

test("agentTable: no agents, a hint", () => {
  assert.match(agentTable([]), /^No agents yet/);
});

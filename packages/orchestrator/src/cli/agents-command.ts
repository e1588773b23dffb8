import { Command } from "commander";
import type { AgentView } from "@porchlight/protocol/job";
import { callApi, readJson } from "./api-call.ts";
import type { CommandContext } from "./command-context.ts";
import { formatTable } from "./text-table.ts";

const TITLES = [
  "NAME",
  "STATUS",
  "ADDRESS",
  "LOCATION",
  "NETWORK",
  "BUSY",
  "RTT",
  "VERSION",
  "OS",
  "LABELS",
  "ID",
];

/** `porchlight agents`: the pool as a table. */
export function agentsCommand(context: CommandContext): Command {
  return new Command("agents")
    .description("show the agents and what they are doing")
    .option("--json", "as JSON, for programs")
    .action(async ({ json }: { readonly json?: boolean }) => {
      const response = await callApi(context.env, { method: "GET", path: "/v1/agents" });
      const { agents } = (await readJson(response)) as { readonly agents: readonly AgentView[] };
      const shown = json ? `${JSON.stringify(agents, undefined, 2)}\n` : agentTable(agents);
      context.stdout.write(shown);
    });
}

/** Agents as a table, or a hint when there are none. */
export function agentTable(agents: readonly AgentView[]): string {
  if (agents.length === 0) return "No agents yet: start one with npx porchlight-agent\n";
  const rows = agents.map((agent) => [
    agent.name,
    agent.status,
    agent.ip,
    locationOf(agent),
    agent.asn === undefined ? "–" : `AS${agent.asn}`,
    `${agent.inFlight}/${agent.maxConcurrency}`,
    agent.rttMs === null ? "–" : `${Math.round(agent.rttMs)} ms`,
    agent.version,
    agent.os,
    Object.entries(agent.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
    agent.id,
  ]);
  return formatTable(TITLES, rows);
}

/** The smallest place that is known, and the country. */
function locationOf({ country, region, city }: AgentView): string {
  const places = [city ?? region, country].filter((place) => place !== undefined);
  return places.join(", ") || "–";
}

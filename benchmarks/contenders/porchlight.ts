import type { ContenderKind } from "./contender.ts";

/** Placeholder until the orchestrator and the agent run. */
export const porchlight: ContenderKind = {
  key: "porchlight",
  name: "Porchlight",
  programs: ["porchlight-not-yet"],
  async start() {
    throw new Error("Not yet");
  },
};

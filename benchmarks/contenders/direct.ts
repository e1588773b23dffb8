import type { ContenderKind } from "./contender.ts";

/** The load generator at the origin itself: what the machine can do. */
export const direct: ContenderKind = {
  key: "direct",
  name: "direct",
  programs: [],
  async start({ originPort }) {
    return {
      name: "direct",
      processes: [],
      route: () => ["-p", String(originPort), "-t", `127.0.0.1:${originPort}`],
      async [Symbol.asyncDispose]() {},
    };
  },
};

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { judgeFiles } from "./imports/judge.ts";
import { importsOf } from "./imports/scan.ts";

const ORCHESTRATOR = "packages/orchestrator/src";

/** Each row must be refused with a sentence that holds the last column. */
const REFUSED: readonly (readonly [path: string, specifier: string, because: string])[] = [
  [
    "packages/protocol/src/frame.ts",
    "@porchlight/runtime/logger",
    "protocol does not import runtime",
  ],
  ["packages/runtime/src/logger.ts", "porchlight-agent/main", "runtime does not import agent"],
  ["packages/agent/src/agent.ts", "porchlight/node", "agent does not import orchestrator"],
  [`${ORCHESTRATOR}/jobs/dispatcher.ts`, "porchlight-agent/agent", "does not import agent"],
  ["packages/agent/src/agent.ts", "../../runtime/src/logger.ts", "imported by its name"],
  ["packages/agent/src/agent.ts", "../../../scripts/start.ts", "imported by its name"],
  [`${ORCHESTRATOR}/node.ts`, "@porchlight/testkit/until", "does not import testkit"],
  ["scripts/start.ts", "@porchlight/testkit/until", "testkit is for tests only"],
  [`${ORCHESTRATOR}/api/api.ts`, "../gateway/agent-door.ts", "api does not import gateway"],
  [`${ORCHESTRATOR}/admin/health.ts`, "../api/api.ts", "admin does not import api"],
  [`${ORCHESTRATOR}/jobs/dispatcher.ts`, "../api/api.ts", "jobs does not import api"],
  [`${ORCHESTRATOR}/routing/selector.ts`, "../jobs/job.ts", "routing does not import jobs"],
  [`${ORCHESTRATOR}/agents/registry.ts`, "../jobs/dispatcher.ts", "agents does not import jobs"],
  [`${ORCHESTRATOR}/state/key-store.ts`, "../accounts/principal.ts", "state does not import"],
  [`${ORCHESTRATOR}/api/api.ts`, "../node.ts", "a room does not import node.ts"],
  [`${ORCHESTRATOR}/api/api.ts`, "../state/sqlite-state.ts", "only node.ts names adapters"],
  [`${ORCHESTRATOR}/agents/registry.ts`, "./mmdb-locator.ts", "only node.ts names adapters"],
  [`${ORCHESTRATOR}/agents/registry.ts`, "maxmind", "names this store"],
  [`${ORCHESTRATOR}/agents/location.ts`, "node:net", "no node: module"],
  [`${ORCHESTRATOR}/main.ts`, "./state/sqlite-state.ts", "only node.ts names adapters"],
  [`${ORCHESTRATOR}/jobs/dispatcher.ts`, "ioredis", "names this store"],
  [`${ORCHESTRATOR}/node.ts`, "node:sqlite", "names this store"],
  [`${ORCHESTRATOR}/gateway/agent-door.ts`, "./gateway-fakes.ts", "made for tests only"],
  ["packages/protocol/src/frame.ts", "node:crypto", "no node: module"],
  [`${ORCHESTRATOR}/routing/selector.ts`, "@porchlight/runtime/logger", "imports pure files only"],
  [`${ORCHESTRATOR}/routing/selector.ts`, "node:util", "no node: module"],
];

const ALLOWED: readonly (readonly [path: string, specifier: string])[] = [
  ["packages/agent/src/agent.ts", "@porchlight/runtime/logger"],
  ["packages/protocol/src/frame.test.ts", "node:test"],
  ["packages/runtime/src/logger.ts", "node:fs"],
  ["packages/runtime/src/websocket-transport.test.ts", "@porchlight/testkit/transport-contract"],
  [`${ORCHESTRATOR}/gateway/gateway-fakes.ts`, "@porchlight/testkit/virtual-clock"],
  ["tests/system/job.test.ts", "@porchlight/testkit/cluster-fixture"],
  ["examples/agent.ts", "ws"],
  ["packages/agent/bin/porchlight-agent.js", "../../runtime/src/launch.js"],
  [`${ORCHESTRATOR}/node.ts`, "./state/sqlite-state.ts"],
  [`${ORCHESTRATOR}/state/sqlite-state.ts`, "./sqlite-database.ts"],
  [`${ORCHESTRATOR}/state/sqlite-database.ts`, "node:sqlite"],
  [`${ORCHESTRATOR}/node.ts`, "./agents/mmdb-locator.ts"],
  [`${ORCHESTRATOR}/agents/mmdb-file.ts`, "maxmind"],
  [`${ORCHESTRATOR}/routing/exit-place.ts`, "../agents/location.ts"],
  [`${ORCHESTRATOR}/api/api.ts`, "../jobs/dispatcher.ts"],
  [`${ORCHESTRATOR}/accounts/authenticator.ts`, "../state/key-store.ts"],
];

function judge(path: string, specifier: string): string[] {
  return judgeFiles([{ path, text: `import { x } from "${specifier}";\n` }]);
}

suite("judgeFiles refuses", () => {
  for (const [path, specifier, because] of REFUSED) {
    test(`${path} importing ${specifier}`, () => {
      const faults = judge(path, specifier);
      assert.equal(faults.length, 1);
      assert.ok(faults.join("").includes(because), faults.join(""));
    });
  }

  test("a pure file that reads the clock", () => {
    const text = "export const age = (since: number): number => Date.now() - since;\n";
    const faults = judgeFiles([{ path: "packages/protocol/src/liveness.ts", text }]);
    assert.match(faults.join(""), /takes time as an argument/);
  });
});

suite("judgeFiles allows", () => {
  for (const [path, specifier] of ALLOWED) {
    test(`${path} importing ${specifier}`, () => {
      assert.deepEqual(judge(path, specifier), []);
    });
  }
});

test("importsOf sees every form of import and skips comments", () => {
  const source = [
    'import type { A } from "a";',
    'import {\n  b,\n  c,\n} from "b";',
    'export * from "c";',
    'import "d";',
    'const e = await import("e");',
    '// import { f } from "f";',
    '/* import "g"; */',
    'export const text = "no import";',
  ].join("\n");
  assert.deepEqual(
    importsOf(source).map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? " type" : ""}`),
    ["a type", "b", "c", "d", "e"],
  );
});

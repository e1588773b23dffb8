/** A process with many idle agents: `idle-group.ts URL KEY CA_FILE PREFIX COUNT`. Prints a line when all are welcome. */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { connectMuxAgent } from "@porchlight/testkit/mux-agent";

/** Dialled at once; the rest wait their turn. */
const AT_ONCE = 25;

/** Between two turns, so that the door's allowance of handshakes is not used up. Milliseconds. */
const TURN_MS = 100;

const [url = "", key = "", caFile = "", prefix = "", count = "0"] = process.argv.slice(2);
const ca = readFileSync(caFile, "utf8");
const names = Array.from({ length: Number(count) }, (_, index) => `${prefix}-${index}`);

async function connect(name: string): Promise<void> {
  const agent = await connectMuxAgent({ url, key, ca, hello: { name } });
  await agent.untilFrame("welcome", 1, 30_000);
  agent.socket.ws.on("close", (code) => {
    console.log(`${name} lost its link (${code})`);
    process.exit(1);
  });
}

for (let start = 0; start < names.length; start += AT_ONCE) {
  await Promise.all(names.slice(start, start + AT_ONCE).map(connect));
  await delay(TURN_MS);
}
console.log(`all ${names.length} connected`);

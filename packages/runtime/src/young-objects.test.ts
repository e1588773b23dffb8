import assert from "node:assert/strict";
import { test } from "node:test";
import { youngSurvivors } from "@porchlight/testkit/young-survivors";
import { beginYoung } from "./young-objects.ts";

/** Keeps what it was made of, as a connection does. */
class Connection {
  readonly options: { readonly held: object; readonly name: string };

  constructor(held: object) {
    this.options = { held, name: "connection" };
  }
}

/** Makes `count` connections and leaves them in `open`. */
function connect(count: number, open: Connection[], held: object): void {
  for (let index = 0; index < count; index++) open[index] = new Connection(held);
}

test("beginYoung: short lives beside long ones end young", async () => {
  beginYoung();
  // So many live so long that V8 takes all for long-lived.
  const long: Connection[] = [];
  connect(1_000_000, long, {});
  const survivors = await youngSurvivors(500, () => {
    const passing = {};
    const short: Connection[] = [];
    connect(1_000, short, passing);
    return passing;
  });
  assert.ok(survivors < 50, `${survivors} of 500`);
  assert.equal(long.length, 1_000_000);
});

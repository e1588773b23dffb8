import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { readonly type: "major" | "minor" }) => void;

/** V8's garbage collector, which a process may call only when it has been told so. */
function collector(): Collect {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as Collect;
}

/**
 * Makes `count` objects, one after the other, in a process whose other objects are old, and tells how many of them are
 * still there when only young objects have been collected. `make` gives an object up before it returns it: whatever
 * remains is held by something that nobody needs either, until a full collection finds out.
 */
export async function youngSurvivors(
  count: number,
  make: (index: number) => object | Promise<object>,
): Promise<number> {
  const collect = collector();
  collect({ type: "major" });
  const made: WeakRef<object>[] = [];
  for (let index = 0; index < count; index++) {
    made.push(new WeakRef(await make(index)));
    // A WeakRef holds its object until the end of the turn.
    await turn();
  }
  for (let times = 0; times < 2; times++) collect({ type: "minor" });
  return made.filter((ref) => ref.deref() !== undefined).length;
}

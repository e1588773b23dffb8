import { setFlagsFromString } from "node:v8";

/**
 * Makes V8 begin every object among the young ones, in this process; to be called before the work begins. Where it has seen
 * many objects of one literal live long (those of connections that were kept open), it makes the later ones among the old,
 * for good: with short connections after that, each would stay with all it leads to until the next full garbage collection.
 */
export function beginYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}

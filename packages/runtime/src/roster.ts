/**
 * What is alive of a kind that comes and goes fast: a set of objects that each know their place.
 *
 * Not a `Set` or a `Map`: in V8 every table that one of these has outgrown leads to its successor. Once such a table has
 * become old, all tables behind it stay until the next full garbage collection, and with them what was in them: with some
 * thousand tunnels a second, that is every tunnel.
 */

/** An object that can stand in one roster at a time. */
export interface Seated {
  /** Its place, which the roster keeps; `NO_SEAT` for one that was never in any. */
  seat: number;
}

/** The seat of an object that stands nowhere yet. */
export const NO_SEAT = -1;

/** A set; adding, deleting and counting take constant time. */
export class Roster<T extends Seated> {
  readonly #seats: (T | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#seats.length - this.#free.length;
  }

  /** It must not stand in a roster. */
  add(member: T): void {
    const seat = this.#free.pop() ?? this.#seats.length;
    member.seat = seat;
    this.#seats[seat] = member;
  }

  /** Whether it was there. */
  delete(member: T): boolean {
    if (this.#seats[member.seat] !== member) return false;
    this.#seats[member.seat] = undefined;
    this.#free.push(member.seat);
    return true;
  }

  /** Those that are there when their turn comes, in no order. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (const member of this.#seats) if (member !== undefined) yield member;
  }
}

/** A list in order of arrival from which any member leaves in constant time. */

/** What a member carries; the list owns these fields while it is in. */
export interface FifoNode<T> {
  previous: T | undefined;
  next: T | undefined;
}

/** Doubly linked through its members. A member is in one list at most. */
export class FifoList<T extends FifoNode<T>> {
  #first: T | undefined;
  #last: T | undefined;

  get first(): T | undefined {
    return this.#first;
  }

  push(member: T): void {
    member.previous = this.#last;
    member.next = undefined;
    if (this.#last === undefined) this.#first = member;
    else this.#last.next = member;
    this.#last = member;
  }

  /** Takes out a member that is in this list. */
  remove(member: T): void {
    const { previous, next } = member;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    member.previous = undefined;
    member.next = undefined;
  }
}

import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { FifoList, type FifoNode } from "./fifo-list.ts";

interface Member extends FifoNode<Member> {
  readonly number: number;
}

it("FifoList behaves like an array, whoever leaves when", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(20))), (steps) => {
      const list = new FifoList<Member>();
      const model: Member[] = [];
      for (const [number, removeAt] of steps.entries()) {
        if (removeAt === null) {
          const member: Member = { number, previous: undefined, next: undefined };
          list.push(member);
          model.push(member);
        } else {
          const [gone] = model.splice(removeAt, 1);
          if (gone !== undefined) list.remove(gone);
        }
        assert.equal(list.first, model[0]);
      }
      for (const member of model) {
        assert.equal(list.first, member);
        list.remove(member);
      }
      assert.equal(list.first, undefined);
    }),
  );
});

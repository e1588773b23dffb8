import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { judgeDocstrings } from "./docstrings/judge.ts";

function judge(text: string): string[] {
  return judgeDocstrings([{ path: "packages/runtime/src/clock.ts", text }]);
}

const DECLARATIONS = [
  "export function age(): number {",
  "export async function* ages() {",
  "export class Age {",
  "export abstract class Age {",
  "export interface Age {",
  "export type Age = number;",
  "export const AGE = 1;",
];

suite("judgeDocstrings refuses", () => {
  for (const declaration of DECLARATIONS) {
    test(`${declaration} with nothing before it`, () => {
      assert.deepEqual(judge(`import "a";\n\n${declaration}\n`).length, 1);
    });
  }

  test("a docstring that is no sentence, a line comment, and one that stands apart", () => {
    for (const before of ["/** Age. */", "/** Age of it */", "// Age of it.", "/** Of it. */\n"]) {
      const faults = judge(`${before}\nexport const AGE = 1;\n`);
      assert.match(faults.join(), /^packages\/runtime\/src\/clock\.ts:\d: AGE has no docstring/);
    }
  });

  test("a docstring that says only what is thrown", () => {
    assert.equal(judge("/** @throws {Error} when it is late. */\nexport class Age {\n").length, 1);
  });
});

suite("judgeDocstrings allows", () => {
  for (const declaration of DECLARATIONS) {
    test(`${declaration} behind a sentence`, () => {
      assert.deepEqual(judge(`/** Years since birth. */\n${declaration}\n`), []);
    });
  }

  test("a docstring of several lines, with or without tags", () => {
    const text = "/**\n * Years since birth,\n * at least 0.\n * @throws {Error} never\n */";
    assert.deepEqual(judge(`${text}\nexport class Age {\n`), []);
  });

  test("further signatures of a function, types of a schema, and what is not exported", () => {
    const overloads = "export function a(b: 1): 1;\nexport function a(b: 2): 2;\n";
    assert.deepEqual(judge(`/** Gives it back. */\n${overloads}`), []);
    assert.deepEqual(judge("export type Hello = Static<typeof Hello>;\n"), []);
    assert.deepEqual(judge("const AGE = 1;\nexport { AGE };\n"), []);
  });
});

// Every numbered item of contract 8 about the API has a test.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const range = (first, last) => Array.from({ length: last - first + 1 }, (_, n) => first + n);
const WANTED = [...range(1, 20), 36, 37, ...range(43, 61)];

test("every number of contract 8 about the API has a test", () => {
  const here = import.meta.dirname;
  const files = readdirSync(here).filter((name) => name.endsWith(".test.js"));
  const text = files.map((name) => readFileSync(`${here}/${name}`, "utf8")).join("\n");

  const tested = [...text.matchAll(/^test\("(\d+)\. /gm)].map(([, number]) => Number(number));

  assert.deepEqual(
    [...new Set(tested)].sort((a, b) => a - b),
    WANTED,
  );
});

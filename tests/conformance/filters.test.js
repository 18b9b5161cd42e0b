// Contract 8, 49 to 51: every predicate, as the SDK sends it, and the plain names.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { send, cl, each, ended, errorIn, order, refused, someCopies } from "./shop.js";

const WITH = [
  { reference: "Alpha-1", metadata: { a: 1, tags: ["x", "y"] } },
  { reference: "alpha-2", metadata: { a: { b: true, c: 2 } }, place_target_order: true },
  { reference: "Beta_1", metadata: { a: true } },
  { reference: "", metadata: {} },
  { reference: null, metadata: {} },
];

// By predicate: the value, and the indexes of the copies that match.
const PREDICATES = {
  eq: ["alpha-2", [1]],
  eq_or_null: ["alpha-2", [1, 4]],
  not_eq: ["alpha-2", [0, 2, 3]],
  not_eq_or_null: ["alpha-2", [0, 2, 3, 4]],
  matches: ["%PHA-_", [0, 1]],
  does_not_match: ["alpha%", [2, 3]],
  matches_any: [
    ["%-1", "beta%"],
    [0, 2],
  ],
  matches_all: [["alpha%", "%-1"], [0]],
  does_not_match_any: [
    ["alpha%", "%1"],
    [1, 2, 3],
  ],
  does_not_match_all: [["alpha%", "%1"], [3]],
  lt: ["Beta", [0, 3]],
  lteq: ["Beta_1", [0, 2, 3]],
  gt: ["Beta_1", [1]],
  gteq: ["Beta_1", [1, 2]],
  present: [true, [0, 1, 2]],
  blank: [true, [3, 4]],
  null: [true, [4]],
  not_null: [false, [4]],
  in: [
    ["Alpha-1", "Beta_1"],
    [0, 2],
  ],
  in_or_null: ["Alpha-1,Beta_1", [0, 2, 4]],
  not_in: [
    ["Alpha-1", "Beta_1"],
    [1, 3],
  ],
  not_in_or_null: [
    ["Alpha-1", "Beta_1"],
    [1, 3, 4],
  ],
  lt_any: [
    ["Beta", "B"],
    [0, 3],
  ],
  lteq_any: [
    ["Alpha-1", ""],
    [0, 3],
  ],
  gt_any: [
    ["Beta", "alpha-3"],
    [1, 2],
  ],
  gteq_any: [
    ["Beta_1", "z"],
    [1, 2],
  ],
  lt_all: [["Beta", "Alpha"], [3]],
  lteq_all: [
    ["Beta", "Alpha-1"],
    [0, 3],
  ],
  gt_all: [["Beta", "a"], [1]],
  gteq_all: [["Beta_1", "alpha-2"], [1]],
  not_eq_all: [
    ["Alpha-1", "Beta_1"],
    [1, 3],
  ],
  start: ["alpha", [0, 1]],
  not_start: ["alpha", [2, 3]],
  start_any: [
    ["alpha", "beta"],
    [0, 1, 2],
  ],
  start_all: [["alpha", "alpha-1"], [0]],
  not_start_any: [
    ["alpha", "alpha-1"],
    [1, 2, 3],
  ],
  not_start_all: [["alpha", "beta"], [3]],
  end: ["-1", [0]],
  not_end: ["1", [1, 3]],
  end_any: [
    ["-1", "_1"],
    [0, 2],
  ],
  end_all: [["1", "-1"], [0]],
  not_end_any: [
    ["1", "-1"],
    [1, 2, 3],
  ],
  not_end_all: [["1", "2"], [3]],
  cont: ["TA_", [2]],
  not_cont: ["alpha", [2, 3]],
  cont_any: [
    ["ha", "ta"],
    [0, 1, 2],
  ],
  cont_all: [["ha", "1"], [0]],
  not_cont_all: [["ha", "ta"], [3]],
  i_cont: ["ALPHA", [0, 1]],
};

const OTHERS = [
  [{ metadata_jcont: { a: 1 } }, [0]],
  [{ metadata_jcont: { tags: ["y"] } }, [0]],
  [{ metadata_jcont: { a: { b: true } } }, [1]],
  [{ status_in: ["completed", "in_progress"] }, [0, 1, 2, 3, 4]],
  [{ failed_at_null: false }, []],
  [{ failed_at_null: true, reference_null: false }, [0, 1, 2, 3]],
  [{ reference_or_status_eq: "alpha-2" }, [1]],
  [{ reference_or_reference_origin_cont: "ETA" }, [2]],
  [{ errors_count_eq: 0, type_eq: "order_copies" }, [0, 1, 2, 3, 4]],
];

let made;

before(async () => {
  made = await someCopies(WITH);
  made.ids = made.copies.map(({ id }) => id);
  await Promise.all(made.copies.map((one) => ended(one)));
});

/** The indexes of the copies that match all filters. */
async function found(filters) {
  const copies = await cl.order_copies.list({ filters: { ...made.only, ...filters } });
  return each(copies, ({ id }) => made.ids.indexOf(id));
}

for (const [predicate, [value, numbers]] of Object.entries(PREDICATES)) {
  test(`49. reference_${predicate} finds the matching copies`, async () => {
    assert.deepEqual(await found({ [`reference_${predicate}`]: value }), numbers);
  });
}

for (const [filters, numbers] of OTHERS) {
  test(`49. ${JSON.stringify(filters)} finds the matching copies`, async () => {
    assert.deepEqual(await found(filters), numbers);
  });
}

test("49. the predicates true and false take true and false", async () => {
  const all = await cl.promotions.count();
  const counts = {};

  for (const predicate of ["true", "false"]) {
    for (const value of [true, false]) {
      const filters = { [`exclusive_${predicate}`]: value };
      counts[`${predicate}=${value}`] = await cl.promotions.count({ filters });
    }
  }

  assert.equal(counts["true=true"], counts["false=false"]);
  assert.equal(counts["true=false"], counts["false=true"]);
  assert.equal(counts["true=true"] + counts["false=true"], all);
});

test("49. copies are filtered by id and number of their source", async () => {
  const source = await order();
  const { number, id } = source;

  assert.equal((await found({ source_order_id_eq: id })).length, 5);
  assert.equal((await found({ source_order_number_eq: number })).length, 5);
  assert.equal((await found({ source_order_number_not_eq: number })).length, 0);
});

test("49. unknown predicates, unknown attributes and malformed values are refused", async () => {
  for (const [filters, code] of [
    [{ reference_regexp: "." }, "INVALID_FILTERS_SYNTAX"],
    [{ nothing_eq: "x" }, "FILTER_NOT_ALLOWED"],
    [{ source_order_payment_source_token_eq: "x" }, "FILTER_NOT_ALLOWED"],
    [{ errors_count_eq: "many" }, "INVALID_FILTER_VALUE"],
  ]) {
    await refused(cl.order_copies.list({ filters }), 400, code);
  }
});

/** The indexes of the copies that match plain filters, which the SDK passes through. */
async function plainly(params) {
  const copies = await cl.order_copies.list({ filters: made.only }, { params });
  return each(copies, ({ id }) => made.ids.indexOf(id));
}

test("50. plain attribute names are filters too", async () => {
  const [{ created_at }] = made.copies.slice(2);

  assert.deepEqual(await plainly({ "filter[status]": "completed" }), [0, 1, 2, 3, 4]);
  assert.deepEqual(await plainly({ "filter[status]": "pending,failed" }), []);
  assert.deepEqual(await plainly({ "filter[ids]": `${made.ids[3]},${made.ids[1]}` }), [1, 3]);
  assert.deepEqual(await plainly({ "filter[created_at_from]": created_at }), [2, 3, 4]);
  assert.deepEqual(await plainly({ "filter[created_at_to]": created_at }), [0, 1, 2]);
  assert.deepEqual(await plainly({ "filter[reference]": "Beta_1" }), [2]);
});

test("51. errors_log and place_target_order are no filters", async () => {
  const filters = ["errors_log_null", "place_target_order_true"];

  for (const filter of filters) {
    const call = cl.order_copies.list({ filters: { [filter]: true } });
    await refused(call, 400, "FILTER_NOT_ALLOWED");
  }
  for (const name of ["errors_log", "place_target_order"]) {
    const answer = await send("GET", `/order_copies?filter[${name}]=true`);
    assert.deepEqual(errorIn(answer).slice(0, 2), [400, "FILTER_NOT_ALLOWED"]);
  }
});
